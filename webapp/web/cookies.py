"""Cookies with secrets: HttpOnly, SameSite and, with HTTPS, the `__Host-` prefix."""

from flask import Response, current_app, request


def secret_in(name: str) -> str:
    """What the browser showed; empty when it has none."""
    return request.cookies.get(_full(name), "")


def keep_secret(response: Response, name: str, secret: str, *, seconds: int) -> Response:
    """Gives the browser a secret to show again."""
    is_https = _is_https()
    response.set_cookie(_full(name), secret, max_age=seconds, secure=is_https, httponly=True, samesite="Lax", path="/")
    return response


def _full(name: str) -> str:
    # With the prefix no neighbour under the same domain can hand out a cookie that they know.
    return f"__Host-{name}" if _is_https() else name


def _is_https() -> bool:
    is_https: bool = current_app.extensions["config"].public_url.startswith("https://")
    return is_https
