"""The access policy of every route, and the session cookie."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import Response, current_app, has_request_context, request

from webapp.accounts import audit, service
from webapp.accounts.audit import About
from webapp.accounts.roles import may
from webapp.accounts.tables import User
from webapp.errors import Forbidden, NotFound, SignedOut
from webapp.web import errors
from webapp.web.cookies import keep_secret, secret_in

COOKIE = "millrace"
# Browsers keep no cookie for longer; the server decides when a session has run out.
COOKIE_SECONDS = 400 * 24 * 3600
# Kept with the request: `g` may outlive it.
KNOWN = "millrace.user"
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def user_or_none() -> User | None:
    """Who is signed in, looked up once per request."""
    if KNOWN not in request.environ:
        secret = session_secret()
        request.environ[KNOWN] = service.session_user(secret) if secret else None
    user: User | None = request.environ[KNOWN]
    return user


def current_user() -> User:
    user = user_or_none()
    if user is None:
        raise SignedOut("Please sign in first.")
    return user


def anybody(view: Callable[P, R]) -> Callable[P, R]:
    """The route is open to everyone."""
    return _declared(view, "anybody")


def signed_in(view: Callable[P, R]) -> Callable[P, R]:
    """The route is for people with an account."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        current_user()
        return view(*args, **kwargs)

    return _declared(guarded, "signed_in")


def admin_only(view: Callable[P, R]) -> Callable[P, R]:
    """The route is for the owner and admins."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        refuse_unless_admin(current_user())
        return view(*args, **kwargs)

    return _declared(guarded, "admin_only")


def refuse_unless_admin(user: User) -> None:
    """Refuses, and writes down, who tries what is for the owner and admins."""
    if not may(user.role, "administer"):
        about = audit.About(actor=user, address=client_address(), object_kind="page", object_id=request.path)
        audit.refused("tried to open an admin page", key=user.id, **about)
        raise Forbidden("Only the owner and admins can open this.")


def policy(view: Callable[..., object]) -> str:
    """What the route declares about who may come in; empty when it says nothing."""
    declared: str = getattr(view, "policy", "")
    return declared


def found(thing: T | None) -> T:
    """What was looked up; not there and not theirs are the same answer."""
    if thing is None:
        raise NotFound("Page not found, or you don't have access.")
    return thing


def own_path(wish: str, default: str = "/") -> str:
    """Where to go next, if that is a path of this server in every browser's reading, else the default."""
    # Browsers drop tabs and newlines from addresses and take a backslash for a slash.
    is_own = wish.startswith("/") and not wish.startswith("//") and "\\" not in wish and wish.isprintable()
    return wish if is_own else default


def came_from() -> str:
    """The page that a form was sent from, to go back to."""
    page = urlsplit(request.referrer or "")
    return own_path(page.path + (f"?{page.query}" if page.query else ""))


def own_address(path: str) -> str:
    """The whole address of a path of ours, for a link that somebody takes along."""
    root: str = current_app.extensions["config"].public_url or request.host_url
    return root.rstrip("/") + path


def client_address() -> str:
    """From where this request came, for the audit log and for slowing down who guesses."""
    return request.remote_addr or ""


def session_secret() -> str:
    return secret_in(COOKIE)


def with_session(response: Response, secret: str) -> Response:
    """Gives the browser the session of this secret, or takes the cookie away when it is empty."""
    return keep_secret(response, COOKIE, secret, seconds=COOKIE_SECONDS if secret else 0)


def _declared(view: Callable[P, R], name: str) -> Callable[P, R]:
    view.policy = name  # type: ignore[attr-defined]
    return view


def who() -> About:
    """Whose doing it is, for the audit log."""
    return About(actor=current_user(), address=client_address())


def onlooker() -> User | None:
    """Whom this page is drawn for; nobody while an error is shown."""
    return None if not has_request_context() or errors.is_bare() else user_or_none()
