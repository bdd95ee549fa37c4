"""Continues answers that a restart interrupted, or leaves them as they are."""

from flask import Blueprint, Response, request

from webapp.chat.messages import interrupted_by_restart
from webapp.chat.messages.interrupted_by_restart import InterruptedAnswers
from webapp.people.accounts.guards import current_user, signed_in, viewer_or_none
from webapp.web.htmx import is_htmx, redirect

bp = Blueprint("cut", __name__)


@bp.app_template_global()
def cut_answers() -> InterruptedAnswers | None:
    """Returns the interrupted answers to ask the current person about."""
    me = viewer_or_none()
    return interrupted_by_restart.interrupted_answers(me) if me else None


@bp.post("/chats/cut/continue")
@signed_in
def continue_all() -> Response:
    interrupted_by_restart.continue_all(current_user(), request.form.get("last", ""))
    return _answered()


@bp.post("/chats/cut/leave")
@signed_in
def leave() -> Response:
    interrupted_by_restart.leave(current_user(), request.form.get("last", ""))
    return _answered()


def _answered() -> Response:
    """Removes the notice from the page; without scripts, redirects to the home page."""
    return Response("") if is_htmx() else redirect("/")
