"""What a person can do with characters and personas alike: give them a picture, copy, delete and bring them back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.accounts import grants, making
from webapp.accounts.tables import User
from webapp.characters import queries
from webapp.characters.fields import PICTURE_BYTES, checked_picture
from webapp.characters.tables import Avatar, Character, Faced, Persona
from webapp.db import utc_now, write
from webapp.errors import Conflict, Forbidden, Invalid
from webapp.heavy.turns import stand_in_line
from webapp.settings.service import setting

AT_ONCE = 10
F = TypeVar("F", bound=Faced)


@dataclass(frozen=True, slots=True)
class Rule:
    """What the rows of one table are called, how many a person may have, and what is said to who may not change one."""

    word: str
    most_own: int
    not_yours: str


RULES: dict[type[Faced], Rule] = {
    Character: Rule("character", 500, "Only its creator can edit this character. Make a copy to get your own."),
    Persona: Rule("persona", 100, "This persona belongs to the team. Make a copy to get your own."),
}


def picture(row: Faced, content: bytes, *, by: User) -> None:
    """Give it another picture; no bytes take it away."""
    refuse_unless_theirs(row, by)
    # Before anything is locked.
    checked_picture(content)
    if content:
        making.count(by.id)
    table, id = type(row), row.id
    with write() as session:
        row = existing(session, table, id)
        if isinstance(row, Character):
            row.changed_at = utc_now()
        put_picture(session, row, content)


def duplicate(row: F, copied: Callable[[F], dict[str, Any]], *, by: User) -> F:
    """Make a copy that is this person's own, whosever the first one is; `copied` says what is the same in it."""
    table, id, owner_id = type(row), row.id, by.id
    refuse_too_many(table, owner_id)
    with write() as session:
        source = existing(session, table, id)
        copy = table(owner_id=owner_id, **copied(source))
        session.add(copy)
        if face := session.get(Avatar, source.avatar_id) if source.avatar_id else None:
            copy.avatar_id = _added(session, face.media_type, face.content)
        session.flush()
    return copy


def trash(row: Faced, *, by: User) -> None:
    """Delete it; it can be brought back, and its chats keep what they are."""
    refuse_unless_theirs(row, by)
    with write():
        row.deleted_at = utc_now()
        if isinstance(row, Persona):
            row.is_default = False
    empty_trash()


def restore(row: Faced, *, by: User) -> None:
    """Bring a deleted one back."""
    refuse_unless_theirs(row, by)
    refuse_too_many(type(row), by.id)
    with write():
        row.deleted_at = None


def empty_trash() -> None:
    """Delete for good what was deleted long ago; of what came with the program a mark stays, so that it does not come again."""
    days = int(setting("trash.days"))
    if not days:
        return
    for table in RULES:
        while _erase_some(table, utc_now() - timedelta(days=days)):
            stand_in_line()


def _erase_some(table: type[Faced], due: datetime) -> bool:
    """A few at a time: pictures are up to a megabyte each, and to delete them takes as long as to read them."""
    with write() as session:
        old = select(table.id, table.avatar_id).where(table.deleted_at < due, table.origin == "").limit(AT_ONCE)
        if rows := session.execute(old).all():
            ids, pictures = [row.id for row in rows], [row.avatar_id for row in rows if row.avatar_id]
            if table is Character:
                grants.forget(session, queries.KIND, ids)
            session.execute(delete(table).where(table.id.in_(ids)).execution_options(synchronize_session=False))
            session.execute(delete(Avatar).where(Avatar.id.in_(pictures)).execution_options(synchronize_session=False))
    return bool(rows)


def put_picture(session: Session, row: Faced, content: bytes, *, most_bytes: int = PICTURE_BYTES) -> None:
    """Shows this picture instead of the one before; no bytes take it away."""
    type = checked_picture(content, most_bytes=most_bytes)
    before = session.get(Avatar, row.avatar_id) if row.avatar_id else None
    row.avatar_id = _added(session, type, content) if content else None
    session.flush()
    if before:
        session.delete(before)


def existing(session: Session, table: type[F], id: str) -> F:
    """The row as it is now, for who has read it before; refuses what was deleted meanwhile."""
    # Whoever changes it at the same time waits: they write upon what is written here.
    row = session.get(table, id, with_for_update={"key_share": True})
    if row is None or row.deleted_at:
        raise Conflict(f"This {RULES[table].word} has just been deleted.")
    return row


def refuse_unless_theirs(row: Faced, user: User) -> None:
    """Refuses who may see it but not change it, and says what they can do instead."""
    if not queries.may_change(row, user):
        raise Forbidden(RULES[type(row)].not_yours)


def refuse_too_many(table: type[Faced], user_id: str) -> None:
    """Before there is another one."""
    rule = RULES[table]
    if queries.count_of(table, user_id) >= rule.most_own:
        raise Invalid(f"You already have {rule.most_own} {rule.word}s, which is the limit. Delete one first.")
    making.count(user_id)


def _added(session: Session, type: str, content: bytes) -> str:
    picture = Avatar(media_type=type, content=content)
    session.add(picture)
    session.flush()
    return picture.id
