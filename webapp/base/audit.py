"""The audit log of changes to people, keys and settings; it never contains secrets or messages."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.base.current import PerApp
from webapp.base.db import Base, Record, utc_now, write
from webapp.base.errors import Unavailable
from webapp.base.ids import new_id
from webapp.base.throttle import RepeatCounter

log = logging.getLogger("accounts")


class Actor(Record):
    """A person who did something: the columns of users that the log needs."""

    __abstract__ = True

    email: Mapped[str] = mapped_column(String(254), unique=True)


class AuditEntry(Base):
    """A change to people, keys or settings; never contains secrets or messages."""

    __tablename__ = "audit_entries"

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    actor_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    actor: Mapped[str] = mapped_column(String(254), default="")
    address: Mapped[str] = mapped_column(String(60), default="")
    action: Mapped[str] = mapped_column(String(60))
    object_kind: Mapped[str] = mapped_column(String(30), default="")
    object_id: Mapped[str] = mapped_column(String(80), default="")
    detail: Mapped[str] = mapped_column(String(300), default="")
    is_refused: Mapped[bool] = mapped_column(default=False)

    # Each index ends with the id, because queries return the newest entries first.
    __table_args__ = (
        Index("ix_audit_entries_action_id", "action", "id"),
        Index("ix_audit_entries_actor_id", "actor", "id"),
        Index("ix_audit_entries_actor_id_action_id", "actor_id", "action", "id"),
        Index("ix_audit_entries_object_kind_object_id_id", "object_kind", "object_id", "id"),
    )


@dataclass(frozen=True, slots=True)
class AuditAuthor:
    """Who did something, and from which address; `actor` is a text if no one was signed in."""

    actor: Actor | str
    address: str = ""

    @property
    def id(self) -> str | None:
        """The actor's id; None if no one was signed in."""
        return None if isinstance(self.actor, str) else self.actor.id

    @property
    def name(self) -> str:
        return self.actor if isinstance(self.actor, str) else self.actor.email


# The author of every change made by a command.
COMMAND_LINE = AuditAuthor("command line")


def add(
    session: Session,
    action: str,
    *,
    author: AuditAuthor,
    object_kind: str = "",
    object_id: str = "",
    detail: str = "",
    is_refused: bool = False,
) -> None:
    """Adds an entry to the caller's transaction, so that it is stored if and only if the change is."""
    entry = AuditEntry(
        actor_id=author.id,
        actor=_line(author.name, 254),
        address=_line(author.address, 60),
        action=_line(action, 60),
        object_kind=_line(object_kind, 30),
        object_id=_line(object_id, 80),
        detail=_line(detail, 300),
        is_refused=is_refused,
    )
    session.add(entry)


def record(
    action: str,
    *,
    author: AuditAuthor,
    object_kind: str = "",
    object_id: str = "",
    detail: str = "",
    is_refused: bool = False,
) -> None:
    """Writes an entry in a separate transaction."""
    with write() as session:
        add(session, action, author=author, object_kind=object_kind, object_id=object_id, detail=detail, is_refused=is_refused)


def refused(action: str, *, key: str, author: AuditAuthor, object_kind: str = "", object_id: str = "", detail: str = "") -> None:
    """Logs a refused action; repeats with the same key are logged only the 10th, 100th and so on time within an hour."""
    count = REFUSALS.get().count(f"{action} {key}")
    if not count:
        return
    times = f"{count} times within an hour" if count > 1 else ""
    words = ", ".join(filter(None, (detail, times)))
    try:
        record(action, author=author, object_kind=object_kind, object_id=object_id, detail=words, is_refused=True)
    except (Unavailable, OperationalError) as error:
        # A failed write to the log must not turn a refusal into an error.
        log.warning("refusal_not_recorded", extra={"fields": {"action": action, "error": type(error).__name__}})


REFUSALS = PerApp(lambda: RepeatCounter(3600, time.monotonic))


def _line(text: str, length: int) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:length]
