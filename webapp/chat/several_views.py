"""Several chats at once, and the whole trash."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.chat import branches, queries, several
from webapp.chat.list_views import list_page
from webapp.web.guards import current_user, found, signed_in
from webapp.web.htmx import redirect

bp = Blueprint("several", __name__)


@bp.post("/chats/several")
@signed_in
def do() -> Response:
    sent, name = request.form, request.form.get("deed", "")
    deed, chats = several.deed_named(name), found(several.chosen(current_user().id, sent.getlist("chat")) or None)
    unpinned = [chat.id for chat in chats if chat.pinned_at] if deed.unpins else []
    done = several.do(deed, chats, pinned_again=sent.getlist("pinned"))
    return _back(did=name, chats=".".join(done), pinned=".".join(unpinned) or None) if deed.undo else _back()


@bp.get("/chats/trash/empty")
@signed_in
def ask() -> Response:
    me = current_user().id
    return list_page("chat/trash_empty.html", count=queries.count_in_trash(me), messages=branches.count_lost(me))


@bp.post("/chats/trash/empty")
@signed_in
def empty() -> Response:
    several.empty_trash(current_user().id)
    return redirect(url_for("list.trash"))


def _back(**told: Any) -> Response:
    """The list from which the form was sent."""
    if request.args.get("show") == "trash":
        return redirect(url_for("list.trash", **told))
    return redirect(url_for("list.index", show=request.args.get("show"), before=request.args.get("before"), **told))
