"""Continue what a restart has cut, or leave it as it is."""

from flask import Blueprint, Response, request

from webapp.accounts.guards import current_user, onlooker, signed_in
from webapp.chat.messages import cut_by_restart
from webapp.chat.messages.cut_by_restart import Cut
from webapp.web.htmx import is_htmx, redirect

bp = Blueprint("cut", __name__)


@bp.app_template_global()
def cut_answers() -> Cut | None:
    """What the person who looks is to be asked about."""
    me = onlooker()
    return cut_by_restart.cut_of(me) if me else None


@bp.post("/chats/cut/continue")
@signed_in
def continue_all() -> Response:
    cut_by_restart.continue_all(current_user(), request.form.get("last", ""))
    return _answered()


@bp.post("/chats/cut/leave")
@signed_in
def leave() -> Response:
    cut_by_restart.leave(current_user(), request.form.get("last", ""))
    return _answered()


def _answered() -> Response:
    """Nothing takes the place of the notice; without scripts, the first page does."""
    return Response("") if is_htmx() else redirect("/")
