"""Sets and reads secret cookies: HttpOnly, SameSite and, with HTTPS, the `__Host-` prefix."""

from flask import Response, request

from webapp.base.current import the_config


def secret_in(name: str) -> str:
    """Returns the value of the cookie; empty if the browser sent none."""
    return request.cookies.get(_full(name), "")


def keep_secret(response: Response, name: str, secret: str, *, seconds: int) -> Response:
    """Sets a secret as a cookie."""
    is_https = _is_https()
    response.set_cookie(_full(name), secret, max_age=seconds, secure=is_https, httponly=True, samesite="Lax", path="/")
    return response


def _full(name: str) -> str:
    # The prefix prevents other hosts under the same domain from setting a cookie whose value they know.
    return f"__Host-{name}" if _is_https() else name


def _is_https() -> bool:
    return the_config().public_url.startswith("https://")
