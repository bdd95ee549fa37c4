"""Tells browsers for whom they keep pages to be read offline, and which: in a header of every page, read by static/js/sw.js."""

import hashlib

from flask import Response, request

from webapp.people.accounts.guards import session_secret, user_or_none
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.web import errors

HEADER = "Millrace-Keep"
# Key in the request's environ.
MAY_BE_KEPT = "millrace.may_be_kept"
NOBODY = "-"


def let_be_kept() -> None:
    """Lets browsers keep the page of this request, until its session ends."""
    request.environ[MAY_BE_KEPT] = True


def keeps_pages(user: User | None) -> bool:
    """Returns whether this person's browsers keep pages, and messages that wait for the network."""
    return user is not None and not user.offline and bool(setting("accounts.offline"))


def with_keeper(response: Response) -> Response:
    """Adds the header: the session's key, the person's id and `page` if this page may be kept; `-` if nothing may be.

    Error pages that are rendered without the database say nothing, so that browsers keep what they have.
    """
    if response.mimetype == "text/html" and response.status_code < 500 and not errors.is_bare():
        response.headers[HEADER] = _keeper(user_or_none(), is_kept=response.status_code == 200)
    return response


def _keeper(user: User | None, *, is_kept: bool) -> str:
    if not user:
        return NOBODY
    if not keeps_pages(user):
        return f"{NOBODY} {user.id}"
    # The secret itself must not be readable by scripts.
    key = hashlib.sha256(f"kept pages of {session_secret()}".encode()).hexdigest()[:16]
    return f"{key} {user.id}{' page' if is_kept and MAY_BE_KEPT in request.environ else ''}"
