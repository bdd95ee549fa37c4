"""Limits that every request meets: rate limit headers for the API, and the connections of its address or caller."""

import math

from flask import Flask, Response, request
from sqlalchemy import inspect

from webapp.api.access import CALLER, Caller, caller_or_none
from webapp.base.errors import TooMany
from webapp.engine.engine import the_engine
from webapp.people.accounts.guards import KNOWN
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.web.htmx import is_api, wants_json
from webapp.web.server.connection_limiter import RETRY_SECONDS, SENTENCE, ClientConnection
from webapp.web.server.proxies import LIMITER


def init(app: Flask) -> None:
    app.before_request(_refuse_excess)
    app.after_request(_with_limit)
    app.after_request(_counted_as_the_callers)


def _refuse_excess() -> Response | None:
    """Refuses a request above its address's limit of connections, unless its caller is signed in and below theirs."""
    connection = _connection()
    if connection is None or not connection.is_excess:
        return None
    if caller := caller_or_none():
        _count(connection, caller)
    if not connection.is_excess:
        return None
    if wants_json():
        raise TooMany(SENTENCE, retry_after=RETRY_SECONDS)
    # An error page would cost more than the refusal saves.
    return Response(SENTENCE, 429, {"Retry-After": str(RETRY_SECONDS)}, content_type="text/plain; charset=utf-8")


def _counted_as_the_callers(response: Response) -> Response:
    """Counts the connection as that of the caller, if one was identified: many people and programs can share an address."""
    environ = request.environ
    if (connection := _connection()) and (caller := environ.get(CALLER) or environ.get(KNOWN)):
        _count(connection, caller)
    return response


def _count(connection: ClientConnection, caller: Caller | User) -> None:
    user, gateway = (caller.user, caller.gateway) if isinstance(caller, Caller) else (caller, None)
    person = _id_of(user)
    if gateway is None:
        connection.count_as(f"person:{person}", int(setting("limits.connections_per_address")))
        return
    (of_all, *_) = the_engine().admission.requester.allowances(person)
    # Each stream has a connection, and as many are for all other requests.
    connection.count_as(f"gateway:{of_all.gateway_id}", 2 * of_all.streams)


def _id_of(user: User) -> str:
    # Reading `user.id` would query the database again if the transaction was rolled back.
    (id,) = inspect(user).identity or ("",)
    return str(id)


def _connection() -> ClientConnection | None:
    return LIMITER.get().connection_of(request.environ)


def _with_limit(response: Response) -> Response:
    # Only a caller already identified: a response that reports the database as unavailable must not query it.
    if is_api() and (caller := request.environ.get(CALLER)):
        response.headers.update(headers_for(_id_of(caller.user)))
    return response


def headers_for(person: str) -> dict[str, str]:
    """Returns `RateLimit` and `RateLimit-Policy` as drafted by the IETF's HTTPAPI group; nothing without a limit.

    For a gateway they are those of the person it names, else its own.
    """
    allowance = the_engine().admission.requester.allowances(person)[-1]
    if not allowance.per_minute:
        return {}
    burst, seconds = allowance.burst, 60 / allowance.per_minute
    remaining, wait_seconds = the_engine().admission.rates.left(allowance.key, burst=burst, seconds=seconds)
    return {
        "RateLimit-Policy": f'"answers";q={burst};w={math.ceil(burst * seconds)}',
        "RateLimit": f'"answers";r={remaining};t={math.ceil(wait_seconds)}',
    }
