"""What kind of answer is asked for, and how pages, fragments and redirects are made."""

from typing import Any

from flask import Response, flash, make_response, render_template, request, stream_template
from flask import redirect as flask_redirect

from webapp.heavy.turns import by_turns

# Where programs come in: the native API, the OpenAI-compatible door and the paths of the dialects.
API_PATHS = ("/api/", "/v1/", "/chat/", "/threads/", "/ai/", "/service/", "/openapi.json", "/metrics")


def is_api() -> bool:
    """Whether the path is one of the API, be there anything or not."""
    return request.path.startswith(API_PATHS)


def is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def wants_json() -> bool:
    """Whether a program asks: by its path, by what it accepts, or, when it does not say, by what it sends."""
    if is_api():
        return True
    accepted = request.accept_mimetypes
    if not request.headers.get("Accept") or accepted.best == "*/*":
        return request.is_json
    json = max(accepted["application/json"], accepted["application/problem+json"])
    return json > accepted["text/html"]


def render(template: str, *, status: int = 200, **context: Any) -> Response:
    """A page or a fragment; both can have the same address, so `Vary` keeps them apart in caches."""
    return _varied(make_response(render_template(template, status=status, **context), status))


def render_long(template: str, **context: Any) -> Response:
    """The same for what may be many megabytes: others go on between its pieces."""
    pieces = by_turns(piece.encode() for piece in stream_template(template, **context))
    return _varied(make_response(b"".join(pieces)))


def redirect(location: str, words: str = "") -> Response:
    """Sends the browser on, always by GET: what was posted is done, and the next page says so in these words."""
    if words:
        flash(words)
    return _varied(flask_redirect(location, 303, Response))


def lead(location: str) -> Response:
    """The same for a form that may have been sent by htmx, which would swap what a redirect leads to."""
    return _varied(Response(status=204, headers={"HX-Redirect": location})) if is_htmx() else redirect(location)


def done(location: str) -> Response:
    """For an action whose result arrives over the page's stream: 204 for htmx, a redirect for a form."""
    return _varied(Response(status=204)) if is_htmx() else redirect(location)


def _varied(response: Any) -> Response:
    answer: Response = response
    answer.vary.add("HX-Request")
    return answer
