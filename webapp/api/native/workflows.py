"""/api/v1/workflows: definitions and their versions; /api/v1/runs: what was started from them, and operations on it."""

from datetime import datetime
from typing import Any, Literal

from flask import Blueprint, request
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import STARTS, idempotency_key, operation
from webapp.api.schemas import Answer, Body, Paged, Query, Text
from webapp.base.db import MOST_NUMBER
from webapp.base.errors import Invalid
from webapp.base.inputs import Line
from webapp.knowledge.documents import service as document_service
from webapp.people.accounts.guards import audit_author, found, refuse_unless_admin
from webapp.web.pagination import cut
from webapp.web.uploads import expect_files
from webapp.workflows import files, queries, service as workflow_service
from webapp.workflows.definition.slots import text_of
from webapp.workflows.running import service as run_service
from webapp.workflows.running.record import definition_of
from webapp.workflows.shown import question, why_paused
from webapp.workflows.state import Event
from webapp.workflows.tables import WorkflowRun

runs_bp = Blueprint("api_runs", __name__, url_prefix="/api/v1/runs")
State = Literal["running", "waiting", "paused", "completed", "cancelled", "failed"]


class StepAnswer(Answer):
    id: str
    verb: str
    ask: str = Field(description="The current question; empty if there is none.")
    options: list[str]


class RunAnswer(Answer):
    id: str
    chat_id: str
    thread_id: str
    workflow: str
    version: int
    state: State = Field(description="`waiting` whenever you are asked; `running` while a model writes.")
    step: StepAnswer | None
    slots: dict[str, Any]
    why: str = Field(description="Why the run is paused, if a model could not be called; `resume` tries again. Else empty.")
    proposed: str = Field(description="What a model has read in an answer that doesn't fit: `yes` confirms it. Else empty.")
    handed_to: str = Field(description="The group that it was handed over to; empty for none.")
    created_at: datetime
    changed_at: datetime


class RunList(Answer):
    runs: list[RunAnswer]
    next_cursor: str


class RunsQuery(Paged):
    limit: int = Field(queries.MOST_RUNS, ge=1, le=200)
    state: State | Literal["", "open"] = Field("", description="Only runs in this state; `open` are those that have not ended.")


class EventAnswer(Answer):
    seq: int
    kind: str
    name: str
    value: str
    refusal: str
    at: datetime


class EventList(Answer):
    events: list[EventAnswer]
    next_after: int | None


class RunEventsQuery(Query):
    after: int = Field(0, ge=0, le=MOST_NUMBER)
    limit: int = Field(100, ge=1, le=200)


class Value(Body):
    value: str | int | float | bool | list[str] = Field(description="As the slot's type says; a text is read by its rules.")


class FileQuery(Query):
    fact: str = Field(
        "", max_length=40, description="The name of an earlier answer that the file replaces; empty for the question."
    )


class StepQuestion(Body):
    question: Text


class ChangedSlot(Value):
    confirm: bool = Field(False, description="Without it nothing is changed.")


class Move(Body):
    version: int = Field(0, ge=0, description="0 for the published one.")
    confirm: bool = False


class Redone(Answer):
    """The consequences of a change to a run, shown before it is confirmed and after."""

    steps: list[str] = Field(description="Steps that will be done again, or are new in the other version.")
    dropped: list[str] = Field(description="Answers that will no longer count, or steps that are gone in the other version.")
    is_done: bool
    run: RunAnswer


@runs_bp.get("", endpoint="index")
@operation("List your runs, newest first", scope="read", query=RunsQuery, answer=RunList)
def index_runs(query: RunsQuery) -> RunList:
    rows = queries.runs_of(caller().id, status=query.state, limit=query.limit + 1, before=query.cursor, with_trials=True)
    page = cut(rows, query.limit)
    return RunList(runs=[_run(row) for row in page.rows], next_cursor=page.next_cursor)


@runs_bp.get("/<id>", endpoint="show")
@operation("Show a run", scope="read", answer=RunAnswer)
def show_run(id: str) -> RunAnswer:
    return _run(_own(id))


@runs_bp.get("/<id>/events")
@operation("List what has happened in a run, oldest first", scope="read", query=RunEventsQuery, answer=EventList)
def events(id: str, query: RunEventsQuery) -> EventList:
    rows = queries.events_of(_own(id), after=query.after, limit=query.limit)
    return EventList(events=[EventAnswer.of(row) for row in rows], next_after=rows[-1].seq if len(rows) == query.limit else None)


@runs_bp.post("/<id>/answer")
@operation(
    "Answer the current question; 422 says what is expected",
    scope="workflows",
    body=Value,
    answer=RunAnswer,
    takes_key=True,
    errors=STARTS,
)
def answer(id: str, body: Value) -> RunAnswer:
    return _run(run_service.apply_event(_own(id), Event("answer", text_of(body.value)), key=idempotency_key()))


@runs_bp.post("/<id>/file")
@operation(
    "Answer the current question with a file, or change an earlier one; it is kept in a collection of yours",
    scope="workflows",
    query=FileQuery,
    upload_field="file",
    answer=RunAnswer,
    errors=(409, 413, 422),
)
def bring(id: str, query: FileQuery) -> RunAnswer:
    run = _own(id)
    expect_files(document_service.most_bytes())
    sent_file = request.files.get("file")
    if not sent_file or not sent_file.filename:
        raise Invalid("Send a file in the field `file`.", field="file")
    file = document_service.UploadedDocument(sent_file.stream, sent_file.filename)
    changed = files.change(run, query.fact, file, by=caller()) if query.fact else files.answer(run, file, by=caller())
    return _run(changed)


@runs_bp.post("/<id>/ask")
@operation(
    "Ask a question of your own, which a model answers before the current question is repeated",
    scope="workflows",
    body=StepQuestion,
    answer=RunAnswer,
    takes_key=True,
    errors=STARTS,
    named={"value": "question"},
)
def ask(id: str, body: StepQuestion) -> RunAnswer:
    return _run(run_service.apply_event(_own(id), Event("ask", body.question), key=idempotency_key()))


def _add_event(kind: str, summary: str) -> None:
    """Adds the operation for an event of which nothing but its kind is sent."""

    # In a run the refusal names the page's only field; this request has none.
    @runs_bp.post(f"/<id>/{kind}", endpoint=kind)
    @operation(summary, scope="workflows", answer=RunAnswer, errors=(409,), named={"value": ""})
    def apply(id: str) -> RunAnswer:
        return _run(run_service.apply_event(_own(id), Event(kind)))


for kind, summary in (
    ("back", "Go back to the question before"),
    ("skip", "Skip an optional question"),
    ("pause", "Pause a run"),
    ("resume", "Resume a paused run"),
    ("cancel", "Cancel a run"),
):
    _add_event(kind, summary)


@runs_bp.put("/<id>/facts/<name>")
@operation(
    "Change an earlier answer, or see what that would redo", scope="workflows", body=ChangedSlot, answer=Redone, errors=(409, 422)
)
def change(id: str, name: str, body: ChangedSlot) -> Redone:
    run, value = _own(id), text_of(body.value)
    redone = run_service.redone(run, name, value)
    if body.confirm:
        run = run_service.apply_event(run, Event("change", value, name))
    return Redone(steps=list(redone.steps), dropped=list(redone.dropped), is_done=body.confirm, run=_run(run))


@runs_bp.post("/<id>/move")
@operation("Move a run to another version, or see the difference", scope="workflows", body=Move, answer=Redone, errors=(409, 422))
def move(id: str, body: Move) -> Redone:
    run = _own(id)
    moved = run_service.move(run, body.version or workflow_service.published(run.slug).version, confirm=body.confirm)
    return Redone(steps=list(moved.steps), dropped=list(moved.dropped), is_done=body.confirm, run=_run(_own(id)))


def _run(run: WorkflowRun) -> RunAnswer:
    state = run.current_state
    named = {"thread_id": run.chat_id, "workflow": run.slug, "state": run.status, "step": _step(run)}
    about = {"why": why_paused(run, state), "proposed": state.proposed, "handed_to": state.handed_to}
    return RunAnswer.of(run, **named, slots=dict(state.slots), **about)


def _step(run: WorkflowRun) -> StepAnswer | None:
    definition, state = definition_of(run), run.current_state
    step = definition.by_id.get(state.step)
    if step is None or state.has_ended:
        return None
    due = question(run, definition, state) if state.status == "waiting" else None
    return StepAnswer(
        id=step.id,
        verb=step.verb,
        ask=due.ask if due else "",
        options=list(due.options) if due else [],
    )


def _own(id: str) -> WorkflowRun:
    return found(queries.own_run(caller().id, id))


bp = Blueprint("api_workflows", __name__, url_prefix="/api/v1/workflows")


class WorkflowAnswer(Answer):
    slug: str
    title: str
    about: str
    minutes: int = Field(description="About how long a run takes; 0 if unknown.")
    version: int = Field(description="The published version, which new runs follow; 0 if there is none.")
    has_draft: bool = Field(description="Whether the draft differs from the published version.")
    is_shipped: bool
    checksum: str


class WorkflowVersionAnswer(Answer):
    number: int
    note: str
    published_at: datetime


class WholeWorkflow(WorkflowAnswer):
    definition: str = Field(description="The published text, or the draft where nothing is published.")
    draft: str = Field(description="The draft, for admins; empty for others.")
    versions: list[WorkflowVersionAnswer]


class WorkflowList(Answer):
    workflows: list[WorkflowAnswer]


class NewDefinition(Body):
    definition: str = Field(description="YAML or JSON text.")
    replace: bool = Field(False, description="Also replaces another person's unpublished draft; else that is a 409.")


class Note(Body):
    note: Line = ""


class NoFields(Body):
    """An empty body."""


@bp.get("")
@operation("List the workflows", scope="read", answer=WorkflowList)
def index() -> WorkflowList:
    is_admin = caller().is_admin
    return WorkflowList(
        workflows=[WorkflowAnswer(**_facts(entry)) for entry in workflow_service.entries() if entry.version or is_admin]
    )


@bp.post("")
@operation(
    "Save a draft: of a new workflow, or of the one its text names (admins); 422 has `errors` with line, column and hint",
    scope="workflows",
    body=NewDefinition,
    answer=WholeWorkflow,
    status=201,
    errors=(409, 422),
)
def save(body: NewDefinition) -> WholeWorkflow:
    refuse_unless_admin(caller())
    slug = workflow_service.save(body.definition, author=audit_author(), replaces="any" if body.replace else "own")
    return _answer_of(workflow_service.get(slug))


@bp.get("/<slug>")
@operation("Show a workflow with its versions", scope="read", answer=WholeWorkflow)
def show(slug: str) -> WholeWorkflow:
    return _answer_of(workflow_service.get(slug) if caller().is_admin else workflow_service.published(slug))


@bp.delete("/<slug>")
@operation("Delete a workflow (admins); runs in progress continue", scope="workflows", status=204, errors=(409,))
def delete(slug: str) -> None:
    refuse_unless_admin(caller())
    workflow_service.remove(slug, author=audit_author())


@bp.post("/<slug>/publish")
@operation("Publish the draft (admins)", scope="workflows", body=Note, answer=WholeWorkflow, errors=(409, 422))
def publish(slug: str, body: Note) -> WholeWorkflow:
    refuse_unless_admin(caller())
    workflow_service.publish(slug, body.note, author=audit_author())
    return _answer_of(workflow_service.get(slug))


@bp.post("/<slug>/runs")
@operation("Start a run", scope="workflows", body=NoFields, answer=RunAnswer, status=201, takes_key=True, errors=STARTS)
def start(slug: str, body: NoFields) -> RunAnswer:
    return _run(run_service.start(caller(), slug, key=idempotency_key()))


def _facts(entry: workflow_service.StoredWorkflow) -> dict[str, Any]:
    about = {name: getattr(entry.headline, name) for name in ("title", "about", "minutes")}
    return about | {name: getattr(entry, name) for name in ("slug", "version", "has_draft", "is_shipped", "checksum")}


def _answer_of(entry: workflow_service.StoredWorkflow) -> WholeWorkflow:
    is_admin = caller().is_admin
    texts: dict[str, Any] = {"definition": entry.source or entry.draft, "draft": entry.draft if is_admin else ""}
    return WholeWorkflow(
        **_facts(entry),
        **texts,
        versions=[WorkflowVersionAnswer.of(version) for version in workflow_service.versions(entry.slug)],
    )
