"""Detects the kind of response that a request expects, and makes pages, fragments and redirects."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Response, flash, redirect as flask_redirect, render_template, request, stream_template

from webapp.base import languages
from webapp.base.current import PerApp
from webapp.base.heavy.turns import by_turns, give_way

# Paths for programs: the native API, the OpenAI-compatible API, the dialects and the MCP server.
PROGRAM_PATHS = ("/openapi.json", "/metrics", "/mcp", "/sign-on/back-channel/")
API_PATHS = ("/api/", "/v1/", "/chat/", "/threads/", "/ai/", "/service/", *PROGRAM_PATHS)
# Scripts put only responses with this header into a page: never a file or a preview, which people and models write.
OURS = "Millrace-Page"
# What is asked for to be shown in a dialog over another page comes without its frame (layouts/app.html).
OVER = "Millrace-Over"
LONG_BYTES = 1_000_000
# The templates that this process has drawn.
DRAWN = PerApp[set[str]](set)


def is_api() -> bool:
    """Returns whether the path belongs to an API, even if no such route exists."""
    return request.path.startswith(API_PATHS)


def is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def page_path() -> str:
    """Returns the path of the page that sends a request of htmx; empty for any other request."""
    return urlsplit(request.headers.get("HX-Current-URL", "")).path


def wants_json() -> bool:
    """Returns whether the client is a program: judged by the path, the Accept header or, without one, the type of the body."""
    if is_api():
        return True
    accepted = request.accept_mimetypes
    if not request.headers.get("Accept") or accepted.best == "*/*":
        return request.is_json
    json = max(accepted["application/json"], accepted["application/problem+json"])
    return json > accepted["text/html"]


def render(template: str, *, status: int = 200, **context: Any) -> Response:
    """Renders a page or a fragment; both can have the same URL, so `Vary` keeps them apart in caches."""
    if template not in (drawn := DRAWN.get()):
        # The first time, templates are loaded and sheets joined, after statements were compiled: not all in one piece.
        drawn.add(template)
        give_way()
    return fragment(render_template(template, status=status, **context), status)


def render_long(template: str, **context: Any) -> Response:
    """Renders a page that can be many megabytes; lets other greenlets run between its pieces."""
    pieces = [*by_turns(piece.encode() for piece in stream_template(template, **context))]
    # Others would wait while fifty megabytes are joined, so these are sent piece by piece, and not compressed.
    return fragment(b"".join(pieces) if sum(map(len, pieces)) < LONG_BYTES else iter(pieces))


def fragment(html: str | bytes | Iterator[bytes] = "", status: int = 200) -> Response:
    """Returns HTML that was rendered from our templates."""
    return _varied(Response(html, status, {OURS: "1"}))


def redirect(location: str, words: str = "") -> Response:
    """Redirects with 303, so that the browser continues with a GET; the page at `location`, and no other, shows `words` once."""
    if words:
        flash(words, urlsplit(location).path)
    # Of a form in a dialog over a page: scripts don't learn where a 303 leads, and would fetch that page.
    return _at(location) if OVER in request.headers else _varied(flask_redirect(location, 303, Response))


def navigate(location: str) -> Response:
    """Redirects a form that htmx may have sent: on a 303, htmx would swap the target page into the current one."""
    return _at(location) if is_htmx() else redirect(location)


def _at(location: str) -> Response:
    return _varied(Response(status=204, headers={"HX-Redirect": location}))


def done(location: str) -> Response:
    """Returns 204 to htmx, as the result arrives over the page's stream, and redirects a plain form."""
    return _varied(Response(status=204)) if is_htmx() else redirect(location)


def done_message(sentences: Mapping[str, str]) -> str:
    """Returns the sentence for the `done` parameter of the URL; empty for an unknown one."""
    return languages.gettext(sentences.get(request.args.get("done", ""), ""))


def _varied(response: Any) -> Response:
    answer: Response = response
    answer.vary.update(("HX-Request", OVER))
    return answer
