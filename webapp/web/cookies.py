"""Sets and reads secret cookies: HttpOnly, SameSite and, with HTTPS, the `__Host-` prefix."""

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from webapp.base.current import the_config

# Flask's own, for notices.
SESSION = "millrace-form"
# With one of these, a request must prove that no other site made the browser send it.
OF_PEOPLE = {SESSION, "millrace", "sidebar", "dismissed_alerts"}
# Opens the demo's chat of a day, also to programs that keep cookies and know no browser's headers.
OF_VISITORS = {"millrace-visitor"}


class Sessions(SecureCookieSessionInterface):
    """Flask's own, which prepares to check a signature even where there is no cookie."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


def secret_in(name: str) -> str:
    """Returns the value of the cookie; empty if the browser sent none."""
    return request.cookies.get(_full(name), "")


def has_session() -> bool:
    """Returns whether the request carries a cookie of ours that is more than a visitor's."""
    return any(name.removeprefix("__Host-") in OF_PEOPLE for name in request.cookies)


def keep_secret(response: Response, name: str, secret: str, *, seconds: int) -> Response:
    """Sets a secret as a cookie."""
    if name not in OF_PEOPLE | OF_VISITORS:
        raise ValueError(f"{name} is not among the names in {__name__}, so requests with it would not be checked: add it.")
    is_https = _is_https()
    response.set_cookie(_full(name), secret, max_age=seconds, secure=is_https, httponly=True, samesite="Lax", path="/")
    return response


def _full(name: str) -> str:
    # The prefix prevents other hosts under the same domain from setting a cookie whose value they know.
    return f"__Host-{name}" if _is_https() else name


def _is_https() -> bool:
    return the_config().public_url.startswith("https://")
