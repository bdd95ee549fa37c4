"""Rate limit headers in every API response: how many answers the caller can start, and when more are allowed."""

import math

from flask import Flask, Response, request
from sqlalchemy import inspect

from webapp.api.access import CALLER
from webapp.engine.engine import the_engine
from webapp.web.htmx import is_api


def init(app: Flask) -> None:
    app.after_request(_with_limit)


def _with_limit(response: Response) -> Response:
    # Only a caller already identified: a response that reports the database as unavailable must not query it.
    if is_api() and (found := request.environ.get(CALLER)):
        # Reading `user.id` would query the database again if the transaction was rolled back.
        (person,) = inspect(found.user).identity
        response.headers.update(headers_for(person))
    return response


def headers_for(person: str) -> dict[str, str]:
    """Returns `RateLimit` and `RateLimit-Policy` as drafted by the IETF's HTTPAPI group; nothing without a limit.

    For a gateway they are those of the person it names, else its own.
    """
    allowance = the_engine().requester.allowances(person)[-1]
    if not allowance.per_minute:
        return {}
    burst, seconds = allowance.burst, 60 / allowance.per_minute
    left, wait_seconds = the_engine().rates.left(allowance.key, burst=burst, seconds=seconds)
    return {
        "RateLimit-Policy": f'"answers";q={burst};w={math.ceil(burst * seconds)}',
        "RateLimit": f'"answers";r={left};t={math.ceil(wait_seconds)}',
    }
