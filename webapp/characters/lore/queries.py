"""Database queries for lorebooks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from itertools import accumulate

from sqlalchemy import and_, or_, select

from webapp.base.db import db
from webapp.characters.lore.entries import Book, book_of
from webapp.characters.lore.tables import Lorebook
from webapp.people.accounts.tables import User
from webapp.people.things.seen import Seen

KIND = "lorebook"
SEEN_LOREBOOKS = Seen(kind=KIND, table=Lorebook)
# Enough for the lorebooks that a small team uses at the same time; a large one takes a few megabytes.
MOST_REMEMBERED = 16
# The most entries of all books for one answer: a hundred large books would block the event loop for seconds.
MOST_ENTRIES = 5_000


def names_of(ids: Sequence[str]) -> list[str]:
    """Returns the names in this order, without loading the entries, which can be megabytes."""
    query = select(Lorebook.id, Lorebook.name).where(Lorebook.id.in_(ids))
    names = {row.id: row.name for row in db.session.execute(query)} if ids else {}
    return [names[id] for id in ids if id in names]


def by_name(user_id: str, names: Iterable[str]) -> dict[str, str]:
    """Maps names to the person's own lorebooks, the newest with that name."""
    theirs = Lorebook.owner_id == user_id, Lorebook.name.in_(list(names)), Lorebook.deleted_at.is_(None)
    return {
        row.name: row.id for row in db.session.execute(select(Lorebook.name, Lorebook.id).where(*theirs).order_by(Lorebook.id))
    }


def used_by(owner: User, ids: Sequence[str], *, is_played: bool) -> list[Book]:
    """Returns the books that a chat uses, attached ones first, up to `MOST_ENTRIES` entries in total.

    These are attached books that the chat's owner can see and, in a chat with a character, the owner's books that are always
    used.
    """
    attached = Lorebook.id.in_(ids)
    always = and_(Lorebook.owner_id == owner.id, Lorebook.is_always)
    condition = or_(attached & SEEN_LOREBOOKS.sees(owner), always) if is_played else attached & SEEN_LOREBOOKS.sees(owner)
    query = select(Lorebook).where(condition, Lorebook.deleted_at.is_(None))
    rows = db.session.scalars(query.order_by(attached.desc(), Lorebook.id)).all()
    read = accumulate(row.entry_count for row in rows)
    return [_read(row.id, row.changed_at) for row, count in zip(rows, read, strict=True) if count <= MOST_ENTRIES]


@lru_cache(maxsize=MOST_REMEMBERED)
def _read(id: str, changed_at: datetime) -> Book:
    row = db.session.get(Lorebook, id)
    return replace(book_of(row.book, id=id, name=row.name), owner_id=row.owner_id) if row else Book()
