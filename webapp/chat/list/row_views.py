"""The menu of a row in the sidebar, and the effect of its actions on the page next to it."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import Invalid
from webapp.chat.list import bulk
from webapp.chat.list import shown as list_shown
from webapp.chat.messages import chats as listing
from webapp.chat.record import queries
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.web.htmx import is_htmx, redirect, render

bp = Blueprint("row", __name__)
# Pages that list the same rows, and the query parameters that select which of them.
LISTS = {"/chats": "list.index", "/chats/trash": "list.trash"}
KEPT = ("show", "before")


@bp.get("/chats/<id>/menu")
@signed_in
def menu(id: str) -> Response:
    chat = found(queries.owned_chat(current_user().id, id))
    return render("chat/list/_row_menu.html" if is_htmx() else "chat/list/row_menu.html", row=chat)


@bp.post("/chats/<id>/menu")
@signed_in
def do(id: str) -> Response:
    name = request.form.get("deed", "")
    if name == "rename":
        return _renamed(id)
    (chat,) = found(queries.own_chats(current_user().id, [id]) or None)
    action = bulk.action_named(name)
    if not action.undo:
        raise Invalid("Choose what to do with this chat.")
    undo = "pin" if chat.pinned_at and name == "archive" else action.undo
    bulk.do(action, [chat])
    return _done(id, name, undo)


def _renamed(id: str) -> Response:
    listing.rename(found(queries.owned_chat(current_user().id, id)), request.form.get("title", ""))
    if not is_htmx():
        return redirect(url_for("list.index"))
    return _led_to(_list_with()) if _list_here() else _changed(id)


def _done(id: str, name: str, undo: str) -> Response:
    is_left = _list_here() or (_here() == f"/chats/{id}" and name == "delete")
    if is_htmx() and not is_left:
        (chat,) = queries.own_chats(current_user().id, [id])
        return _changed(id, words=list_shown.done_words(bulk.ACTIONS[name], [chat]), undo=undo)
    address = _list_with(did=name, chats=id, pinned=id if undo == "pin" else None)
    return _led_to(address) if is_htmx() else redirect(address)


def _led_to(address: str) -> Response:
    return Response(status=204, headers={"HX-Redirect": address})


def _changed(id: str, **changes: Any) -> Response:
    """Renders the sidebar's list again, for pages without a stream, with a note about what was done."""
    groups = list_shown.sidebar(current_user(), here=_here())
    return render("chat/list/_row_changed.html", groups=groups, id=id, **changes)


def _here() -> str:
    """Returns the path of the page that shows the sidebar."""
    return urlsplit(request.headers.get("HX-Current-URL", "")).path


def _list_here() -> str:
    """Returns the endpoint of the list of chats if that is the current page, which can contain the row, too."""
    return "" if "q" in _page_query() else LISTS.get(_here(), "")


def _list_with(**changes: str | None) -> str:
    kept = {name: value for name, value in _page_query().items() if name in KEPT} if _list_here() else {}
    parameters: dict[str, Any] = {**kept, **changes}
    return url_for(_list_here() or "list.index", **parameters)


def _page_query() -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.headers.get("HX-Current-URL", "")).query))
