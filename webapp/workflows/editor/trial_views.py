"""/workflows/preview: the text of the editor is tried beside it, from its beginning or from one of its steps on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from markupsafe import Markup

from webapp.base.db import db
from webapp.base.errors import AppError, Invalid
from webapp.chat.messages import chats, renderings
from webapp.chat.record import queries as chat_queries
from webapp.chat.record.tables import Chat
from webapp.engine.engine import the_engine
from webapp.people.accounts.guards import admin_only, current_user, signed_in
from webapp.web.htmx import is_htmx, render
from webapp.workflows import queries, service as workflow_service, shown
from webapp.workflows.definition.definition import Definition, Step
from webapp.workflows.definition.slots import UnfitAnswer
from webapp.workflows.editor.views import editor, whole
from webapp.workflows.running import service as run_service, trial
from webapp.workflows.running.record import definition_of
from webapp.workflows.state import Event, RunState
from webapp.workflows.tables import WorkflowRun
from webapp.workflows.views import own_run, typed_value

bp = Blueprint("trials", __name__, url_prefix="/workflows/preview")
DEEDS = ("answer", "back", "skip", "resume")
# What the buttons of the steps send, each with its index; and the names of the fields for what such a step needs.
FROM, INPUT = "from ", "input_"


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A message in a trial."""

    role: str
    html: Markup


@dataclass(frozen=True, slots=True)
class StepTrial:
    """A trial from a step on, with what it needs from the steps before; `index` is that of the step's card."""

    index: int
    inputs: Sequence[trial.TrialInput]

    @classmethod
    def at(cls, definition: Definition, step: Step, last: RunState) -> "StepTrial":
        return cls(definition.steps.index(step), trial.inputs_at(definition, step, last))


@bp.post("")
@admin_only
def happen() -> Response:
    """Starts a trial or sends it an event; the form includes the editor's text, so that a page without JavaScript keeps it."""
    source = whole()
    before = own_run(request.form["preview"]) if request.form.get("preview") else None
    deed = request.form.get("deed", "")
    if deed.startswith(FROM):
        return _from_step(deed.removeprefix(FROM), before, source)
    try:
        run = _next_trial(before, source, deed)
    except AppError as refusal:
        return _trial(before, source, refusal)
    return _trial(run, source)


@bp.get("/<id>")
@signed_in
def show_trial(id: str) -> Response:
    """Renders the current state of a trial."""
    return render("workflows/_preview.html", **_trial_context(own_run(id)))


def _next_trial(run: WorkflowRun | None, source: str, deed: str) -> WorkflowRun:
    value = deed.removeprefix("option:") if deed.startswith("option:") else typed_value("said")
    deed = "answer" if deed.startswith("option:") else deed
    if run and deed in DEEDS:
        return run_service.apply_event(run, Event(deed, value if deed == "answer" else ""))
    if run and deed == "look":
        return run
    return _begun(run, source, run_service.BEGIN)


def _begun(before: WorkflowRun | None, source: str, begin: Event, files_id: str | None = None) -> WorkflowRun:
    """Starts a trial and deletes the one before: only the last is kept."""
    old_id = before.chat_id if before else ""
    run = run_service.try_out(current_user(), source, is_demo="demo" in request.form, begin=begin, files_id=files_id)
    if old_id and (old := db.session.get(Chat, old_id)) and not old.deleted_at:
        chats.trash(old)
    return run


def _from_step(number: str, before: WorkflowRun | None, source: str) -> Response:
    """Starts a trial at a step, or asks for what neither the last run nor the form has."""
    start: StepTrial | None = None
    try:
        definition = workflow_service.runnable(source)
        step = _step(definition, number)
        run = before or queries.last_run(current_user().id, definition.slug)
        last = run.current_state if run else RunState()
        start = StepTrial.at(definition, step, last)
        is_answered = request.form.get("inputs_at") == number
        if not is_answered and not all(wanted.text for wanted in start.inputs):
            return _trial(None, source, start=start)
        begin = trial.beginning(definition, step, last, _typed_inputs() if is_answered else {})
        return _trial(_begun(before, source, begin, run.collection_id if run else None), source)
    except UnfitAnswer as error:
        return _trial(None, source, Invalid(str(error)), start=start)
    except AppError as refusal:
        return _trial(before, source, refusal)


def _typed_inputs() -> dict[str, str]:
    return {name.removeprefix(INPUT): value for name, value in request.form.items() if name.startswith(INPUT)}


def _step(definition: Definition, number: str) -> Step:
    """Returns the step of a card."""
    index = int(number[:9]) if number.isascii() and number.isdecimal() else -1
    if not 0 <= index < len(definition.steps):
        raise Invalid("That step isn't there any more.")
    return definition.steps[index]


def _trial(run: WorkflowRun | None, source: str, refusal: AppError | None = None, start: StepTrial | None = None) -> Response:
    why = refusal.message if refusal else ""
    context = _trial_context(run, refusal) if run else {"trial": None, "why": why, "start": start}
    if is_htmx():
        return render("workflows/_preview.html", **context)
    return editor(source, refusal=None if run or start else refusal, **context)


def _trial_context(run: WorkflowRun, refusal: AppError | None = None) -> dict[str, Any]:
    run = own_run(run.id)
    panel = shown.panel(run, "own")
    chat = db.session.get_one(Chat, run.chat_id)
    texts = [(message.role, chat_queries.text_so_far(the_engine(), message)) for message in chat_queries.thread(chat)]
    lines = [ChatLine(role, Markup(renderings.render_markdown(text) if text.strip() else "")) for role, text in texts]
    why = panel.refusal or panel.why or (refusal.message if refusal else "")
    state = {"trial": panel, "lines": lines, "why": why, "start": _start_of(run)}
    return {**state, "chat_id": run.chat_id, "trial_is_demo": chat.model == run_service.DEMO}


def _start_of(run: WorkflowRun) -> StepTrial | None:
    """Returns where a trial began and what it had there; None if it began at the first step."""
    begin, definition = queries.last_event(run, run_service.BEGIN.kind), definition_of(run)
    if not begin or not begin.name:
        return None
    return StepTrial.at(definition, definition.by_id[begin.name], RunState(**json.loads(begin.value)))
