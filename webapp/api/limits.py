"""What every answer of the API says of its caller's limit: how many answers may be begun, and when there are more."""

import math

from flask import Flask, Response, request
from sqlalchemy import inspect

from webapp.api.access import CALLER
from webapp.engine.engine import the_engine
from webapp.settings.service import setting
from webapp.web.htmx import is_api


def init(app: Flask) -> None:
    app.after_request(_with_limit)


def _with_limit(response: Response) -> Response:
    # Only who is known already: an answer that says that the database is away must not ask it.
    if is_api() and (found := request.environ.get(CALLER)):
        # What was lost with a transaction would be read again.
        (person,) = inspect(found.user).identity
        response.headers.update(headers_for(person))
    return response


def headers_for(person: str) -> dict[str, str]:
    """`RateLimit` and its policy in the form of the draft of the HTTPAPI working group; nothing where there is no limit."""
    per_minute, burst = int(setting("limits.streams_per_minute")), int(setting("limits.streams_burst"))
    if not per_minute:
        return {}
    seconds = 60 / per_minute
    left, wait_seconds = the_engine().rates.left(person, burst=burst, seconds=seconds)
    return {
        "RateLimit-Policy": f'"answers";q={burst};w={math.ceil(burst * seconds)}',
        "RateLimit": f'"answers";r={left};t={math.ceil(wait_seconds)}',
    }
