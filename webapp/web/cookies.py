"""Sets and reads secret cookies: HttpOnly, SameSite and, with HTTPS, the `__Host-` prefix."""

from flask import Response, current_app, request

# Flask's own, for notices.
SESSION = "millrace-form"
# Every cookie of ours: a request that carries one must prove that no other site made the browser send it.
NAMES = {SESSION, "millrace", "millrace-visitor", "sidebar", "dismissed_alerts"}


def secret_in(name: str) -> str:
    """Returns the value of the cookie; empty if the browser sent none."""
    return request.cookies.get(_full(name), "")


def has_own_cookie() -> bool:
    return any(name.removeprefix("__Host-") in NAMES for name in request.cookies)


def keep_secret(response: Response, name: str, secret: str, *, seconds: int) -> Response:
    """Sets a secret as a cookie."""
    if name not in NAMES:
        raise ValueError(f"{name} is not among NAMES of {__name__}, so requests with it would not be checked: add it.")
    is_https = _is_https()
    response.set_cookie(_full(name), secret, max_age=seconds, secure=is_https, httponly=True, samesite="Lax", path="/")
    return response


def _full(name: str) -> str:
    # The prefix prevents other hosts under the same domain from setting a cookie whose value they know.
    return f"__Host-{name}" if _is_https() else name


def _is_https() -> bool:
    is_https: bool = current_app.extensions["config"].public_url.startswith("https://")
    return is_https
