"""The pages of workflows: the list, and the actions in a run, which only its owner may take, whatever the role of others."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.base.db import db
from webapp.base.errors import AppError, Conflict, Invalid
from webapp.chat.record.access import right_in
from webapp.chat.record.tables import Chat
from webapp.engine.engine import the_engine
from webapp.engine.watching import watchers
from webapp.engine.watching.lane_feed import LanePosition
from webapp.engine.watching.watcher_loop import watch
from webapp.knowledge.documents import service as document_service
from webapp.people.accounts.guards import current_user, found, signed_in, user_or_none
from webapp.people.accounts.tables import User
from webapp.plans.pages.feed import PlanFeed
from webapp.web.htmx import done, is_htmx, navigate, redirect, render
from webapp.web.uploads import expect_files
from webapp.workflows import files, queries, service, shown
from webapp.workflows.running import service as run_service
from webapp.workflows.running.record import definition_of
from webapp.workflows.state import Event
from webapp.workflows.tables import WorkflowRun
from webapp.workspace.page.pages import chat_page_url

bp = Blueprint("runs", __name__)
# These routes accept a file, but only from people who are signed in.
WITH_FILES = ("runs.do", "runs.change_fact")
BUTTONS = ("answer", "ask", "back", "skip", "pause", "resume", "cancel")


class RunPlanFeed(PlanFeed):
    """The feed of a plan that is a part of a chat's page."""

    template, is_page = "workflows/_plan.html", False


def stream(run: WorkflowRun, me: User) -> Response:
    context = watchers.same_request()
    feed = RunPlanFeed(the_engine(), run.plan_id or "", me.id, LanePosition.parse(watchers.position()), context)
    return watch(feed, watchers.watcher(me.id, context, _is_theirs, run.id, me.id))


def _is_theirs(context: watchers.Context, run_id: str, id: str) -> bool:
    with context():
        user = user_or_none()
        return user is not None and user.id == id and queries.own_run(id, run_id) is not None


def own_run(id: str) -> WorkflowRun:
    return found(queries.own_run(current_user().id, id))


def shared_run(id: str) -> WorkflowRun:
    """Returns a run in whose chat the person may write."""
    run = db.session.get(WorkflowRun, id)
    chat = db.session.get(Chat, run.chat_id) if run else None
    may_write = chat and not chat.deleted_at and right_in(chat, current_user()) in ("own", "write")
    return found(run if may_write else None)


@bp.url_value_preprocessor
def allow_files(endpoint: str | None, _values: object) -> None:
    """Raises the upload limit before anything parses the form."""
    if endpoint in WITH_FILES and request.method == "POST" and user_or_none():
        expect_files(document_service.most_bytes())


@bp.get("/workflows")
@signed_in
def index() -> Response:
    me = current_user()
    under_way = [(run, definition_of(run), run.current_state) for run in queries.runs_of(me.id, status="open")]
    entries = [entry for entry in service.entries() if entry.version or me.is_admin]
    return render("workflows/list.html", entries=entries, runs=under_way, step_title=shown.step_title, states=shown.STATES)


@bp.post("/workflows/<slug>/runs")
@signed_in
def start(slug: str) -> Response:
    return redirect(chat_page_url(run_service.start(current_user(), slug).chat_id))


@bp.get("/runs/<id>")
@signed_in
def show(id: str) -> Response:
    return redirect(chat_page_url(own_run(id).chat_id))


@bp.get("/runs/<id>/plan/events")
@signed_in
def plan_events(id: str) -> Response:
    run = own_run(id)
    return stream(run, current_user()) if run.plan_id else Response(status=204)


@bp.post("/runs/<id>/note")
@signed_in
def note(id: str) -> Response:
    run = shared_run(id)
    chat_id = run.chat_id
    run_service.write_in(run, current_user(), typed_value())
    return done(chat_page_url(chat_id))


@bp.get("/runs/<id>/move")
@signed_in
def show_move(id: str) -> Response:
    run = own_run(id)
    newest = service.published(run.slug).version
    chat_url = url_for("chat.show", id=run.chat_id, _anchor="end")
    context: dict[str, Any] = {
        "run": run,
        "newest": newest,
        "label": shown.label,
        "chat_url": chat_url,
        "title": definition_of(run).title,
    }
    try:
        return render("workflows/move.html", moved=run_service.move(run, newest, confirm=False), **context)
    except Conflict as refusal:
        return render("workflows/move.html", refusal=refusal, status=refusal.status, **context)


@bp.post("/runs/<id>/move")
@signed_in
def move(id: str) -> Response:
    run = own_run(id)
    chat_id = run.chat_id
    version = request.form.get("version", 0, type=int) or service.published(run.slug).version
    run_service.move(run, version, confirm=True)
    return redirect(chat_page_url(chat_id))


@bp.post("/runs/<id>/<deed>")
@signed_in
def do(id: str, deed: str) -> Response:
    run = own_run(id)
    if found(deed if deed in (*BUTTONS, "free") else None) == "free":
        run_service.free(run)
        return navigate(chat_page_url(run.chat_id))
    if deed == "answer" and (sent := _sent()):
        return _attached(run, sent)
    value = typed_value() if deed in ("answer", "ask") else ""
    return _done(run, Event(deed, value))


@bp.get("/runs/<id>/facts/<name>")
@signed_in
def fact(id: str, name: str) -> Response:
    return _fact_page(own_run(id), name)


@bp.post("/runs/<id>/facts/<name>")
@signed_in
def change_fact(id: str, name: str) -> Response:
    run, value = own_run(id), typed_value()
    seen = request.form.get("seen", type=int)
    if sent := _sent():
        files.change(run, name, sent, by=current_user(), seen=seen)
        return redirect(chat_page_url(run.chat_id))
    try:
        redone = run_service.redone(run, name, value)
    except Invalid as refusal:
        return _fact_page(run, name, value=value, refusal=refusal)
    if (redone.steps or redone.dropped) and "confirm" not in request.form:
        return _fact_page(run, name, value=value, redone=redone)
    run_service.apply_event(run, Event("change", value, name), seen=seen)
    return redirect(chat_page_url(run.chat_id))


def typed_value(name: str = "value") -> str:
    """Returns the form's answer, one chosen option a line; browsers send the line ends of a text as CRLF."""
    return "\n".join(request.form.getlist(name)).replace("\r\n", "\n")


def _sent() -> document_service.UploadedDocument | None:
    """Returns the file uploaded with a form."""
    file = request.files.get("file")
    return document_service.UploadedDocument(file.stream, file.filename) if file and file.filename else None


def _attached(run: WorkflowRun, sent: document_service.UploadedDocument) -> Response:
    id, chat_id = run.id, run.chat_id
    try:
        files.answer(run, sent, by=current_user(), seen=request.form.get("seen", type=int))
    except Invalid as refusal:
        run_service.store_refusal(id, refusal.message)
    return redirect(chat_page_url(chat_id))


def _done(run: WorkflowRun, event: Event) -> Response:
    """Applies an event; the page itself shows a refusal, next to the question."""
    chat_id = run.chat_id
    try:
        run_service.apply_event(run, event, seen=request.form.get("seen", type=int))
    except Invalid:
        if not is_htmx():
            return redirect(chat_page_url(chat_id))
    return done(chat_page_url(chat_id))


def _fact_page(run: WorkflowRun, name: str, *, refusal: AppError | None = None, **more: object) -> Response:
    definition, state = definition_of(run), run.current_state
    slot = found(definition.slots.get(name) if name in state.slots else None)
    ask = shown.question_text(run, slot)
    values = {"value": shown.typed(slot, state), **more}
    if slot.type == "file":
        # The effects of replacing a file don't depend on the new one.
        values |= {"redone": run_service.redone_by_file(run, name), "formats": shown.FORMATS}
    chat_url = url_for("chat.show", id=run.chat_id, _anchor="end")
    context = {"run": run, "slot": slot, "ask": ask, "label": shown.label, "chat_url": chat_url, "title": definition.title}
    return render("workflows/fact.html", status=refusal.status if refusal else 200, refusal=refusal, **context, **values)
