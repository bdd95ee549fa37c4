"""Previews of HTML, pictures and diagrams in a message, each in a sandboxed frame without network access.

The scripts of a web page run only when a person asks for it: nothing else that a model writes runs in a browser. What the frame
shows needs a ticket, which only our page around it has (ADR 50).
"""

from functools import partial
from io import BytesIO
from secrets import token_urlsafe
from threading import Lock
from typing import Literal

from flask import Blueprint, Response, current_app, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer

from webapp.base.db import db
from webapp.base.errors import Unavailable
from webapp.base.heavy import child
from webapp.base.languages import gettext as _
from webapp.chat.record import queries
from webapp.chat.record.access import visible_message, visitor_hash
from webapp.chat.record.tables import Message
from webapp.engine.engine import the_engine
from webapp.engine.watching.single_flight import SingleFlight
from webapp.people.accounts.guards import anybody, found, session_secret, user_or_none
from webapp.rendering import preview_search
from webapp.rendering.markdown import PIECE_CHARS, previewed
from webapp.rendering.previews import DiagramLook, diagram, document, svg_file
from webapp.web.assets import asset
from webapp.web.downloads import download, written
from webapp.web.htmx import is_htmx, redirect, render
from webapp.web.security import DRAWER
from webapp.workspace.page.pages import chat_page_url

bp = Blueprint("previews", __name__)
# The frame has an opaque origin and can load nothing from outside the document; the page around it prevents navigation.
POLICY = "; ".join(
    (
        "sandbox{allowed}",
        "default-src 'none'",
        "script-src {scripts}",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "font-src data:",
        "media-src data:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    )
)
HEADERS = {"X-Frame-Options": "SAMEORIGIN", "X-DNS-Prefetch-Control": "off"}
# Caches the parsed blocks of a text, however many of them are viewed.
_read = SingleFlight[dict[int, tuple[str, str]]](lambda blocks: sum(len(code) for _, code in blocks.values()), most=64)
# Only one child process at a time parses a long text, because imports need child processes, too.
_reading = Lock()
NOTHING = "<p>This block is no longer in the message.</p>"
EXPIRED = "<p>This preview has expired. Open it again.</p>"
TICKET_SECONDS = 600
NAMES = {"html": "Preview", "svg": "Drawing", "mermaid": "Diagram"}


@bp.get("/messages/<id>/preview")
@anybody
def show(id: str) -> Response:
    return _page(id)


@bp.post("/messages/<id>/preview")
@anybody
def run(id: str) -> Response:
    """Shows the page with its scripts. By form, as a link to it could stand in any message."""
    return _page(id, scripts="run")


@bp.get("/messages/<id>/frame")
@anybody
def frame(id: str) -> Response:
    message, is_run = visible_message(id), request.args.get("scripts") == "run"
    is_allowed, place = _has_ticket(message, is_run=is_run), request.headers.get("Sec-Fetch-Dest", "")
    # Opened outside the frame, the document could navigate anywhere. By plain HTTP, browsers don't say where they open it.
    if place != "iframe" and (place or request.is_secure or not is_allowed):
        return redirect(url_for("previews.show", id=id, block=_number()))
    if not is_allowed:
        return _framed(EXPIRED, "")
    kind, content = _block(message)
    if kind == "mermaid":
        return _diagram(content)
    if kind == "html" and is_run:
        return _framed(document(kind, content, is_run=True), "'unsafe-inline'")
    return _framed(document(kind, content) if kind else NOTHING, "")


@bp.get("/messages/<id>/drawing.svg")
@anybody
def save(id: str) -> Response:
    """Downloads an SVG image. A diagram is drawn in the browser, and its frame has a link of its own."""
    kind, content = _block(visible_message(id))
    return download(svg_file(found(content if kind == "svg" else None)), "drawing.svg", "image/svg+xml")


def _page(id: str, *, scripts: str | None = None) -> Response:
    message, number, me = visible_message(id), _number(), user_or_none()
    kind = _block(message)[0]
    theme, contrast = (me.theme or None, me.contrast or None) if me and kind == "mermaid" else (None, None)
    ticket = _signer().dumps([id, number, scripts == "run"])
    frame_url = url_for("previews.frame", id=id, block=number, scripts=scripts, theme=theme, contrast=contrast, ticket=ticket)
    return render(
        "workspace/page/_preview.html" if is_htmx() else "workspace/page/preview.html",
        name=_(NAMES.get(kind, "Preview")),
        page_url=url_for("previews.show", id=id, block=number),
        frame_url=frame_url,
        run_url=url_for("previews.run", id=id, block=number) if kind == "html" and not scripts else "",
        # Nothing but our drawing runs in the frame of a diagram, so what it offers can be saved.
        sandbox="allow-scripts allow-downloads" if kind == "mermaid" else "allow-scripts",
        file_url=url_for("previews.save", id=id, block=number) if kind == "svg" else "",
        back_url=chat_page_url(message.chat_id),
    )


def _has_ticket(message: Message, *, is_run: bool) -> bool:
    """Returns whether our page around the frame was opened in this session a short time ago."""
    try:
        signed = _signer().loads(request.args.get("ticket", ""), max_age=TICKET_SECONDS)
    except BadData:
        return False
    return bool(signed == [message.id, _number(), is_run])


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt=f"frame {session_secret() or visitor_hash()}")


def _block(message: Message) -> tuple[str, str]:
    """Returns the kind and the code of the block in the address; empty if the message has no such block."""
    text, id = queries.text_so_far(the_engine(), message), message.id
    # Releases the database connection while the text is parsed.
    db.session.rollback()
    return _read.get((id, len(text), hash(text)), partial(_blocks, text)).get(_number(), ("", ""))


def _diagram(content: str) -> Response:
    """Serves a diagram with a policy that allows only the script that draws it, none in the diagram itself."""
    nonce = token_urlsafe(16)
    page = diagram(content, script=asset(DRAWER), nonce=nonce, look=_look())
    return _framed(page, f"'nonce-{nonce}' {request.host_url}static/{DRAWER}", allowed=" allow-scripts allow-downloads")


def _look() -> DiagramLook:
    theme = request.args.get("theme", "")
    scheme: Literal["", "light", "dark"] = "dark" if theme == "dark" else "light" if theme == "light" else ""
    return DiagramLook(scheme, request.args.get("contrast") == "more", "fit" in request.args)


def _framed(page: str, scripts: str, *, allowed: str = " allow-scripts") -> Response:
    policy = POLICY.format(scripts=scripts or "'none'", allowed=allowed if scripts else "")
    response = written(page, "text/html; charset=utf-8", policy=policy)
    response.headers.update(HEADERS)
    return response


def _blocks(text: str) -> dict[int, tuple[str, str]]:
    if len(text) <= PIECE_CHARS:
        return previewed(text)
    with _reading, child.short(preview_search.__name__, BytesIO(text.encode())) as matches:
        try:
            return {int(number): (kind, code) for blocks in matches for number, (kind, code) in blocks.items()}
        except child.Exceeded as error:
            raise Unavailable("This answer is too long to be previewed right now. Please try again.") from error


def _number() -> int:
    return request.args.get("block", -1, type=int)
