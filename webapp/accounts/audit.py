"""The log of what was done to people, keys and settings: never a secret, never a message."""

import logging
import time
from typing import TypedDict, Unpack

from flask import current_app
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.accounts.tables import AuditEntry, User
from webapp.db import write
from webapp.errors import Unavailable
from webapp.throttle import Tally

log = logging.getLogger("accounts")
# The actor of whatever is done by a command.
COMMAND_LINE = "command line"


class About(TypedDict, total=False):
    """Who did it, from where, and to what; `actor` is a name in words where nobody was signed in."""

    actor: User | str | None
    address: str
    object_kind: str
    object_id: str
    detail: str
    is_refused: bool


def add(session: Session, action: str, **about: Unpack[About]) -> None:
    """Adds an entry to the transaction of its caller: it stands there exactly when the change does."""
    actor = about.get("actor")
    entry = AuditEntry(
        actor_id=actor.id if isinstance(actor, User) else None,
        actor=_line(actor.email if isinstance(actor, User) else actor or "", 254),
        address=_line(about.get("address", ""), 60),
        action=_line(action, 60),
        object_kind=_line(about.get("object_kind", ""), 30),
        object_id=_line(about.get("object_id", ""), 80),
        detail=_line(about.get("detail", ""), 300),
        is_refused=about.get("is_refused", False),
    )
    session.add(entry)


def record(action: str, **about: Unpack[About]) -> None:
    """Writes an entry in a transaction of its own."""
    with write() as session:
        add(session, action, **about)


def refused(action: str, *, key: str, **about: Unpack[About]) -> None:
    """Writes down what was refused; of the same key again and again only the 1st, 10th, 100th and so on in an hour."""
    count = _tally().count(f"{action} {key}")
    if not count:
        return
    times = f"{count} times within an hour" if count > 1 else ""
    about["is_refused"] = True
    about["detail"] = ", ".join(filter(None, (about.get("detail", ""), times)))
    try:
        record(action, **about)
    except (Unavailable, OperationalError) as error:
        # It stays refused while nothing can be written.
        log.warning("refusal_not_recorded", extra={"fields": {"action": action, "error": type(error).__name__}})


def _tally() -> Tally:
    tally: Tally = current_app.extensions.setdefault("refusals", Tally(3600, time.monotonic))
    return tally


def _line(text: str, length: int) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:length]
