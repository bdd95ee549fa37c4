"""Previews of HTML, images, diagrams and tables in a message, beside its chat: drawn in a sandboxed frame, or their source.

The scripts of a web page run only when a person asks for it: nothing else that a model writes runs in a browser. What the frame
shows needs a ticket, which only our page around it has (ADR 50).
"""

from collections.abc import Sequence

from flask import Blueprint, Response, url_for

from webapp.base.languages import gettext as _
from webapp.chat.record import queries as chat_queries
from webapp.chat.record.access import right_in, visible_message
from webapp.chat.record.tables import Message
from webapp.people.accounts.guards import anybody, user_or_none
from webapp.web.htmx import redirect
from webapp.workspace.page.pages import chat_page_url
from webapp.workspace.previews import frame_views, shown, versions_shown
from webapp.workspace.previews.pages import Place, preview_page
from webapp.workspace.previews.shown import ArtifactView, PreviewRequest
from webapp.workspace.previews.versions_shown import PreviewVersion

bp = Blueprint("previews", __name__)


@bp.get("/messages/<id>/preview")
@anybody
def show(id: str) -> Response:
    """Shows a preview as its message has it only if a view of that is requested: what was edited since is its newest version."""
    message, asked = visible_message(id), shown.requested(is_run=False)
    edited_url = "" if asked.view else _edited_url(message, asked.number)
    return redirect(edited_url) if edited_url else _page(message, asked)


@bp.post("/messages/<id>/preview")
@anybody
def run(id: str) -> Response:
    """Shows the page with its scripts. By form, as a link to it could stand in any message."""
    return _page(visible_message(id), shown.requested(is_run=True))


@bp.get("/messages/<id>/frame")
@anybody
def frame(id: str) -> Response:
    message, asked = visible_message(id), shown.framed()
    refusal = frame_views.refusal([id], asked, url_for(".show", id=id, block=asked.number))
    return refusal or frame_views.response(versions_shown.in_message(message, asked.number), asked)


@bp.get("/messages/<id>/preview/file")
@anybody
def save(id: str) -> Response:
    """Downloads what is previewed. The drawing of a diagram is made in the browser, and its frame has a link of its own."""
    asked = shown.requested(is_run=False)
    return shown.file(versions_shown.in_message(visible_message(id), asked.number), asked.view)


def _edited_url(message: Message, number: int) -> str:
    """Returns where the text is that was made of a preview and edited since; empty if there is none."""
    me, chat = user_or_none(), chat_queries.chat_of(message)
    if not me or not chat.has_texts:
        return ""
    text_id = versions_shown.edited_text(chat, versions_shown.in_message(message, number), me.id)
    return url_for("texts.show", id=text_id) if text_id else ""


def _page(message: Message, asked: PreviewRequest) -> Response:
    id, chat, me = message.id, chat_queries.chat_of(message), user_or_none()
    right = right_in(chat, me)
    can_publish = message.role == "assistant" and not chat.is_temporary and right == "own"
    can_edit = me and right in ("own", "write") and bool(message.content)
    place = Place("previews", {"id": id}, chat_page_url(chat.id), _("Back to the chat"))
    text = versions_shown.text_of(message)
    steps = _steps(asked, id, versions_shown.versions_of(chat, id, text, asked.number))
    return preview_page(
        shown.titled(versions_shown.in_text(id, text, asked.number), chat.title),
        asked,
        place,
        steps=steps,
        edit=ArtifactView(_("Edit"), url_for("texts.edit_part", id=id, block=asked.number)) if can_edit else None,
        publish_url=url_for("links.of_answer", id=id, block=asked.number) if can_publish else "",
        edited_url=_edited_url(message, asked.number),
        origin=_("Made by the model.") if message.role == "assistant" else "",
    )


def _steps(asked: PreviewRequest, id: str, versions: Sequence[PreviewVersion]) -> dict[str, str | int]:
    """Returns which of how many versions is shown, and where those before and after it are, as their messages have them."""
    place = versions.index(PreviewVersion(id, asked.number))
    beside = {"earlier": versions[place - 1 : place], "later": versions[place + 1 : place + 2]}
    urls = {
        step: url_for(".show", id=version.message_id, block=version.number, view=asked.view or shown.DRAWN)
        for step, neighbours in beside.items()
        for version in neighbours
    }
    return {"number": place + 1, "count": len(versions), **urls}
