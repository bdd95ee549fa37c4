"""Has a plan written in a run, as what its present step says."""

from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts.roles import may
from webapp.accounts.tables import User
from webapp.db import db
from webapp.errors import Busy, Conflict, Forbidden, Invalid
from webapp.plans import plan_types, service
from webapp.plans.checking import Rejected
from webapp.plans.export import as_markdown
from webapp.plans.queries import generation_of, inputs_of
from webapp.plans.service import Whence
from webapp.plans.tables import Plan
from webapp.workflows.plan_inputs import inputs
from webapp.workflows.record import definition_of, held, people_of
from webapp.workflows.tables import WorkflowRun

# Of what models say in these plans.
KIND = "workflow_plan"
NOT_FOR_GUESTS = "Guests can't use plans, and this step of the workflow writes one."
# Of a plan that is longer, the chat has the beginning; the whole of it is its own page.
MOST_CHARS = 20_000
WRITING = "The plan is being written already."
ELSEWHERE = "The plan is being written on its own page. Resume when it is complete."


def begin(run: WorkflowRun) -> None:
    """Begins the plan of the present step, or goes on with what there is of it; raises `Busy` while it is being written."""
    owner = db.session.get_one(User, run.owner_id)
    if not may(owner.role, "make plans"):
        raise Forbidden(NOT_FOR_GUESTS)
    whence, plan = Whence(KIND, partial(_joined, run.id)), plan_of(run)
    type, values = _wanted(run)
    _refuse_if_running(plan)
    if plan and _is_begun(plan) and (plan.type, inputs_of(plan).values) == (type, values):
        service.finish_it(plan, whence=whence)
    else:
        service.make(service.submit(owner, type, values), whence=whence)


def completed_elsewhere(run: WorkflowRun) -> Plan | None:
    """The plan of the present step, if its person has had it completed or kept it on its own page while the run was paused."""
    plan = plan_of(run)
    if not plan or run.plan_step != run.place.step or not (plan.status == "completed" or plan.is_kept):
        return None
    return plan if (plan.type, inputs_of(plan).values) == _wanted(run) else None


def _refuse_if_running(plan: Plan | None) -> None:
    """When one that its person has begun on its own page ends, no run hears of it."""
    if not plan or not plan.is_running:
        return
    writing = generation_of(plan)
    if writing and writing.kind != KIND:
        raise Conflict(ELSEWHERE)
    raise Busy(WRITING, generation=plan.generation_id or "")


def plan_of(run: WorkflowRun) -> Plan | None:
    """The last plan that was written in a run, if it is still there."""
    return db.session.get(Plan, run.plan_id, populate_existing=True) if run.plan_id else None


def told(plan: Plan) -> str:
    """A plan as a message."""
    return as_markdown(plan.title, plan.schema, plan.content)[:MOST_CHARS]


def _is_begun(plan: Plan) -> bool:
    """Whether there is something of it that the run has not gone on with."""
    return plan.status == "partial" and not plan.is_kept


def _wanted(run: WorkflowRun) -> tuple[str, dict[str, Any]]:
    """The plan type of the present step, and what the answers so far make of its fields."""
    definition, place = definition_of(run), run.place
    step = definition.by_id[place.step]
    type = plan_types.get(step.text)
    values = inputs(definition, place, step, people_of(db.session(), run), type.inputs["properties"])
    try:
        return type.slug, type.filled(values)
    except Rejected as error:
        wrong = "; ".join(f"{name}: {sentence}" for name, sentence in error.fields.items())
        raise Invalid(f"The plan can't be written from these answers. {wrong}") from error


def _joined(run_id: str, session: Session, plan: Plan) -> None:
    """Of two that begin it at once, one does."""
    run = held(session, run_id)
    if not run.is_due:
        raise Conflict("The workflow has continued elsewhere.")
    other = session.get(Plan, run.plan_id) if run.plan_id else None
    _refuse_if_running(other if other is not plan else None)
    run.plan_id, run.plan_step = plan.id, run.place.step
