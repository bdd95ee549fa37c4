"""Authenticates API callers: programs by token, streams by ticket, browsers by session cookie."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from typing import Any, ParamSpec, TypeVar

from flask import current_app, has_request_context, request

from webapp.base.errors import Forbidden, Invalid, SignedOut
from webapp.engine.engine import the_engine
from webapp.engine.state.admission import AnswerAllowance
from webapp.engine.watching.sse_response import detecting_disconnect, socket_of
from webapp.people.accounts import permissions, queries, service, tokens
from webapp.people.accounts.guards import KNOWN, full_session, know, refuse_unless_admin
from webapp.people.accounts.permissions import allowed_scopes, refuse_without, required_by
from webapp.people.accounts.roles import SCOPES
from webapp.people.accounts.second_step import the_second_step
from webapp.people.accounts.tables import ApiToken, User
from webapp.settings.service import setting

# `same_request()` drops environ entries with this prefix, so each later check of a stream authenticates again.
CALLER = f"{KNOWN}.caller"
CHAT = "millrace.ticket_chat"
NOBODY = "Authentication required. Send a token as Authorization: Bearer (create one under Settings, API tokens), or sign in."
# The header in which a gateway names the person behind a request, in its own words.
END_USER = "X-End-User"
MOST_END_USER = 200
# A token that can write in chats can also read them: it reads the answer it requested.
COVERED_BY = {"read": {"read", "chat"}, "mcp": {"mcp", "tools"}, "metrics": {"metrics", "admin"}}
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller with its scopes; `holder` names the session or token without revealing it."""

    user: User
    scopes: frozenset[str]
    holder: str
    has_cookie: bool = False
    gateway: ApiToken | None = None


class CurrentRequester:
    """The caller of the current request, with the limits that apply to them; outside a request, the named person."""

    def allowances(self, person: str) -> tuple[AnswerAllowance, ...]:
        """Returns the limits of a person, or those of a gateway and, where its request names one, of the person behind it."""
        per_minute, burst = int(setting("limits.streams_per_minute")), int(setting("limits.streams_burst"))
        at_once, streams = int(setting("limits.concurrent_streams")), int(setting("limits.sse_per_user"))
        caller = _caller_with_token()
        gateway = caller.gateway if caller and caller.user.id == person else None
        if gateway is None:
            return (AnswerAllowance(person, per_minute, burst, at_once, streams),)
        # A gateway's answers for many people come in bursts: it can start those of a minute in a row.
        whole = _stated(gateway.answers_per_minute, "limits.gateway_per_minute")
        most = _stated(gateway.answers_at_once, "limits.gateway_at_once")
        open_streams = _stated(gateway.answer_streams, "limits.gateway_streams")
        of_all = AnswerAllowance(tokens.TOKEN + gateway.id, whole, max(1, whole), most, open_streams, gateway.id)
        behind = _end_user(gateway.id)
        return (of_all, AnswerAllowance(behind, per_minute, burst, at_once, streams, gateway.id)) if behind else (of_all,)

    def leaving(self, wake: Callable[[], object]) -> AbstractContextManager[Callable[[], bool]]:
        return detecting_disconnect(socket_of(request.environ) if has_request_context() else None, wake)


def _stated(of_token: int | None, name: str) -> int:
    return int(setting(name)) if of_token is None else of_token


def _end_user(gateway_id: str) -> str:
    """Returns a key for the person whom a gateway's request names; only a hash of the name is kept, and only in memory."""
    sent = request.headers.get(END_USER, "")
    try:
        # WSGI decodes headers as Latin-1.
        name = sent.encode("latin-1").decode().strip()
    except UnicodeError:
        name = "\0"
    if len(name) > MOST_END_USER or not name.isprintable():
        raise Invalid(f"{END_USER} must be at most {MOST_END_USER} characters of UTF-8, without control characters.")
    return sha256(f"{gateway_id}\0{name}".encode()).hexdigest()[:32] if name else ""


def caller() -> User:
    """Returns the authenticated user; raises `SignedOut` if there is none, but checks no scope."""
    return identified().user


def identified() -> Caller:
    caller = caller_or_none()
    if caller is None:
        raise SignedOut(NOBODY)
    if caller.holder.startswith(tokens.TOKEN):
        refuse_without(caller.user, "api")
    return caller


def caller_or_none() -> Caller | None:
    """Returns the caller, looked up once per request; pages that query the signed-in user get the same one."""
    if CALLER not in request.environ:
        caller = _by_token() if _bearer() is not None else _by_ticket() or _by_session()
        request.environ[CALLER] = caller
        know(caller.user if caller else None)
    cached_caller: Caller | None = request.environ[CALLER]
    return cached_caller


def caller_of_stream() -> Caller | None:
    """Returns the caller of an open stream; None if they couldn't open it any longer."""
    caller = caller_or_none()
    if caller and caller.holder.startswith(tokens.TOKEN) and not permissions.may(caller.user, "api"):
        return None
    return caller


def stream_limits() -> dict[str, int]:
    """Returns how many streams can deliver answers to the caller at once, by whose limit it is; nothing for a visitor."""
    caller = caller_or_none()
    return (
        {allowance.key: allowance.streams for allowance in the_engine().admission.requester.allowances(caller.user.id)}
        if caller
        else {}
    )


def made_limits(person: str) -> list[tuple[str, int, int]]:
    """Returns how many items a person can create per minute, and in a row, with whose limit each is.

    A gateway, which creates a chat for each answer, has its own instead, and beside it the person whom its request names.
    """
    caller = _caller_with_token()
    of_person = int(setting("limits.made_per_minute")), int(setting("limits.made_burst"))
    if not (caller and caller.gateway):
        return [(person, *of_person)]
    of_all, *behind = the_engine().admission.requester.allowances(caller.user.id)
    return [(of_all.key, of_all.per_minute, of_all.burst), *((allowance.key, *of_person) for allowance in behind)]


def end_user() -> str:
    """Returns a key for the person whom a gateway's request names; empty if it names none."""
    caller = _caller_with_token()
    return _end_user(caller.gateway.id) if caller and caller.gateway else ""


def token_id() -> str:
    """Returns the id of the token this request came with; empty without a token or outside a request."""
    caller = caller_or_none() if has_request_context() and _bearer() is not None else None
    return caller.holder.removeprefix(tokens.TOKEN) if caller else ""


def may(scope: str) -> bool:
    """Returns whether the caller has this scope, or one that covers it."""
    caller = caller_or_none()
    return caller is not None and bool(caller.scopes & COVERED_BY.get(scope, {scope}))


def ticket_for(chat_id: str) -> str:
    """Returns the ticket for the URL of a chat's stream, in place of a header; empty for visitors, whose cookie is sent.

    That of a plan is for its lane.
    """
    caller = caller_or_none()
    return tokens.ticket(str(current_app.secret_key), caller.holder, chat_id) if caller else ""


def scoped(
    scope: str, *, also: str = "", visitors: bool = False, ticket: Callable[[dict[str, Any]], str] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Restricts a route to callers with this scope or, if given, the alternative scope `also`.

    `ticket` returns, from the variables in the path, the chat, or the lane of a plan, for which a ticket must have been issued.
    """

    def around(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            request.environ[CHAT] = ticket(kwargs) if ticket and "ticket" in request.args else ""
            if not (visitors and _is_visitor()):
                check(scope, also)
            return view(*args, **kwargs)

        guarded.policy = f"api:{scope}{' or visitors' if visitors else ''}"  # type: ignore[attr-defined]
        return guarded

    return around


def check(scope: str, also: str = "") -> None:
    """Raises unless the caller has one of the two scopes."""
    caller = identified()
    refuse_without(caller.user, required_by(request.endpoint or ""))
    if not may(scope) and not (also and may(also)):
        if scope not in allowed_scopes(caller.user):
            if scope == "admin":
                refuse_unless_admin(caller.user)
            raise Forbidden("Your account isn't allowed to do that.")
        raise Forbidden(f"This token doesn't have permission. It needs the scope {scope}: {SCOPES[scope][0].lower()}.")


def _caller_with_token() -> Caller | None:
    """Returns the caller of a request with a token or a ticket; others are no gateways, so nothing is looked up for them."""
    if has_request_context() and (_bearer() is not None or request.environ.get(CHAT)):
        return caller_or_none()
    return None


def _is_visitor() -> bool:
    return _bearer() is None and caller_or_none() is None and bool(setting("demo.visitors"))


def _bearer() -> str | None:
    """Returns the bearer token; empty if the header has none, and None without such a header."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _by_token() -> Caller | None:
    token = _bearer()
    token_and_user = service.used_token(token) if token else None
    if token_and_user is None:
        return None
    row, user = token_and_user
    gateway = row if row.is_gateway else None
    if gateway:
        # Refuses an unusable name also where no limit is counted.
        _end_user(row.id)
    return Caller(user, service.scopes_of(row, user), tokens.TOKEN + row.id, gateway=gateway)


def _by_ticket() -> Caller | None:
    chat_id, text = request.environ.get(CHAT, ""), request.args.get("ticket", "")
    holder = tokens.holder_of(str(current_app.secret_key), text, chat_id) if chat_id else ""
    holder_row = queries.holder(holder) if holder else None
    if holder_row is None or (holder.startswith(tokens.SESSION) and the_second_step().is_missing(holder_row[1])):
        return None
    token, user = holder_row
    gateway = token if token and token.is_gateway else None
    # A ticket only grants reading, as people other than its owner can see a URL: of a plan too, where only `plans` grants that.
    return Caller(user, frozenset({"read", "plans"}), holder, gateway=gateway)


def _by_session() -> Caller | None:
    session = full_session()
    if session is None:
        return None
    return Caller(session.user, frozenset(allowed_scopes(session.user)), tokens.SESSION + session.id, has_cookie=True)
