"""The frame of a preview: sandboxed, without network access, and sent only for a ticket of our page around it (ADR 50)."""

from collections.abc import Sequence
from secrets import token_urlsafe
from typing import Any

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from webapp.chat.record.access import visitor_hash
from webapp.people.accounts.guards import client_address, session_secret
from webapp.people.accounts.tables import User
from webapp.rendering import plots
from webapp.rendering.plots import Scheme
from webapp.rendering.previews import DiagramLook, PreviewSource, diagram, document
from webapp.web.assets import asset
from webapp.web.downloads import written
from webapp.web.htmx import redirect
from webapp.web.security import DRAWER
from webapp.workspace.previews import shown
from webapp.workspace.previews.shown import PreviewRequest

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
NOTHING = "<p>This block is no longer in the message.</p>"
EXPIRED = "<p>This preview has expired. Open it again.</p>"
TICKET_SECONDS = 600


def address_values(page: Sequence[Any], asked: PreviewRequest, kind: str, me: User | None = None) -> dict[str, Any]:
    """Returns what the address of a frame has besides its page: a ticket for that page, and how a member looks at ours."""
    is_ours = kind == "mermaid" or asked.view == shown.PLOT
    theme, contrast = (me.theme or None, me.contrast or None) if me and is_ours else (None, None)
    ticket = _signer().dumps([*page, asked.number, asked.is_run])
    values = {"block": asked.number, "scripts": "run" if asked.is_run else None, "view": asked.view if is_ours else None}
    return values | {"theme": theme, "contrast": contrast, "ticket": ticket}


def refusal(page: Sequence[Any], asked: PreviewRequest, page_url: str) -> Response | None:
    """Returns the response to a request without what a frame of this page needs; None if it has that."""
    is_allowed, place = _has_ticket([*page, asked.number, asked.is_run]), request.headers.get("Sec-Fetch-Dest", "")
    # Opened outside the frame, the document could navigate anywhere. By plain HTTP, browsers don't say where they open it.
    if place != "iframe" and (place or request.is_secure or not is_allowed):
        return redirect(page_url)
    return None if is_allowed else _framed(EXPIRED, "")


def response(preview: PreviewSource, asked: PreviewRequest) -> Response:
    """Returns the document of a frame, with a policy that allows no more than it needs."""
    kind, content, _heading = preview
    if kind == "mermaid":
        return _diagram(content)
    if kind == "table":
        scheme = _scheme()
        image, narrow = (shown.plot_svg(preview, scheme, width) for width in (plots.WIDTH, plots.NARROW))
        return _framed(plots.document(image, narrow, scheme) if image else NOTHING, "")
    if kind == "html" and asked.is_run:
        return _framed(document(kind, content, is_run=True), "'unsafe-inline'")
    return _framed(document(kind, content) if kind else NOTHING, "")


def _has_ticket(page: Sequence[Any]) -> bool:
    """Returns whether our page around the frame was opened in this session a short time ago."""
    try:
        signed = _signer().loads(request.args.get("ticket", ""), max_age=TICKET_SECONDS)
    except BadData:
        return False
    return bool(signed == page)


def _signer() -> URLSafeTimedSerializer:
    # Readers of links have no session: then the ticket is for where they are.
    secret = session_secret() or visitor_hash() or client_address()
    return URLSafeTimedSerializer(str(current_app.secret_key), salt=f"frame {secret}")


def _diagram(content: str) -> Response:
    """Serves a diagram with a policy that allows only the script that draws it, none in the diagram itself."""
    nonce = token_urlsafe(16)
    look = DiagramLook(_scheme(), request.args.get("contrast") == "more", "fit" in request.args)
    page = diagram(content, script=asset(DRAWER), nonce=nonce, look=look)
    return _framed(page, f"'nonce-{nonce}' {request.host_url}static/{DRAWER}", allowed=" allow-scripts allow-downloads")


def _scheme() -> Scheme:
    theme = request.args.get("theme", "")
    return "dark" if theme == "dark" else "light" if theme == "light" else ""


def _framed(page: str, scripts: str, *, allowed: str = " allow-scripts") -> Response:
    policy = POLICY.format(scripts=scripts or "'none'", allowed=allowed if scripts else "")
    response = written(page, "text/html; charset=utf-8", policy=policy)
    response.headers.update(HEADERS)
    return response
