"""The list of chats, the search, the trash, actions on one or several chats, and the menu of a chat's row in the sidebar."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Response, get_template_attribute, request, url_for
from markupsafe import Markup
from wtforms import StringField

from webapp.base import languages
from webapp.base.errors import Invalid
from webapp.chat import erasing
from webapp.chat.messages import chats, deleted_branches, keeping
from webapp.chat.record import projects, queries, tags
from webapp.chat.record.access import right_in, visible_chat, visible_message
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import the_engine
from webapp.people.accounts.guards import anybody, current_user, found, signed_in, user_or_none, viewer_or_none
from webapp.people.receipts import service as receipts
from webapp.people.search import SearchQuery, printable, search as search_everything
from webapp.people.search_words import KEYS, SearchWords, of, parse
from webapp.settings.service import setting
from webapp.web.forms import Form
from webapp.web.htmx import is_htmx, page_path, redirect, render
from webapp.web.pagination import cut
from webapp.workspace.list import bulk, paging, shown as list_shown
from webapp.workspace.list.narrowing import narrowing
from webapp.workspace.list.search import search, words_of
from webapp.workspace.page import shown, snapshot_shown
from webapp.workspace.page.pages import chat_page_url

several = Blueprint("bulk", __name__)
bp = Blueprint("list", __name__)
row = Blueprint("row", __name__)
PAGE = 100
MOST_PAGES = 50
# Pages that list the rows of the sidebar, too, and the query parameters that select which of them.
LISTS = {"/chats": "list.index", "/chats/trash": "list.trash"}
KEPT = ("show", "before")
# The fields of the form that narrows a search, and what they stand for.
FIELDS = {"words": "", **{f"with_{key}": key for key in KEYS}}


class TitleForm(Form):
    title = StringField("Title")


@bp.app_template_global()
def sidebar() -> list_shown.Groups:
    """Returns the current person's newest chats for the sidebar; `is_cut` says whether it can have more."""
    me = viewer_or_none()
    return list_shown.sidebar_start(me) if me else []


@bp.app_template_test()
def is_cut(groups: list_shown.Groups) -> bool:
    return list_shown.is_cut(groups)


@bp.app_template_global()
def sidebar_rows(rows: Sequence[list_shown.SidebarRow]) -> Markup:
    language = languages.current().code
    return Markup("\n".join(_sidebar_row(row, language) for row in rows))


@bp.get("/chats")
@signed_in
def index() -> Response:
    if fields := [name for name in FIELDS if name in request.args]:
        filters = [
            (FIELDS[name], value) for name in fields for value in request.args.getlist(name) if FIELDS[name] and value.strip()
        ]
        return redirect(url_for("list.index", q=str(of(printable(request.args.get("words", "")).strip(), filters))))
    if "q" in request.args:
        words = parse(printable(request.args["q"]).strip())
        return _search(words) if words.text or not words.filters else _narrowed(words)
    me, before = current_user(), request.args.get("before", "")
    are_archived = request.args.get("show") == "archived"
    show: paging.Show = "archived" if are_archived else "open"
    page = cut(paging.chats(me.id, show=show, has_pinned=are_archived, after=before, limit=PAGE + 1), PAGE)
    pinned = [] if before or are_archived else queries.pinned_chats(me.id)
    parameters: dict[str, Any] = {"show": "archived"} if are_archived else {}
    several_url = url_for("bulk.do", before=before or None, **parameters)
    return render(
        "workspace/list/list.html",
        groups=list_shown.grouped(pinned, page.rows),
        are_archived=are_archived,
        is_first=not before,
        several_url=several_url,
        bulk_result=list_shown.bulk_result(me.id, several_url),
        export_url=url_for("exchange.selected"),
        move_url=url_for("projects.several"),
        tags=tags.by_chat(me.id, (chat.id for chat in (*pinned, *page.rows))),
        **_selection("list.index", before=before or None, **parameters),
        next_url=url_for("list.index", before=page.next_cursor, **parameters) if page.next_cursor else "",
    )


def _narrowed(words: SearchWords) -> Response:
    """Lists the chats that are left when nothing but what narrows a search is given."""
    me, before, query = current_user(), request.args.get("before", ""), str(words)
    conditions = narrowing(me, words)
    rows = [] if conditions.faults else paging.narrowed(me, conditions, after=before, limit=PAGE + 1)
    page, several_url = cut(rows, PAGE), url_for("bulk.do", q=query)
    return render(
        "workspace/list/narrowed.html",
        **_words_shown(words, conditions.faults),
        groups=list_shown.grouped([], page.rows),
        several_url=several_url,
        bulk_result=list_shown.bulk_result(me.id, several_url),
        export_url=url_for("exchange.selected"),
        tags=tags.by_chat(me.id, (chat.id for chat in page.rows)),
        **_selection("list.index", q=query, before=before or None),
        next_url=url_for("list.index", q=query, before=page.next_cursor) if page.next_cursor else "",
    )


def _words_shown(words: SearchWords, faults: Sequence[str]) -> dict[str, Any]:
    """Returns what pages show of a search: its words, and each that narrows it with the address without it."""
    me = current_user()
    return {
        "query": str(words),
        "words": words,
        "chips": [(filter, url_for("list.index", q=str(words.without(filter)))) for filter in words.filters],
        "faults": faults,
        "names": {"tag": [tag.name for tag in tags.counted(me)], "project": [project.name for project in projects.projects(me)]},
    }


@bp.app_template_global()
def narrowed_url(key: str, value: str) -> str:
    """Returns the address of the list of chats that is narrowed by this."""
    return url_for("list.index", q=str(of("", [(key, value)])))


def _selection(endpoint: str, **parameters: Any) -> dict[str, Any]:
    """Returns the address that selects all rows of a list, or clears the selection if all are."""
    if "all" in request.args:
        return {"clear_url": url_for(endpoint, **parameters)}
    return {"all_url": url_for(endpoint, all=1, **parameters)}


@bp.get("/chats/sidebar")
@signed_in
def sidebar_list() -> Response:
    if not is_htmx():
        return redirect(url_for("list.index"))
    return render("layouts/_sidebar_chats.html", groups=list_shown.sidebar(current_user(), page_path()))


@bp.get("/chats/trash")
@signed_in
def trash() -> Response:
    me, several_url = current_user(), url_for("bulk.do", show="trash")
    return render(
        "workspace/list/trash.html",
        chats=queries.deleted_chats(me.id),
        messages=deleted_branches.deleted_branches(me.id),
        days=int(setting("trash.days")),
        receipt=receipts.readable(current_user(), request.args.get("receipt", "")),
        several_url=several_url,
        bulk_result=list_shown.bulk_result(me.id, several_url),
        **_selection("list.trash"),
    )


@bp.get("/chats/<id>/rename")
@signed_in
def edit_title(id: str) -> Response:
    chat = _own(id)
    return _renaming(chat, TitleForm.fresh(title=chat.title))


@bp.post("/chats/<id>/rename")
@signed_in
def rename(id: str) -> Response:
    chat, form = _own(id), TitleForm()
    with form.attempt():
        chats.rename(chat, form.title.data or "")
        return _done(_own(id))
    return _renaming(_own(id), form)


@bp.post("/chats/<id>/pin", endpoint="pin")
@bp.post("/chats/<id>/unpin", endpoint="unpin")
@bp.post("/chats/<id>/archive", endpoint="archive")
@bp.post("/chats/<id>/unarchive", endpoint="unarchive")
@bp.post("/chats/<id>/keep", endpoint="keep")
@bp.post("/chats/<id>/let_go", endpoint="let_go")
@signed_in
def put(id: str) -> Response:
    """Performs the action named by the last part of the path, and says so where the page stays."""
    name, chat = request.path.rpartition("/")[2], _own(id)
    action, undo = bulk.ACTIONS[name], _undo(chat, name)
    action.do(chat)
    answer = _done(_own(id))
    if is_htmx():
        answer.data += _changed(id, words=list_shown.done_words(action, [_own(id)]), undo=undo).data
    return answer


@bp.post("/chats/<id>/delete")
@signed_in
def delete(id: str) -> Response:
    chats.trash(_own(id))
    return redirect(url_for("list.index", deleted=id))


@bp.post("/chats/<id>/close")
@signed_in
def close(id: str) -> Response:
    erasing.close_temporary(_own(id))
    return redirect(url_for("home.show"))


@bp.post("/chats/<id>/restore")
@signed_in
def restore(id: str) -> Response:
    chats.restore(_own(id, is_deleted=True))
    return redirect(chat_page_url(id))


@bp.post("/chats/<id>/erase")
@signed_in
def erase(id: str) -> Response:
    return redirect(url_for("list.trash", receipt=chats.erase(_own(id, is_deleted=True)) or None))


@bp.get("/chats/<id>/earlier")
@anybody
def earlier(id: str) -> Response:
    """Shows the messages before one, or with `until` those up to one."""
    chat, before, until = visible_chat(id), request.args.get("before", ""), request.args.get("until", "")
    message = found(queries.message_in(chat, before or until))
    end = message.parent_id if before else message.id
    return _earlier(chat, end)


@bp.get("/messages/<id>/place")
@anybody
def place(id: str) -> Response:
    """Redirects to the page that shows a message: the chat's, if it is near the end, otherwise one with an excerpt."""
    message = visible_message(id)
    chat = queries.chat_of(message)
    at: dict[str, Any] = {"found": request.args.get("found") or None, "_anchor": f"message-{id}"}
    if id in {near.id for near in queries.window(chat)}:
        return redirect(url_for("chat.show", id=chat.id, **at))
    return redirect(url_for("list.earlier", id=chat.id, until=id, **at))


def _own(id: str, *, is_deleted: bool = False) -> Chat:
    return found(queries.owned_chat(current_user().id, id, is_deleted=is_deleted))


def _search(words: SearchWords) -> Response:
    number = request.args.get("page", "")
    page = min(int(number), MOST_PAGES) if number.isascii() and number.isdigit() and len(number) < 4 else 0
    me, query = current_user(), str(words)
    result = search(me.id, query, page=page)
    groups = search_everything(me, SearchQuery(query), with_texts=False) if query and not page and not result.faults else []
    next_url = url_for("list.index", q=query, page=page + 1) if result.has_more and page < MOST_PAGES else ""
    return render(
        "workspace/list/search.html",
        **_words_shown(words, result.faults),
        groups=groups,
        result=result,
        has_words=bool(words_of(words.text)),
        next_url=next_url,
    )


def _earlier(chat: Chat, end: str | None) -> Response:
    messages = list[Message]()

    def read() -> Sequence[Message]:
        messages[:] = queries.window(chat, until=end) if end else []
        return messages

    thread = snapshot_shown.limited(chat, shown.ready_thread(the_engine(), read, right_in(chat, user_or_none())))
    context: dict[str, Any] = {"thread": thread, "earlier_url": shown.earlier_url(messages)}
    if is_htmx():
        return render("workspace/list/_earlier_messages.html", **context)
    return render("workspace/list/earlier.html", chat=shown.chat(chat, is_running=False), **context)


def _renaming(chat: Chat, form: TitleForm) -> Response:
    context = {"chat": shown.chat(chat, is_running=False), "chat_url": chat_page_url(chat.id)}
    return form.shown("workspace/list/_rename.html" if is_htmx() else "workspace/list/list_rename.html", **context)


def _done(chat: Chat) -> Response:
    """Redirects to the chat's page; for htmx, returns the changed header, in case the page's stream is disconnected."""
    if not is_htmx():
        return redirect(chat_page_url(chat.id))
    return render("workspace/page/_top_changed.html", chat=shown.chat(chat, is_running=False))


@lru_cache(maxsize=2_000)
def _sidebar_row(row: list_shown.SidebarRow, _language: str) -> str:
    """Renders a row once in each language, as long as its contents stay the same: a page has dozens, and hardly one is new."""
    name = "project_row" if isinstance(row, list_shown.SidebarProject) else "row"
    return str(get_template_attribute("layouts/_sidebar_row.html", name)(row))


@several.post("/chats/several")
@signed_in
def do() -> Response:
    sent, name = request.form, request.form.get("deed", "")
    action, chats = bulk.action_named(name), found(bulk.chosen(current_user().id, sent.getlist("chat")) or None)
    unpinned = [chat.id for chat in chats if chat.pinned_at] if action.unpins else []
    done = bulk.do(action, chats, pinned_again=sent.getlist("pinned"))
    if action.undo:
        return _back(did=name, chats=".".join(done), pinned=".".join(unpinned) or None)
    newest = receipts.receipts_of(current_user(), 1)
    return _back(receipt=newest[0].id if newest else None)


@several.get("/chats/trash/empty")
@signed_in
def ask() -> Response:
    me = current_user().id
    return render(
        "workspace/list/trash_empty.html", count=queries.count_in_trash(me), messages=deleted_branches.count_deleted(me)
    )


@several.post("/chats/trash/empty")
@signed_in
def empty() -> Response:
    return redirect(url_for("list.trash", receipt=bulk.empty_trash(current_user().id) or None))


def _back(**parameters: Any) -> Response:
    """Redirects to the list from which the form was sent."""
    if request.args.get("show") == "trash":
        return redirect(url_for("list.trash", **parameters))
    kept: dict[str, Any] = {name: request.args.get(name) for name in ("show", "before", "q")}
    return redirect(url_for("list.index", **kept, **parameters))


@row.get("/chats/<id>/menu")
@signed_in
def menu(id: str) -> Response:
    chat = found(queries.owned_chat(current_user().id, id))
    leaving, has_rule = keeping.leaves_on([chat]), keeping.has_rule(chat)
    template = "workspace/list/_row_menu.html" if is_htmx() else "workspace/list/row_menu.html"
    return render(template, row=chat, leaves_at=leaving.get(chat.id), has_rule=has_rule)


@row.post("/chats/<id>/menu", endpoint="do")
@signed_in
def do_in_menu(id: str) -> Response:
    name = request.form.get("deed", "")
    if name == "rename":
        return _renamed(id)
    (chat,) = found(queries.own_chats(current_user().id, [id]) or None)
    action = bulk.action_named(name)
    if not action.undo:
        raise Invalid("Choose what to do with this chat.")
    undo = _undo(chat, name)
    bulk.do(action, [chat])
    return _done_in_menu(id, name, undo)


def _undo(chat: Chat, name: str) -> str:
    """Returns the action that undoes this one; archiving unpins, too."""
    return "pin" if chat.pinned_at and name == "archive" else bulk.ACTIONS[name].undo


def _renamed(id: str) -> Response:
    chats.rename(found(queries.owned_chat(current_user().id, id)), request.form.get("title", ""))
    if not is_htmx():
        return redirect(url_for("list.index"))
    return _led_to(_list_with()) if _listpage_path() else _changed(id)


def _done_in_menu(id: str, name: str, undo: str) -> Response:
    is_left = _listpage_path() or (page_path() == f"/chats/{id}" and name == "delete")
    if is_htmx() and not is_left:
        (chat,) = queries.own_chats(current_user().id, [id])
        return _changed(id, words=list_shown.done_words(bulk.ACTIONS[name], [chat]), undo=undo)
    address = _list_with(did=name, chats=id, pinned=id if undo == "pin" else None)
    return _led_to(address) if is_htmx() else redirect(address)


def _led_to(address: str) -> Response:
    return Response(status=204, headers={"HX-Redirect": address})


def _changed(id: str, **changes: Any) -> Response:
    """Renders the sidebar's list again, for pages without a stream, with a note about what was done."""
    groups = list_shown.sidebar(current_user(), here=page_path())
    return render("workspace/list/_row_changed.html", groups=groups, id=id, **changes)


def _listpage_path() -> str:
    """Returns the endpoint of the list of chats if that is the current page, which can contain the row, too."""
    return "" if "q" in _page_query() else LISTS.get(page_path(), "")


def _list_with(**changes: str | None) -> str:
    kept_parameters = {name: value for name, value in _page_query().items() if name in KEPT} if _listpage_path() else {}
    parameters: dict[str, Any] = {**kept_parameters, **changes}
    return url_for(_listpage_path() or "list.index", **parameters)


def _page_query() -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.headers.get("HX-Current-URL", "")).query))
