"""Pages for actions on several chats, and for emptying the trash."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.chat.list import bulk
from webapp.chat.messages import deleted_branches
from webapp.chat.record import queries
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.web.htmx import redirect, render

bp = Blueprint("several", __name__)


@bp.post("/chats/several")
@signed_in
def do() -> Response:
    sent, name = request.form, request.form.get("deed", "")
    action, chats = bulk.action_named(name), found(bulk.chosen(current_user().id, sent.getlist("chat")) or None)
    unpinned = [chat.id for chat in chats if chat.pinned_at] if action.unpins else []
    done = bulk.do(action, chats, pinned_again=sent.getlist("pinned"))
    return _back(did=name, chats=".".join(done), pinned=".".join(unpinned) or None) if action.undo else _back()


@bp.get("/chats/trash/empty")
@signed_in
def ask() -> Response:
    me = current_user().id
    return render("chat/list/trash_empty.html", count=queries.count_in_trash(me), messages=deleted_branches.count_deleted(me))


@bp.post("/chats/trash/empty")
@signed_in
def empty() -> Response:
    bulk.empty_trash(current_user().id)
    return redirect(url_for("list.trash"))


def _back(**parameters: Any) -> Response:
    """Redirects to the list from which the form was sent."""
    if request.args.get("show") == "trash":
        return redirect(url_for("list.trash", **parameters))
    return redirect(url_for("list.index", show=request.args.get("show"), before=request.args.get("before"), **parameters))
