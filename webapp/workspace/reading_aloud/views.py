"""Reading aloud: a sentence of an open page, and a page that plays a whole answer without JavaScript."""

from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from itertools import chain

from flask import Blueprint, Response, request, url_for

from webapp.base.heavy.threads import offload
from webapp.chat.messages.renderings import LONG_CHARS
from webapp.chat.record import queries
from webapp.chat.record.access import visible_message
from webapp.chat.record.tables import Message
from webapp.engine.engine import the_engine
from webapp.engine.watching.sse_response import detecting_disconnect, socket_of
from webapp.models.connections.models import the_models
from webapp.models.connections.purposes import READING_MODEL
from webapp.people.accounts.guards import current_user, signed_in, user_or_none
from webapp.settings.service import setting
from webapp.web.downloads import written
from webapp.web.htmx import redirect, render
from webapp.web.security import CONTENT_POLICY
from webapp.workspace.page.pages import chat_page_url
from webapp.workspace.reading_aloud import service, speakable

bp = Blueprint("reading_aloud", __name__)
# About twenty minutes.
MOST_CHARS = 20_000
PIECE_CHARS, FIRST_CHARS = 1_000, 200
# After signing out or losing access, a person must not hear it from the browser's cache.
KEPT = "private, no-cache"


@bp.app_template_global()
def has_server_voice() -> bool:
    """Returns whether the server can read answers to this person."""
    me = user_or_none()
    return me is not None and service.is_offered(me)


@bp.post("/speech")
@signed_in
def speak() -> Response:
    spoken = service.speak_sentence(request.form.get("text", ""), by=current_user())
    return written(spoken.content, spoken.media_type)


@bp.get("/messages/<id>/speech")
@signed_in
def show(id: str) -> Response:
    message = visible_message(id)
    pieces, is_cut = _pieces(message)
    page = render(
        "workspace/reading_aloud/listen.html",
        message_id=id,
        is_silent=not pieces,
        most_chars=MOST_CHARS if is_cut else 0,
        back_url=chat_page_url(message.chat_id),
    )
    page.headers["Content-Security-Policy"] = f"{CONTENT_POLICY}; media-src 'self'"
    return page


@bp.get("/messages/<id>/speech/audio")
@signed_in
def play(id: str) -> Response:
    pieces, _ = _pieces(visible_message(id))
    # Only a player asks for it: it is paid for, which a link to it from elsewhere must not make happen.
    if not pieces or request.headers.get("Sec-Fetch-Dest") not in (None, "audio", "video"):
        return redirect(url_for(".show", id=id))
    etag = sha256("\n".join([the_models().model_for(READING_MODEL), str(setting(service.VOICE)), *pieces]).encode()).hexdigest()
    if request.if_none_match.contains(etag):
        return _kept(Response(status=304), etag)
    spoken = service.speak_in_pieces(pieces, by=current_user(), leaving=partial(detecting_disconnect, socket_of(request.environ)))
    first = next(spoken)
    parts: Iterator[bytes] = chain([first.content], (part.content for part in spoken))
    response = written(parts, first.media_type)
    response.direct_passthrough = True
    return _kept(response, etag)


def _kept(response: Response, etag: str) -> Response:
    response.set_etag(etag)
    response.headers["Cache-Control"] = KEPT
    return response


def _pieces(message: Message) -> tuple[list[str], bool]:
    """Returns what of a message is read, in pieces, and whether that isn't all of it."""
    text = queries.text_so_far(the_engine(), message)
    sentences = offload(speakable.sentences, text) if len(text) > LONG_CHARS else speakable.sentences(text)
    heard = speakable.beginning(sentences, MOST_CHARS)
    return list(speakable.pieces(heard, most_chars=PIECE_CHARS, first_chars=FIRST_CHARS)), len(heard) < len(sentences)
