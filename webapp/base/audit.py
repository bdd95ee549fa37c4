"""The audit log of changes to people, keys and settings; it never contains secrets or messages."""

import logging
import time
from typing import TypedDict, Unpack

from flask import current_app
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.base.db import write
from webapp.base.errors import Unavailable
from webapp.base.throttle import RepeatCounter
from webapp.people.accounts.tables import AuditEntry, User

log = logging.getLogger("accounts")
# The actor of every change made by a command.
COMMAND_LINE = "command line"


class About(TypedDict, total=False):
    """Actor, client address and object of an action; `actor` is a text if no one was signed in."""

    actor: User | str | None
    address: str
    object_kind: str
    object_id: str
    detail: str
    is_refused: bool


def add(session: Session, action: str, **about: Unpack[About]) -> None:
    """Adds an entry to the caller's transaction, so that it is stored if and only if the change is."""
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
    """Writes an entry in a separate transaction."""
    with write() as session:
        add(session, action, **about)


def refused(action: str, *, key: str, **about: Unpack[About]) -> None:
    """Logs a refused action; repeats with the same key are logged only the 10th, 100th and so on time within an hour."""
    count = _tally().count(f"{action} {key}")
    if not count:
        return
    times = f"{count} times within an hour" if count > 1 else ""
    about["is_refused"] = True
    about["detail"] = ", ".join(filter(None, (about.get("detail", ""), times)))
    try:
        record(action, **about)
    except (Unavailable, OperationalError) as error:
        # A failed write to the log must not turn a refusal into an error.
        log.warning("refusal_not_recorded", extra={"fields": {"action": action, "error": type(error).__name__}})


def _tally() -> RepeatCounter:
    tally: RepeatCounter = current_app.extensions.setdefault("refusals", RepeatCounter(3600, time.monotonic))
    return tally


def _line(text: str, length: int) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:length]
