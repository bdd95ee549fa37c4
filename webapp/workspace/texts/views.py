"""Texts beside chats: opened from a message, read, edited, changed by a sentence, exported; in the panel, or as pages."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request, url_for
from werkzeug.utils import get_content_type

from webapp.base.db import db
from webapp.base.errors import AppError
from webapp.chat.record import queries as chat_queries
from webapp.chat.record.access import own_chat, right_in, visible_chat, writable_message
from webapp.chat.record.tables import Chat
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.rendering.difference import difference
from webapp.web.downloads import written
from webapp.web.htmx import is_htmx, redirect, render
from webapp.workspace.links import service as links_service, views as link_views
from webapp.workspace.links.forms import LinkForm
from webapp.workspace.links.service import LinkedArtifact, LinkedText
from webapp.workspace.page.pages import chat_page_url
from webapp.workspace.previews import shown as previews_shown, versions_shown
from webapp.workspace.previews.pages import frame_values, stays
from webapp.workspace.previews.shown import ArtifactHead, PreviewRequest
from webapp.workspace.texts import changing, export_pages, parts, queries, service, shown
from webapp.workspace.texts.access import visible_text, writable_text
from webapp.workspace.texts.forms import TextForm
from webapp.workspace.texts.preview_views import asked_version, place_of
from webapp.workspace.texts.queries import TextVersion
from webapp.workspace.texts.service import Outdated

bp = Blueprint("texts", __name__)


@bp.get("/chats/<id>/texts")
@signed_in
def index(id: str) -> Response:
    chat = visible_chat(id)
    listed = [(text.text_id, text.name, shown.version(text)) for text in queries.texts_of(chat.id, current_user().id)]
    return _page("list", chat, url_for(".index", id=id), texts_beside=listed)


@bp.get("/messages/<id>/texts")
@signed_in
def choose(id: str) -> Response:
    message = writable_message(id)
    message_parts = parts.openables(message.content)[: parts.MOST_PARTS]
    openables = [(part, parts.describe(part)) for part in message_parts if part.text.strip()]
    chat = chat_queries.chat_of(message)
    return _page("open", chat, url_for(".choose", id=id), message=message, openables=openables)


@bp.post("/messages/<id>/texts")
@signed_in
def open(id: str) -> Response:
    """Makes a part of a message a text; what was typed in the editor of that part is its next version."""
    message, me = writable_message(id), current_user()
    if "text" not in request.form:
        return redirect(url_for(".show", id=service.open_message(message, request.form.get("part", parts.WHOLE), by=me)))
    text_id = service.open_message(message, _asked_part(), by=me)
    return change(text_id) if "change" in request.args else save(text_id)


@bp.get("/messages/<id>/texts/edit")
@signed_in
def edit_part(id: str) -> Response:
    """Shows the editor of a part of a message, of which nothing is stored until it is saved."""
    message, key = writable_message(id), _asked_part()
    openable = found(parts.openable(message.content, key))
    if text_id := service.opened(message, key, by=current_user()):
        return redirect(url_for(".edit", id=text_id))
    number = request.args.get("block", 0, type=int)
    chat = chat_queries.chat_of(message)
    entry = previews_shown.titled(versions_shown.in_message(message, number), chat.title)
    head = shown.head_of_part(id, number, entry)
    save_url, page_url = (url_for(page, id=id, block=number) for page in (".open", ".edit_part"))
    cancel_url = url_for(".cancel_part", id=id, block=number)
    values: dict[str, Any] = {"save_url": save_url, "change_url": f"{save_url}&change", "cancel_url": cancel_url}
    form = TextForm.fresh(text=openable.text, version=1).offering(openable.text)
    return _page("edit", chat, page_url, form=form, head=head, **values)


@bp.get("/texts/<id>")
@signed_in
def show(id: str) -> Response:
    return _text_page(asked_version(id))


@bp.get("/texts/<id>/edit")
@signed_in
def edit(id: str) -> Response:
    now = writable_text(id)
    return _editing(now, TextForm.fresh(text=now.text(), version=now.number, since=now.number))


@bp.post("/texts/<id>")
@signed_in
def save(id: str) -> Response:
    now, form, is_auto = writable_text(id), TextForm.opened(), "auto" in request.form
    with form.attempt():
        saved = service.save(now, form.entered, by=current_user(), draft_since=form.opened_at if is_auto else None)
        return _saved(saved) if is_auto else redirect(url_for(".show", id=id))
    return _saved(writable_text(id), form.refusal) if is_auto else _editing(writable_text(id), form)


@bp.post("/texts/<id>/cancel")
@signed_in
def cancel(id: str) -> Response:
    _take_back(id)
    return redirect(url_for(".show", id=id))


@bp.post("/messages/<id>/texts/cancel")
@signed_in
def cancel_part(id: str) -> Response:
    if text_id := service.opened(writable_message(id), _asked_part(), by=current_user()):
        _take_back(text_id)
    return redirect(url_for("previews.show", id=id, block=request.args.get("block", 0, type=int)))


@bp.post("/texts/<id>/change")
@signed_in
def change(id: str) -> Response:
    """Saves what was typed, and has a part of it changed."""
    now, form, me = writable_text(id), TextForm.opened(), current_user()
    before = now.text()
    with form.attempt():
        saved = service.save(now, form.entered, by=me)
        changing.change(_chat(saved), saved, form.wish_for(saved, before), by=me)
        return redirect(url_for(".show", id=id))
    return _editing(writable_text(id), form)


@bp.get("/texts/<id>/change")
@signed_in
def changing_now(id: str) -> Response:
    now = visible_text(id)
    if not is_htmx():
        return redirect(url_for(".show", id=id))
    return render("workspace/texts/_change.html", **_changes(now), in_panel=True, stays=stays())


@bp.post("/texts/<id>/decision")
@signed_in
def decide(id: str) -> Response:
    now, me, deed = writable_text(id), current_user(), request.form.get("deed", "")
    deeds: dict[str, Callable[[], object]] = {
        "accept": lambda: changing.accept(now, by=me),
        "dismiss": lambda: changing.dismiss(id),
        "stop": lambda: changing.stop(id),
        "again": lambda: changing.again(_chat(now), now, by=me),
    }
    try:
        found(deeds.get(deed))()
    except AppError as refusal:
        return _text_page(writable_text(id), refusal)
    return redirect(url_for(".show", id=id))


@bp.get("/texts/<id>/versions")
@signed_in
def versions(id: str) -> Response:
    now = visible_text(id)
    shown_versions = [shown.version(version) for version in queries.versions_of(id, current_user().id)]
    chat = _chat(now)
    can_write, head = _may_write(chat), _head(now, now, "versions")
    values: dict[str, Any] = {"text": now, "versions": shown_versions, "can_write": can_write, "head": head}
    return _page("versions", chat, url_for(".versions", id=id), **values)


@bp.post("/texts/<id>/restore")
@signed_in
def restore(id: str) -> Response:
    service.restore(writable_text(id), request.form.get("version", 0, type=int), by=current_user())
    return redirect(url_for(".show", id=id))


@bp.post("/texts/<id>/delete")
@signed_in
def delete(id: str) -> Response:
    now = writable_text(id)
    service.delete(id)
    return redirect(url_for(".index", id=now.chat_id))


@bp.get("/texts/<id>/export")
@signed_in
def export(id: str) -> Response:
    now = visible_text(id)
    content, own_ending, media_type = export_pages.exported(now, request.args.get("format", export_pages.FILE))
    name = f"{now.name.rpartition('.')[0]}.{own_ending}"
    return written(content, get_content_type(media_type, "utf-8"), name=name)


@bp.get("/texts/<id>/links")
@signed_in
def links(id: str) -> Response:
    chat, artifact = _publishable(id)
    links_service.refuse_unlinkable(chat, current_user())
    return link_views.links_page(chat, LinkForm.fresh().offering(), artifact=artifact)


@bp.post("/texts/<id>/links")
@signed_in
def publish(id: str) -> Response:
    chat, artifact = _publishable(id)
    return link_views.created(chat, artifact=artifact)


def _publishable(id: str) -> tuple[Chat, LinkedArtifact]:
    """Returns the chat of a text, which only its owner may publish, and the version that is to be published."""
    text = asked_version(id)
    found(shown.whole(text))
    place = LinkedText(id, text.number)
    return own_chat(text.chat_id), LinkedArtifact(shown.name(text), shown.name(text), file_id=text.file.id, text=place)


def _asked_part() -> str:
    number = request.args.get("block", type=int)
    return parts.WHOLE if number is None else f"block-{number}"


def _take_back(text_id: str) -> None:
    """Leaves an editor: a text is again as it was when that was opened."""
    form = TextForm.opened()
    version = request.form.get("version", 0, type=int)
    service.take_back(writable_text(text_id), version, since=form.opened_at, by=current_user())


def _chat(text: TextVersion) -> Chat:
    return db.session.get_one(Chat, text.chat_id)


def _changes(text: TextVersion) -> dict[str, Any]:
    return {"text": text, "change": shown.change(text.text_id, current_user()), "can_write": _may_write(_chat(text))}


def _may_write(chat: Chat) -> bool:
    return right_in(chat, current_user()) in shown.WRITERS


def _text_page(text: TextVersion, refusal: AppError | None = None) -> Response:
    """Shows a version of a text, which can be an earlier one."""
    id, me = text.text_id, current_user()
    # First, as rendering a long text lets others go on.
    read = shown.read(text, request.args.get("view", "")[:10])
    now = found(queries.newest(id, me.id))
    earlier = None if text.number == now.number else found(queries.version(id, text.number, me.id))
    lines = difference(earlier.text(), now.text()) if earlier else ()
    page_url = url_for(".show", id=id, version=earlier.number if earlier else None)
    values = {**_changes(now), "read": read, "earlier": earlier and shown.version(earlier), "lines": lines}
    values |= {"version": shown.version(earlier or now), "head": _head(text, now, read.view), "refusal": refusal}
    if read.preview:
        if values["head"].publish_url:
            values["published"] = links_service.published_versions(id, now.chat_id)
        asked = PreviewRequest(0, read.view)
        values |= frame_values(shown.preview_source(text, 0), asked, place_of(text)) | {"preview": read.preview}
    return _page("text", _chat(now), page_url, status=refusal.status if refusal else 200, **values)


def _head(text: TextVersion, now: TextVersion, view: str) -> ArtifactHead:
    """Returns the head of all pages of a text."""
    me = current_user()
    return shown.head(text, now, view, right=right_in(_chat(now), me) or "", reader=me)


def _editing(now: TextVersion, form: TextForm) -> Response:
    """Shows the form; after a refusal with what was typed, and with the newer version if that was the reason."""
    text = now.text()
    refusal = form.refusal
    newer = now if isinstance(refusal, Outdated) else None
    if newer or service.is_same(form.text.data or "", text):
        # What is saved next follows this one.
        form.version.data = form.since.data = str(now.number)
    lines = difference(text, form.text.data or "") if newer else ()
    values = {"text": now, "form": form.offering(text), "newer": newer and shown.version(newer), "lines": lines}
    url = url_for(".show", id=now.text_id)
    values |= {"head": _head(now, now, shown.EDIT), "save_url": url, "change_url": f"{url}/change", "cancel_url": f"{url}/cancel"}
    return _page("edit", _chat(now), url_for(".edit", id=now.text_id), status=refusal.status if refusal else 200, **values)


def _saved(now: TextVersion, refusal: AppError | None = None) -> Response:
    """Tells a page that saves as one types what became of it."""
    status = refusal.status if refusal else 200
    is_newer = isinstance(refusal, Outdated)
    return render("workspace/texts/_saved.html", status=status, text=now, refusal=refusal, is_newer=is_newer)


def _page(name: str, chat: Chat, page_url: str, *, status: int = 200, **values: Any) -> Response:
    """Renders a page, or what the panel shows of it; the panel would take nothing from a response with an error's status."""
    template = f"workspace/texts/_{name}.html" if is_htmx() else f"workspace/texts/{name}.html"
    return render(
        template,
        status=200 if is_htmx() else status,
        chat=chat,
        page_url=page_url,
        back_url=chat_page_url(chat.id),
        in_panel=is_htmx(),
        stays=stays(),
        **values,
    )
