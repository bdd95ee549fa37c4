"""/workflows/preview: trials of a workflow next to its editor, with a model or the demo model, before it is published."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from markupsafe import Markup

from webapp.base.db import db
from webapp.base.errors import AppError
from webapp.chat.messages import chats as chat_list
from webapp.chat.messages import renderings
from webapp.chat.record import queries as chats
from webapp.chat.record.tables import Chat
from webapp.engine.engine import the_engine
from webapp.people.accounts.guards import admin_only, current_user, signed_in
from webapp.web.htmx import is_htmx, render
from webapp.workflows import shown
from webapp.workflows.access import own_run
from webapp.workflows.editor.views import editor, typed
from webapp.workflows.running import runs
from webapp.workflows.state import Event
from webapp.workflows.tables import WorkflowRun
from webapp.workflows.views import typed_value

bp = Blueprint("trials", __name__, url_prefix="/workflows/preview")
DEEDS = ("answer", "back", "skip", "resume")


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A message in a trial."""

    role: str
    html: Markup


@bp.post("")
@admin_only
def happen() -> Response:
    """Starts a trial or sends it an event; the form includes the editor's text, so that a page without JavaScript keeps it."""
    form = request.form
    source, slug = typed(), form.get("slug", "")
    before = own_run(form["preview"]) if form.get("preview") else None
    try:
        run = _next(before, source)
    except AppError as refusal:
        return _shown(before, source, slug, refusal)
    return _shown(run, source, slug)


@bp.get("/<id>")
@signed_in
def show(id: str) -> Response:
    """Renders the current state of a trial."""
    return render("workflows/_preview.html", **_context(own_run(id)))


def _next(run: WorkflowRun | None, source: str) -> WorkflowRun:
    form = request.form
    deed = form.get("deed", "")
    value = deed.removeprefix("option:") if deed.startswith("option:") else typed_value("said")
    deed = "answer" if deed.startswith("option:") else deed
    if run and deed in DEEDS:
        return runs.happen(run, Event(deed, value if deed == "answer" else ""))
    if run and deed == "look":
        return run
    is_demo, old_id = "demo" in form, run.chat_id if run else ""
    found = runs.try_out(current_user(), source, is_demo=is_demo)
    if old_id and (old := db.session.get(Chat, old_id)) and not old.deleted_at:
        # Only the last trial is kept.
        chat_list.trash(old)
    return found


def _shown(run: WorkflowRun | None, source: str, slug: str, refusal: AppError | None = None) -> Response:
    context: dict[str, Any] = _context(run, refusal) if run else {"trial": None, "why": refusal.message if refusal else ""}
    if is_htmx():
        return render("workflows/_preview.html", **context)
    return editor(slug, source, refusal=None if run else refusal, **context)


def _context(run: WorkflowRun, refusal: AppError | None = None) -> dict[str, Any]:
    run = own_run(run.id)
    panel = shown.panel(run, "own")
    chat = db.session.get_one(Chat, run.chat_id)
    lines = [ChatLine(each.role, _html(chats.text_so_far(the_engine(), each))) for each in chats.thread(chat)]
    why = panel.refusal or panel.why or (refusal.message if refusal else "")
    return {"trial": panel, "lines": lines, "why": why, "chat_id": run.chat_id, "trial_is_demo": chat.model == runs.DEMO}


def _html(text: str) -> Markup:
    return Markup(renderings.rendered(text) if text.strip() else "")
