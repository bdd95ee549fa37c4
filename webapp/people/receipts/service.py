"""Gives signed receipts of what was permanently deleted, and finds them for those who may read them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, func, select
from sqlalchemy.orm import Session

from webapp.base.db import Base, db, utc_now
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.ids import new_id
from webapp.people.accounts.tables import User
from webapp.people.receipts import keys
from webapp.people.receipts.tables import StoredReceipt
from webapp.web.feature import brought

Kind = Literal["fact", "chat", "person", "project"]
# Who deletes what has been in the trash long enough.
RETENTION = "retention"


@dataclass(frozen=True)
class HeldBackup:
    """A copy of the database as it was at a time; `until` is None if only people remove it."""

    name: str
    until: datetime | None
    made_at: datetime


@dataclass(frozen=True)
class Backups:
    """Brought by who knows which copies of the database there are."""

    held: Callable[[], Sequence[HeldBackup]]


@dataclass(frozen=True)
class SayingMessage:
    """A message that still says what was forgotten, and the address that deletes it, or its chat if it is the first."""

    id: str
    at: datetime
    action: str
    is_first: bool
    is_in_trash: bool


@dataclass(frozen=True)
class SayingMessages:
    """Brought by who knows messages: those of these ids that are still there."""

    those_there: Callable[[User, Sequence[str]], Sequence[SayingMessage]]


def give(
    session: Session,
    *,
    kind: Kind,
    person_id: str,
    by: str,
    removed: Sequence[tuple[str, int]],
    answer_ids: Sequence[str] = (),
    still_in: Sequence[str] = (),
    since: datetime | None = None,
) -> dict[str, Any]:
    """Signs and stores a receipt in this transaction; only that person and owners can read it.

    What was deleted had been there `since` a time; older backups don't have it.

    Everything in it is an id, a number or a word of ours, never one of what was deleted.
    """
    # Imported late, to save memory.
    from webapp.people.receipts import signing

    now = utc_now()
    held = [copy for backups in brought(Backups) for copy in backups.held() if not since or copy.made_at >= since]
    receipt = {
        "id": new_id(),
        "kind": kind,
        "at": _moment(now),
        "by": by,
        "removed": [{"what": what, "count": count} for what, count in removed],
        "used_in": list(answer_ids),
        "still_in": list(still_in),
        "backups": [{"name": copy.name, "until": _moment(copy.until) if copy.until else None} for copy in held],
    }
    content = signing.signed(receipt, keys.private_key(session))
    id, key = content["id"], content["key"]
    session.add(StoredReceipt(id=id, person_id=person_id, key=key, content=content, created_at=now))
    return content


def readable(user: User, id: str) -> StoredReceipt | None:
    """Returns a receipt that this person can read: their own, and an owner any."""
    receipt = db.session.get(StoredReceipt, id)
    return receipt if receipt and (receipt.person_id == user.id or user.role == "owner") else None


def receipts_of(user: User, limit: int = 50) -> Sequence[StoredReceipt]:
    """Returns a person's newest receipts."""
    query = select(StoredReceipt).where(StoredReceipt.person_id == user.id)
    return db.session.scalars(query.order_by(StoredReceipt.created_at.desc(), StoredReceipt.id.desc()).limit(limit)).all()


def referring(table_name: str) -> Iterator[tuple[Column[Any], str]]:
    """Yields every column that refers to this table, with what happens to its rows: so a new table counts by itself."""
    for table in sorted(Base.metadata.tables.values(), key=lambda table: table.name):
        for column in table.columns:
            for key in column.foreign_keys:
                if key.column.table.name == table_name:
                    yield column, key.ondelete or ""


def words_for(column: Column[Any], words: Mapping[str, str]) -> str:
    """Returns what a column counts: what `words` says, else the name of its table."""
    return words.get(f"{column.table.name}.{column.name}", column.table.name.replace("_", " "))


def counts_with(session: Session, table_name: str, id: str, words: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Yields what goes with a row of this table, and how much; few enough to be counted in its own transaction."""
    for column, on_delete in referring(table_name):
        number = session.scalar(select(func.count()).where(column == id)) if on_delete == "CASCADE" else 0
        if number:
            yield words_for(column, words), number


def count(column: Column[Any], condition: ColumnElement[bool]) -> int:
    """Counts rows in a query of its own; others go on between."""
    number = db.session.scalar(select(func.count(column)).where(condition)) or 0
    # No transaction stays open while others go on.
    db.session.rollback()
    queue_for_turn()
    return number


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
