"""Workflows and runs as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from webapp.base.db import db
from webapp.base.languages import gettext as _
from webapp.chat.record.leader import Leader
from webapp.chat.record.tables import Chat
from webapp.engine.engine import the_engine
from webapp.engine.generations import active_generation
from webapp.knowledge import formats
from webapp.plans.pages import shown as plans_shown
from webapp.plans.queries import generation_of, inputs_of
from webapp.rendering.text import first_words
from webapp.web.addresses import address
from webapp.workflows import queries, service
from webapp.workflows.definition.definition import Definition, Step
from webapp.workflows.definition.sentences import MOST_TITLE, sentence
from webapp.workflows.definition.slots import Slot, shown, text_of
from webapp.workflows.running import planning
from webapp.workflows.running.interpreter import proposal, slot_of, text_for
from webapp.workflows.running.record import definition_of, people_of
from webapp.workflows.running.service import KIND
from webapp.workflows.running.step_prompt import STEP
from webapp.workflows.state import MODEL_ANSWERED, MODEL_FAILED, TOOL_FAILED, RunState
from webapp.workflows.tables import WorkflowRun
from webapp.workspace.home.open_work_shown import OpenWork

STATES = {
    "running": "Running",
    "waiting": "In progress",
    "paused": "Paused",
    "completed": "Completed",
    "cancelled": "Canceled",
    "failed": "Stopped",
}
# Of runs that have not ended, in a list of what a person can go on with.
OPEN = {"running": "running", "waiting": "waiting for your answer", "paused": "paused"}
# `FIELDS` is the HTML input mode for a type of slot.
FORMATS = formats.IN_WORDS[:1].upper() + formats.IN_WORDS[1:]
FIELDS = {"number": "decimal", "email": "email"}


@dataclass(frozen=True, slots=True)
class ProgressStep:
    """A step in the list of a run's steps."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer, with the URL to change it."""

    label: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class CurrentQuestion:
    """The current question, and how it can be answered."""

    ask: str
    options: tuple[str, ...] = ()
    is_multi: bool = False
    mode: str = "text"
    is_long: bool = False
    type: str = "text"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """The panel below the messages of a run."""

    id: str
    seq: int
    title: str
    status: str
    words: str
    why: str
    here: str
    dots: tuple[ProgressStep, ...]
    facts: tuple[GivenAnswer, ...]
    question: CurrentQuestion | None
    refusal: str
    typed: str
    can_skip: bool
    can_back: bool
    has_ended: bool
    is_own: bool
    stop_url: str
    is_parked: bool
    doing: str
    can_ask: bool
    handed_to: str
    can_write: bool


def panel(run: WorkflowRun, right: str) -> Panel:
    definition, state = definition_of(run), run.current_state
    step, slot = definition.by_id.get(state.step), slot_of(definition, state)
    is_waiting = state.status == "waiting"
    active = active_generation(f"chat:{run.chat_id}") if state.status == "running" else None
    is_parked = active is not None and active.is_parked
    why = run.refusal.get("words", "")
    dots = tuple(_dots(definition, state))
    return Panel(
        id=run.id,
        seq=run.seq,
        title=definition.title,
        status=state.status,
        words=_(STATES[state.status]),
        why=why_paused(run, state),
        here="" if state.has_ended else _here(dots),
        dots=dots,
        facts=tuple(facts(run, definition, state)) if right == "own" else (),
        question=question(run, definition, state) if is_waiting else None,
        refusal=why if is_waiting else "",
        typed=run.refusal.get("typed", "") if is_waiting else "",
        can_skip=is_waiting and (slot is None or slot.is_optional),
        can_back=is_waiting and len(state.trail) > 1,
        has_ended=state.has_ended,
        can_ask=is_waiting and slot is not None,
        handed_to=state.handed_to,
        can_write=bool(state.handed_to) and right in ("own", "write"),
        is_own=right == "own",
        stop_url=url_for("chat.stop", id=active.id) if active and right == "own" else "",
        is_parked=is_parked,
        doing=_doing(step, is_parked=is_parked),
    )


def _here(dots: Sequence[ProgressStep]) -> str:
    """Returns how far a run is; its question stands below, so it isn't repeated."""
    numbers = [number for number, dot in enumerate(dots, 1) if dot.state == "here"]
    return _("Step %(number)s of %(count)s", number=numbers[0], count=len(dots)) if numbers else ""


def _doing(step: Step | None, *, is_parked: bool) -> str:
    """Returns what happens while nothing is asked."""
    if is_parked:
        return _("Waiting for your decision, above.")
    return _("A tool is being used.") if step and step.verb == "tool" else _("The answer is being written.")


def question(run: WorkflowRun, definition: Definition, state: RunState) -> CurrentQuestion:
    """Returns the current question; in a chat step, the person replies freely."""
    slot = slot_of(definition, state)
    if slot is None:
        return CurrentQuestion(_("Your reply"), is_long=True)
    if state.proposed:
        return CurrentQuestion(proposal(slot, state.proposed), ("yes", "no"), type="yes/no")
    ask = question_text(run, slot)
    options = ("yes", "no") if slot.type == "yes/no" else slot.options
    is_long = slot.type == "text" and (slot.most or 1_000) > 200
    hint = _("%(formats)s. The file is kept under Knowledge, for you alone.", formats=_(FORMATS)) if slot.type == "file" else ""
    return CurrentQuestion(ask, options, slot.type == "multi", FIELDS.get(slot.type, "text"), is_long, slot.type, hint)


def question_text(run: WorkflowRun, slot: Slot) -> str:
    return text_for(definition_of(run), run.current_state, slot.ask, people_of(db.session(), run))


def facts(run: WorkflowRun, definition: Definition, state: RunState) -> list[GivenAnswer]:
    """Returns the answers so far in the order of the slots; they can't be changed once the run has ended."""
    names = [name for name in definition.slots if name in state.slots]
    is_open = not state.has_ended and state.status != "running"
    urls = {name: url_for("runs.fact", id=run.id, name=name) if is_open else "" for name in names}
    return [GivenAnswer(label(name), shown(state.slots[name]), urls[name]) for name in names]


def typed(slot: Slot, state: RunState) -> str:
    """Returns an answer as text for its form field."""
    return text_of(state.slots.get(slot.name))


def label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def step_title(definition: Definition, id: str) -> str:
    """Returns what a step is called: by its question, or by what it does."""
    step = definition.by_id.get(id)
    if not step:
        return ""
    slot = definition.slots.get(step.slot)
    return first_words(slot.ask if slot else sentence(step.verb, step.text, {}), MOST_TITLE) or label(id)


def of_chat(chat: Chat, right: str) -> dict[str, Any]:
    if not (run := queries.run_of(chat.id)):
        return {"panel": None}
    plan, last = plan_being_written(run), planning.plan_of(run) if right == "own" else None
    plan_url = url_for("plans.show", id=last.id) if last and not last.is_running else ""
    feed_url = url_for("runs.plan_events", id=run.id) if plan and right == "own" else ""
    newest = service.newest(run.slug) if right == "own" and run.version and not run.current_state.has_ended else 0
    move_url = url_for("runs.show_move", id=run.id) if newest > run.version else ""
    more = {"move_url": move_url, "plan_url": plan_url, "feed_url": feed_url, "refreshes": run.status == "running"}
    return {"panel": panel(run, right), "plan": plan, **more}


def plan_being_written(run: WorkflowRun) -> plans_shown.ShownPlan | None:
    """Returns the plan that is being written for the current step."""
    plan = planning.plan_of(run) if run.is_due else None
    if not plan or not plan.is_running:
        return None
    return plans_shown.plan(the_engine(), plan, generation_of(plan), inputs_of(plan).values)


LEADER = Leader(KIND, "workflows/_panel.html", of_chat, STEP.key)


def is_interrupted(state: RunState) -> bool:
    """Returns whether a run is paused although it is a model's turn: its call failed or was stopped."""
    return state.status == "paused" and state.due


def why_paused(run: WorkflowRun, state: RunState) -> str:
    """Returns the reason for a pause, if a failed model call caused it; empty if a person paused the run or stopped the model."""
    if not is_interrupted(state):
        return ""
    run_event = queries.last_event(run, MODEL_FAILED, MODEL_ANSWERED, TOOL_FAILED)
    if run_event and run_event.kind != MODEL_FAILED:
        # A call failed, or what it returned didn't fit.
        return state.said.get(state.step, "")
    return run_event.value if run_event else ""


def refusing_budget(run: WorkflowRun) -> str:
    """Returns the id of the budget that refused the call for which a run is paused; empty if none did."""
    run_event = queries.last_event(run, MODEL_FAILED) if is_interrupted(run.current_state) else None
    return run_event.name if run_event else ""


def _dots(definition: Definition, state: RunState) -> list[ProgressStep]:
    """Returns the steps at which a person or a model acts; once the run has ended, steps it skipped are left out."""
    steps = [step for step in definition.steps if step.verb in ("collect", "chat", "generate", "tool")]
    dots = {step.id: "here" if step.id == state.step else "done" if step.id in state.outcomes else "ahead" for step in steps}
    return [ProgressStep(step_title(definition, id), dot) for id, dot in dots.items() if dot != "ahead" or not state.has_ended]


def open_work(owner_id: str, limit: int) -> list[OpenWork]:
    """Returns the runs that the home page shows: those that have not ended."""
    return [
        OpenWork(
            definition_of(run).title,
            f"{address('chat.show', run.chat_id)}#end",
            _(OPEN.get(run.status, OPEN["running"])),
            is_running=run.status == "running",
        )
        for run in queries.runs_of(owner_id, status="open", limit=limit)
    ]
