"""Checks of host and origin (which stop cross-site request forgery), limits on requests, and the headers of every response."""

import ipaddress
import re
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestHeaderFieldsTooLarge

from webapp.base.config import Config
from webapp.base.errors import Forbidden
from webapp.web.cookies import SESSION, Sessions, has_session
from webapp.web.htmx import is_api
from webapp.web.server.request_parsing import MOST_COOKIE_CHARS

# A message can have 200 000 characters, each up to twelve bytes in a form.
MOST_BYTES = 4 * 1024 * 1024
MOST_PARTS = 200
MOST_FIELDS = 1000
CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        # Previews, which have a separate policy.
        "frame-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)
PERMISSIONS = "Permissions-Policy"
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`, which makes browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    PERMISSIONS: "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Requested by sandboxed frames, whose opaque origin counts as another site; the script contains no user data.
DRAWER = "vendor/mermaid.min.js"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# `none` is what a person typed or opened from a bookmark.
OURSELVES = {"none", "same-origin"}
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
FOREIGN = "This request came from another site, so it was refused."
UNNAMED = (
    "This request doesn't say which site it came from, so it was refused. Use a current browser; a program signs in with a "
    "token, or sends Sec-Fetch-Site: none."
)
HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?")


def init(app: Flask, config: Config) -> None:
    """Configures limits and cookie flags, and registers the checks before and the headers after every request."""
    is_https = config.public_url.startswith("https://")
    app.config.update(
        MAX_CONTENT_LENGTH=MOST_BYTES,
        MAX_FORM_MEMORY_SIZE=MOST_BYTES,
        MAX_FORM_PARTS=MOST_PARTS,
        # This cookie holds only notices, and who has yet to enter a code; signed-in sessions use another one.
        SESSION_COOKIE_NAME=f"__Host-{SESSION}" if is_https else SESSION,
        SESSION_COOKIE_SECURE=is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
    )
    app.session_interface = Sessions()
    headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if is_https else {})
    app.before_request(_refuse_countless_cookies)
    app.before_request(lambda: _refuse_foreign_names(config))
    app.before_request(lambda: _refuse_foreign_sites(config))
    app.before_request(_refuse_countless_fields)
    app.after_request(lambda response: _with_headers(response, headers))


def with_microphone(response: Response) -> Response:
    """Lets a page ask for the microphone, which no other can."""
    response.headers[PERMISSIONS] = HEADERS[PERMISSIONS].replace("microphone=()", "microphone=(self)")
    return response


def is_own_host(host: str, config: Config) -> bool:
    """Returns whether a Host header names this server, to stop DNS rebinding: other names can resolve to this address too."""
    match = HOST.fullmatch(host.lower())
    name = match["name"].strip("[]").removesuffix(".") if match else ""
    own = {config.host, urlsplit(config.public_url).hostname, *config.allowed_hosts}
    return bool(name) and (name in own or _is_loopback(name))


def is_here_alone(address: str) -> bool:
    """Returns whether a URL points to the local machine, so that it is useless on another one."""
    return _is_loopback(urlsplit(address).hostname or "")


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse_foreign_names(config: Config) -> None:
    if not is_own_host(request.host, config):
        raise BadRequest("This server doesn't accept requests for that host name. To allow it, add it to ALLOWED_HOSTS.")


def _refuse_foreign_sites(config: Config) -> None:
    """Raises if another site may have made the browser send this request, with its cookies or to be given one.

    A browser says where an unsafe request comes from: in Sec-Fetch-Site or, over plain HTTP and before 2023, in Origin. A
    program that calls the API without a session has nothing that could be abused, so it can leave out both.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if is_api() and origin in config.cors_origins:
        return
    if request.method in SAFE_METHODS:
        if site and site not in OURSELVES and not (request.headers.get("Sec-Fetch-Mode") == "navigate" or _is_drawer()):
            raise Forbidden(FOREIGN)
    elif not site and origin is None:
        if has_session() or not is_api():
            raise Forbidden(UNNAMED)
    elif not (_is_from_ourselves(site, origin, config) if site else _is_own_origin(origin or "", config)):
        raise Forbidden(FOREIGN)


def _is_drawer() -> bool:
    return request.endpoint == "static" and (request.view_args or {}).get("filename") == DRAWER


def _is_from_ourselves(site: str, origin: str | None, config: Config) -> bool:
    # Behind a proxy that terminates TLS and isn't trusted the scheme is unknown, so host and port of the Origin are enough here.
    is_same_host = origin is None or origin.partition("://")[2] == request.host or _is_own_origin(origin, config)
    return site in OURSELVES and is_same_host


def _is_own_origin(origin: str, config: Config) -> bool:
    own = f"{request.scheme}://{request.host}", config.public_url
    return origin in [_origin(address) for address in own if address]


def _origin(address: str) -> str:
    """Returns the origin of an address as browsers write it, without the default port."""
    parts = urlsplit(address.lower())
    return f"{parts.scheme}://{parts.netloc}".removesuffix(DEFAULT_PORTS.get(parts.scheme, " "))


def _refuse_countless_cookies() -> None:
    if len(request.environ.get("HTTP_COOKIE", "")) > MOST_COOKIE_CHARS:
        raise RequestHeaderFieldsTooLarge


def _refuse_countless_fields() -> None:
    # Forms are parsed before authentication and without yielding: a million fields would block all requests for seconds.
    if request.mimetype == "application/x-www-form-urlencoded" and request.get_data().count(b"&") >= MOST_FIELDS:
        raise RequestEntityTooLarge


def _with_headers(response: Response, headers: dict[str, str]) -> Response:
    if _is_drawer():
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    # `setdefault` would scan all headers three times for each one.
    present = {name.lower() for name, _ in response.headers}
    response.headers.extend({name: value for name, value in headers.items() if name.lower() not in present})
    return response
