"""Writes the plan that the current step of a run requires."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from webapp.base.db import db
from webapp.base.errors import Busy, Conflict, Forbidden, Invalid
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.plans.export import as_markdown
from webapp.plans.queries import generation_of, inputs_of
from webapp.plans.tables import Plan
from webapp.plans.types import service as plan_type_service
from webapp.plans.types.validation import Rejected
from webapp.plans.writing import service
from webapp.workflows.definition.definition import Definition, Step
from webapp.workflows.definition.slots import PLACEHOLDER, shown
from webapp.workflows.running.interpreter import text_for
from webapp.workflows.running.record import definition_of, locked_run, people_of
from webapp.workflows.state import RunState
from webapp.workflows.tables import WorkflowRun

# The kind of the generations that write these plans.
KIND = "workflow_plan"
NOT_FOR_GUESTS = "Guests can't use plans, and this step of the workflow writes one."
# The chat shows this much of a longer plan; the whole plan has its own page.
MOST_CHARS = 20_000
WRITING = "The plan is already being written."
ELSEWHERE = "The plan is being written on its own page. Resume when it is complete."


def begin(run: WorkflowRun) -> None:
    """Starts the plan of the current step, or continues an unfinished one; raises `Busy` while it is being written."""
    owner = db.session.get_one(User, run.owner_id)
    if not may(owner, "plans"):
        raise Forbidden(NOT_FOR_GUESTS)
    origin, plan = service.Origin(KIND, partial(_joined, run.id)), plan_of(run)
    type, values = _wanted(run)
    _refuse_if_running(plan)
    is_begun = plan is not None and plan.status == "partial" and not plan.is_kept
    if plan and is_begun and (plan.type, inputs_of(plan).values) == (type, values):
        service.finish_it(plan, origin=origin)
    else:
        service.make(service.submit(owner, type, values), origin=origin)


def completed_elsewhere(run: WorkflowRun) -> Plan | None:
    """Returns the current step's plan if its person completed or kept it on the plan's page while the run was paused."""
    plan = plan_of(run)
    if not plan or run.plan_step != run.current_state.step or not (plan.status == "completed" or plan.is_kept):
        return None
    return plan if (plan.type, inputs_of(plan).values) == _wanted(run) else None


def _refuse_if_running(plan: Plan | None) -> None:
    """Raises if the plan is being written; a generation started on the plan's own page does not advance the run when it ends."""
    if not plan or not plan.is_running:
        return
    writing = generation_of(plan)
    if writing and writing.kind != KIND:
        raise Conflict(ELSEWHERE)
    raise Busy(WRITING, generation=plan.generation_id or "")


def plan_of(run: WorkflowRun) -> Plan | None:
    """Returns the last plan that the run wrote, if it still exists."""
    return db.session.get(Plan, run.plan_id, populate_existing=True) if run.plan_id else None


def text_of(plan: Plan) -> str:
    """Returns a plan as the text of a message."""
    return as_markdown(plan.title, plan.schema, plan.content)[:MOST_CHARS]


def _wanted(run: WorkflowRun) -> tuple[str, dict[str, Any]]:
    """Returns the plan type of the current step, and the values of its fields from the answers so far."""
    definition, state = definition_of(run), run.current_state
    step = definition.by_id[state.step]
    type = plan_type_service.get(step.text)
    values = _inputs(definition, state, step, people_of(db.session(), run), type.inputs["properties"])
    try:
        return type.slug, type.filled(values)
    except Rejected as error:
        wrong = "; ".join(f"{name}: {sentence}" for name, sentence in error.fields.items())
        raise Invalid(f"The plan can't be written from these answers. {wrong}") from error


def _joined(run_id: str, session: Session, plan: Plan) -> None:
    """Links the plan to the run; of two requests that start it at the same time, one is refused."""
    run = locked_run(session, run_id)
    if not run.is_due:
        raise Conflict("The workflow has continued elsewhere.")
    other = session.get(Plan, run.plan_id) if run.plan_id else None
    _refuse_if_running(other if other is not plan else None)
    run.plan_id, run.plan_step = plan.id, run.current_state.step


def _inputs(
    definition: Definition, state: RunState, step: Step, people: Mapping[str, str], fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns a value for each field that has one; the others keep their defaults."""
    inputs: dict[str, Any] = {}
    for name, schema in fields.items():
        text = step.inputs.get(name, "")
        alone = PLACEHOLDER.fullmatch(text.strip())
        value = state.slots.get(alone.group(1)) if alone else None
        value = text_for(definition, state, text, people) if value is None else value
        if value not in (None, "", []):
            inputs[name] = _fitting(value, str(schema.get("type", "string")))
    return inputs


def _fitting(value: Any, type: str) -> Any:
    """Converts a value to a list of lines, a number or a text, if the field's type is one of these; the type validates it."""
    if type == "array" and not isinstance(value, list):
        return [line.strip() for line in shown(value).splitlines() if line.strip()]
    if type in ("integer", "number") and isinstance(value, str):
        return _number(value)
    return shown(value) if type == "string" else value


def _number(text: str) -> Any:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return text
    return int(number) if number.is_integer() else number
