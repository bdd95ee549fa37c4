"""CORS: only pages of the origins an operator has listed can call the API, with or without the cookie."""

from flask import Flask, Response, request

from webapp.base.config import Config
from webapp.web.htmx import is_api

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED = (
    "Authorization, Content-Type, Accept, Idempotency-Key, Last-Event-ID, X-Requested-With, Cache-Control, "
    "MCP-Protocol-Version, MCP-Session-Id, Mcp-Method, Mcp-Name"
)
SHOWN = "X-Stream-Id, X-Plan-Id, RateLimit, RateLimit-Policy, Retry-After, Location, Content-Disposition, WWW-Authenticate"
REMEMBER_SECONDS = 600


def init(app: Flask, config: Config) -> None:
    app.before_request(lambda: _preflight(config))
    app.after_request(lambda response: _permit(response, config))


def _preflight(config: Config) -> Response | None:
    """Answers a preflight request; unlisted origins get no CORS headers, so the browser refuses."""
    if not (is_api() and request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers):
        return None
    response = Response(status=204)
    if _is_listed(config):
        allowed = {"Methods": METHODS, "Headers": ALLOWED}
        response.headers.update({f"Access-Control-Allow-{name}": value for name, value in allowed.items()})
        response.headers["Access-Control-Max-Age"] = str(REMEMBER_SECONDS)
    return response


def _permit(response: Response, config: Config) -> Response:
    if is_api():
        response.vary.add("Origin")
        if _is_listed(config):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Allow-Credentials"] = "true"
            response.headers["Access-Control-Expose-Headers"] = SHOWN
    return response


def _is_listed(config: Config) -> bool:
    return request.headers.get("Origin", "") in config.cors_origins
