"""The access policy of every route, and the session cookie."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import Response, has_request_context, request

from webapp.base import audit
from webapp.base.current import the_config
from webapp.base.errors import Forbidden, NotFound, SignedOut
from webapp.people.accounts import service
from webapp.people.accounts.fields import normal_email
from webapp.people.accounts.permissions import is_everyones, may, refuse_without, required_by
from webapp.people.accounts.queries import LiveSession
from webapp.people.accounts.second_step import CodeNeeded, the_second_step
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.web import errors, translation
from webapp.web.cookies import keep_secret, secret_in
from webapp.web.htmx import redirect

COOKIE = "millrace"
# The longest that browsers keep a cookie; the server decides when a session expires.
COOKIE_SECONDS = 400 * 24 * 3600
# Cached in the WSGI environment, because `g` can outlive the request.
KNOWN = "millrace.user"
HOLDER = f"{KNOWN}.holder"
WHOSE = "millrace.whose"
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def user_or_none() -> User | None:
    """Returns the signed-in user, looked up once per request, or None."""
    if KNOWN not in request.environ:
        session = full_session()
        know(session.user if session else None)
    user: User | None = request.environ[KNOWN]
    return user


def know(user: User | None) -> None:
    """Caches the person who sent the request; heavy work is limited for each person."""
    request.environ[KNOWN] = user
    if user:
        request.environ[WHOSE] = user.id
        translation.choose(user.language)


def whose() -> str:
    """Returns the id of the person who sent the request, if it is known, else their address; empty outside of requests."""
    if not has_request_context():
        return ""
    return request.environ.get(WHOSE) or request.remote_addr or ""


def session_user() -> User | None:
    """Returns whose session this browser has, also if they must first set up a second step; looked up once per request."""
    if HOLDER not in request.environ:
        secret = session_secret()
        user_of_session = service.session_user(secret) if secret else None
        is_theirs = user_of_session is not None and not _is_someone_else(user_of_session)
        request.environ[HOLDER] = user_of_session if is_theirs else None
    user: User | None = request.environ[HOLDER]
    return user


def full_session() -> LiveSession | None:
    """Returns this browser's session, unless its person must first set up a second step."""
    secret = session_secret()
    session = service.seen_session(secret) if secret else None
    if session and _is_someone_else(session.user):
        return None
    return session if session and not the_second_step().is_missing(session.user) else None


def current_user() -> User:
    return _required(user_or_none())


def anybody(view: Callable[P, R]) -> Callable[P, R]:
    """Declares a route that is open to everyone; who is signed in needs the permission that it requires."""
    return _guarded(view, lambda: _permitted(user_or_none() if required_by(request.endpoint or "") else None), "anybody")


def signed_in(view: Callable[P, R]) -> Callable[P, R]:
    """Declares a route that requires an account."""
    return _guarded(view, lambda: _permitted(current_user()), "signed_in")


def person_in_session() -> User:
    """Returns the current user, also if they must first set up a second step."""
    return _required(session_user())


def setting_up(view: Callable[P, R]) -> Callable[P, R]:
    """Declares a route that requires an account, but not yet the second step that its team requires."""
    return _guarded(view, person_in_session, "signed_in")


def admin_only(view: Callable[P, R]) -> Callable[P, R]:
    """Declares a route that only owners and admins can open."""
    return _guarded(view, lambda: refuse_unless_admin(current_user()), "admin_only")


def refuse_unless_admin(user: User) -> None:
    """Raises Forbidden, and logs the attempt in the audit log, if the user is neither owner nor admin."""
    if not may(user, "administer"):
        author = audit.AuditAuthor(user, client_address())
        audit.refused("tried to open an admin page", key=user.id, author=author, object_kind="page", object_id=request.path)
        raise Forbidden("Only the owner and admins can open this.")


def policy(view: Callable[..., object]) -> str:
    """Returns the access policy that a route declares; empty if it declares none."""
    declared: str = getattr(view, "policy", "")
    return declared


def found(thing: T | None) -> T:
    """Returns the object, or raises NotFound; a missing object and one without access look the same."""
    if thing is None:
        raise NotFound("Page not found, or you don't have access.")
    return thing


def own_path(path: str) -> str:
    """Returns the redirect target if every browser reads it as a path of this server, else the start page."""
    # Browsers remove tabs and newlines from URLs, and treat a backslash as a slash.
    is_own = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_own else "/"


def came_from() -> str:
    """Returns the path of the page that sent the form, to redirect back to it."""
    page = urlsplit(request.referrer or "")
    return own_path(page.path + (f"?{page.query}" if page.query else ""))


def own_address(path: str) -> str:
    """Returns the absolute URL of a path, for a link that is used outside the page."""
    root = the_config().public_url or request.host_url
    return root.rstrip("/") + path


def client_address() -> str:
    """Returns the client's address, for the audit log and for the rate limit on password guesses."""
    return request.remote_addr or ""


def session_secret() -> str:
    return secret_in(COOKIE)


def with_session(response: Response, secret: str) -> Response:
    """Sets the session cookie to this secret, or deletes it if the secret is empty."""
    return keep_secret(response, COOKIE, secret, seconds=COOKIE_SECONDS if secret else 0)


def signed_in_by(opened: Callable[[], str], path: str = "/") -> Response:
    """Signs in with the session that is opened, or asks for a code first; ends the browser's previous session."""
    try:
        secret = opened()
    except CodeNeeded as needed:
        return the_second_step().ask(needed, path)
    service.sign_out(session_secret(), address=client_address())
    return with_session(redirect(path), secret)


def email_by_proxy() -> str:
    """Returns the address of the person whom a trusted proxy has signed in; empty if it tells none."""
    header = the_config().sign_in_header
    return normal_email(request.headers.get(header, "")) if header else ""


def _is_someone_else(user: User) -> bool:
    """Returns whether the proxy has signed in someone else than this user, whose session then counts for nothing."""
    email = email_by_proxy()
    return bool(email) and email != user.email


def _permitted(user: User | None) -> None:
    """Raises `Forbidden` if the endpoint requires a permission that the person doesn't have."""
    if user:
        refuse_without(user, required_by(request.endpoint or ""))


def _required(user: User | None) -> User:
    if user is None:
        raise SignedOut("Please sign in first.")
    return user


def _guarded(view: Callable[P, R], check: Callable[[], object], name: str) -> Callable[P, R]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        check()
        return view(*args, **kwargs)

    return _declared(guarded, name)


def _declared(view: Callable[P, R], name: str) -> Callable[P, R]:
    view.policy = name  # type: ignore[attr-defined]
    return view


def audit_author() -> PersonAuthor:
    """Returns the user and the address of this request, for the audit log."""
    return PersonAuthor(current_user(), client_address())


def viewer_may(name: str) -> bool:
    """Returns whether the person whom the page is rendered for has a permission; a visitor has other limits."""
    me = None if is_everyones(name) else viewer_or_none()
    return me is None or may(me, name)


def viewer_or_none() -> User | None:
    """Returns the user that the page is rendered for; None outside a request and while an error page is rendered."""
    return None if not has_request_context() or errors.is_bare() else user_or_none()
