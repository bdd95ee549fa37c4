"""/s/TOKEN: the page of a link, for people without an account; and the pages on which members and admins manage links.

What has a preview in an answer can be shown alone. Then the page has a frame for it as in `workspace/previews`, with the same
sandbox and the same tickets.
"""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.chat.attachments.views import served
from webapp.chat.files import storage
from webapp.chat.record import queries
from webapp.chat.record.access import own_chat, own_message
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import the_engine
from webapp.engine.watching.sse_response import socket_of
from webapp.engine.watching.watchers import same_request
from webapp.people.accounts.guards import (
    admin_only,
    anybody,
    audit_author,
    came_from,
    current_user,
    found,
    own_address,
    signed_in,
    viewer_may,
)
from webapp.settings.service import setting
from webapp.web.compression import either
from webapp.web.htmx import done_message, redirect, render
from webapp.workspace.links import feed, pages, service, shown
from webapp.workspace.links.forms import LinkForm
from webapp.workspace.links.service import LinkedArtifact, LinkRow, OpenLink
from webapp.workspace.links.shown import SharedBlock
from webapp.workspace.page.pages import chat_page_url
from webapp.workspace.previews import versions_shown

bp = Blueprint("links", __name__)
open_pages = Blueprint("shared", __name__, url_prefix="/s/<token>")
PAGE = 50
# What a link shows besides the texts, in a list.
SHOWN = {
    "files": "files",
    "reasoning": "reasoning",
    "calls": "tool calls",
    "names": "people's names",
}
DONE = {"created": "Link created.", "revoked": "Link revoked. It no longer works."}


@open_pages.get("")
@anybody
def show(token: str) -> Response:
    link = service.by_token(token)
    if not link:
        return shown.closed()
    if link.is_artifact:
        service.count_visit(link.id)
        return shown.preview_page(_alone(link, token))
    page = pages.page_of(the_engine(), link, token, same_request())
    response = either(page.body, page.zipped, mimetype="text/html")
    response.headers.update(shown.HEADERS)
    response.set_etag(page.etag, weak=True)
    if request.method == "GET":
        service.count_visit(link.id)
    return response.make_conditional(request)  # type: ignore[return-value]  # it returns itself


@open_pages.post("")
@anybody
def run(token: str) -> Response:
    """Shows a page with its scripts. By form, as a link to it could stand anywhere."""
    return shown.preview_page(_published(token), is_run=True)


@open_pages.get("/frame")
@anybody
def frame(token: str) -> Response:
    return shown.frame(_published(token))


@open_pages.get("/save")
@anybody
def save(token: str) -> Response:
    return shown.file(_published(token))


@open_pages.get("/events")
@anybody
def events(token: str) -> Response:
    return feed.watched(service.by_token(token), token, request.args.get("at"), same_request(), socket_of(request.environ))


@open_pages.get("/files/<name>")
@anybody
def file(token: str, name: str) -> Response:
    link = service.by_token(token)
    page = pages.page_of(the_engine(), link, token, same_request()) if link and not link.is_artifact else None
    stored = storage.file(page.files[name]) if page and name in page.files else None
    if not stored:
        return shown.closed()
    response = served(stored)
    response.headers["Referrer-Policy"] = shown.HEADERS["Referrer-Policy"]
    # Instead of one that names the file in our storage.
    response.set_etag(name)
    return response.make_conditional(request)  # type: ignore[return-value]  # it returns itself


@open_pages.get("/continue")
@signed_in
def confirm(token: str) -> Response:
    return render("workspace/links/continue.html", link=_open(token), token=token)


@open_pages.post("/continue")
@signed_in
def go_on(token: str) -> Response:
    return redirect(chat_page_url(service.continue_chat(_open(token), current_user())))


open_pages.after_request(shown.unlisted)


@bp.get("/chats/<id>/links")
@signed_in
def of_chat(id: str) -> Response:
    chat = own_chat(id)
    service.refuse_unlinkable(chat, current_user())
    return links_page(chat, LinkForm.fresh().offering())


@bp.post("/chats/<id>/links")
@signed_in
def create(id: str) -> Response:
    return created(own_chat(id))


@bp.get("/messages/<id>/links")
@signed_in
def of_answer(id: str) -> Response:
    message = _answer(id)
    chat = queries.chat_of(message)
    service.refuse_unlinkable(chat, current_user())
    return links_page(chat, LinkForm.fresh().offering(), message, _block(message))


@bp.post("/messages/<id>/links")
@signed_in
def create_for_answer(id: str) -> Response:
    message = _answer(id)
    return created(queries.chat_of(message), message, _block(message))


@bp.get("/links")
@signed_in
def index() -> Response:
    return _list("workspace/links/list.html", owner_id=current_user().id)


@bp.post("/links/<id>/revoke")
@signed_in
def revoke(id: str) -> Response:
    row, me = service.link_row(id), current_user()
    row = found(row if row and (row.owner.id == me.id or me.is_admin) else None)
    # The page of what is published alone names it in its address.
    alone = f"&version={row.text.version}" if row.text else "" if row.link.block is None else f"&block={row.link.block}"
    service.revoke(id, author=audit_author())
    return redirect(f"{came_from().partition('?')[0]}?done=revoked{alone}")


@bp.get("/admin/links")
@admin_only
def everyones() -> Response:
    return _list("workspace/links/everyones.html")


@bp.app_template_global()
def links_are_on() -> bool:
    """Returns whether the settings and their permissions let the person create links."""
    return setting(service.WHO) != "off" and viewer_may("links")


def _open(token: str) -> OpenLink:
    """Returns what a token opens of a chat, to continue it."""
    link = found(service.by_token(token))
    return found(None if link.is_artifact else link)


def _published(token: str) -> SharedBlock | None:
    """Returns what a token opens, if that is something that is shown alone."""
    link = service.by_token(token)
    return _alone(link, token) if link and link.is_artifact else None


def _alone(link: OpenLink, token: str) -> SharedBlock:
    if link.file_id:
        return SharedBlock(link, token, versions_shown.in_file(link.file))
    assert link.block is not None
    return SharedBlock(link, token, versions_shown.in_text(link.head_id, link.text, link.block))


def _answer(id: str) -> Message:
    message = own_message(id)
    return found(message if message.role == "assistant" else None)


def _block(message: Message) -> LinkedArtifact | None:
    """Returns what is to be shown alone of an answer, which the address names; None for the whole answer."""
    number = request.args.get("block", type=int)
    return pages.linked_block(message, number) if number is not None else None


def created(chat: Chat, message: Message | None = None, artifact: LinkedArtifact | None = None) -> Response:
    """Creates a link from the form of `links_page`, and leads back there."""
    form, me = LinkForm.opened().offering(), current_user()
    with form.attempt():
        service.create(chat, form.entered, author=audit_author(), by=me, message=message, artifact=artifact)
        return redirect(_page_url(artifact, done="created") if artifact else url_for(".of_chat", id=chat.id, done="created"))
    return links_page(own_chat(chat.id), form, message, artifact)


def links_page(chat: Chat, form: LinkForm, message: Message | None = None, artifact: LinkedArtifact | None = None) -> Response:
    """Returns the page of the links to a chat or to an artifact, of a text those to all its versions.

    Once an artifact is published, it has that link alone.
    """
    rows, is_published = service.of_chat(chat.id), bool(artifact) and request.args.get("done") == "created"
    if artifact and artifact.text:
        rows = [row for row in rows if row.text and row.text.text_id == artifact.text.text_id]
    elif artifact and message:
        rows = [row for row in rows if (row.link.head_id, row.link.block) == (message.id, artifact.number)]
    return form.shown(
        "workspace/links/chat.html",
        chat=chat,
        message=message,
        artifact=artifact,
        page_url=_page_url(artifact),
        rows=[_shown(row) for row in (rows[:1] if is_published else rows)],
        is_published=is_published,
        done=done_message(DONE),
    )


def _page_url(artifact: LinkedArtifact | None, **values: str) -> str:
    """Returns the address of the page of links that is open, which names an artifact."""
    version = artifact.text.version if artifact and artifact.text else None
    address: dict[str, Any] = {**(request.view_args or {}), "block": artifact and artifact.number, "version": version, **values}
    return url_for(str(request.endpoint), **address)


def _list(template: str, owner_id: str = "") -> Response:
    rows = service.listed(limit=PAGE + 1, owner_id=owner_id, before=request.args.get("before", "")[:26])
    listed_links = [_shown(row, is_own=bool(owner_id)) for row in rows[:PAGE]]
    next_url = f"?before={rows[PAGE - 1].link.id}" if len(rows) > PAGE else ""
    return render(template, rows=listed_links, next_url=next_url, done=done_message(DONE))


def _shown(row: LinkRow, *, is_own: bool = True) -> dict[str, Any]:
    """Returns a link for a list; only its maker gets the address and the title, as both lead into the chat."""
    token = row.url_token if is_own else ""
    is_live, of_answer = row.link.is_live, row.link.is_answer
    alone = _("Version %(number)s", number=row.text.version) if row.text else _("Part of an answer")
    whole, one = (_("Live"), _("Live page of one answer")) if is_live else (_("Snapshot"), _("Snapshot of one answer"))
    return {
        "id": row.link.id,
        "kind": alone if row.link.is_artifact else one if of_answer else whole,
        "shows": [_(SHOWN[part]) for part in row.link.shows if part in SHOWN],
        "url": own_address(url_for("shared.show", token=token)) if token else "",
        "title": ((row.link.title or alone if row.link.is_artifact else row.chat.title) or _("New chat")) if is_own else "",
        "block_title": row.link.title or alone if is_own and row.link.is_artifact else "",
        "chat_id": row.chat.id if is_own else "",
        "owner": row.owner.name or row.owner.email,
        "closed": row.closed,
        "made_at": row.link.created_at,
        "ends_at": row.link.ends_at,
        "visits": row.link.visits,
    }
