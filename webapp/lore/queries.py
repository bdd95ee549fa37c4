"""Named reads of lorebooks."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import accumulate

from sqlalchemy import func, or_, select

from webapp.accounts.tables import User
from webapp.db import db
from webapp.lore.books import Book, book_of
from webapp.lore.tables import Lorebook

# As many as a small team plays with at a time; a large one is some megabytes.
MOST_REMEMBERED = 16
# For one answer, in all its books: a hundred large ones would take seconds to read, in which nobody else has a turn.
MOST_ENTRIES = 5_000


def lorebooks(user: User) -> Sequence[Lorebook]:
    """A person's own, by name."""
    query = select(Lorebook).where(Lorebook.owner_id == user.id, Lorebook.deleted_at.is_(None))
    return db.session.scalars(query.order_by(func.lower(Lorebook.name), Lorebook.id)).all()


def deleted(user: User) -> Sequence[Lorebook]:
    """Those in the trash, the last one first."""
    query = select(Lorebook).where(Lorebook.owner_id == user.id, Lorebook.deleted_at.is_not(None))
    return db.session.scalars(query.order_by(Lorebook.deleted_at.desc())).all()


def lorebook(user: User, id: str, *, is_deleted: bool = False) -> Lorebook | None:
    row = db.session.get(Lorebook, id)
    return row if row and row.owner_id == user.id and bool(row.deleted_at) == is_deleted else None


def count_of(user_id: str) -> int:
    """How many a person has, without those in the trash."""
    return db.session.scalar(select(func.count()).where(Lorebook.owner_id == user_id, Lorebook.deleted_at.is_(None))) or 0


def own_among(user: User, ids: Iterable[str]) -> list[str]:
    """Of these, in this order, the person's own that are not deleted."""
    wanted = list(dict.fromkeys(ids))
    query = select(Lorebook.id).where(Lorebook.id.in_(wanted), Lorebook.owner_id == user.id, Lorebook.deleted_at.is_(None))
    known = set(db.session.scalars(query)) if wanted else set()
    return [each for each in wanted if each in known]


def used_by(owner_id: str, ids: Sequence[str], *, is_played: bool) -> list[Book]:
    """What a chat uses: those attached to it and, with a character, those that its owner always uses; the attached ones
    first, up to the one with which it is too much.
    """
    mine = select(Lorebook).where(Lorebook.owner_id == owner_id, Lorebook.deleted_at.is_(None))
    attached = Lorebook.id.in_(ids)
    wanted = or_(attached, Lorebook.is_always) if is_played else attached
    rows = db.session.scalars(mine.where(wanted).order_by(attached.desc(), Lorebook.id)).all()
    read = accumulate(row.entry_count for row in rows)
    return [_read(row.id, row.changed_at) for row, count in zip(rows, read, strict=True) if count <= MOST_ENTRIES]


@lru_cache(maxsize=MOST_REMEMBERED)
def _read(id: str, changed_at: datetime) -> Book:
    row = db.session.get(Lorebook, id)
    return book_of(row.book, id=id, name=row.name) if row else Book()
