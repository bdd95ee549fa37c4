"""What characters and personas have in common: pictures, tags and limits, copies, the trash."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid
from webapp.base.heavy import child
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.inputs import TEXT_CHARS
from webapp.base.words import number
from webapp.characters import queries
from webapp.characters.cards import card_files
from webapp.characters.cards.cards import GREETINGS_CHARS, MOST_GREETINGS, MOST_TAGS, TAG_CHARS
from webapp.characters.tables import Avatar, Character, Persona, Profile
from webapp.people.accounts import creation_limit
from webapp.people.accounts.fields import checked_name, checked_text
from webapp.people.accounts.tables import User
from webapp.people.grants import grants, shares
from webapp.people.trash import Trash, due_until

AT_ONCE = 10
F = TypeVar("F", bound=Profile)
__all__ = ["TEXT_CHARS", "checked_name", "checked_tags", "checked_text"]
PICTURE_BYTES = card_files.MOST_PICTURE_BYTES
# A picture within these limits stays as it is; any other is made smaller.
KEPT_BYTES, KEPT_PIXELS = 512 * 1024, 2_048
PICTURES = f"Choose a PNG, JPEG or WebP image of at most {PICTURE_BYTES // 1024 // 1024} MB."
# Named rather than imported: only a child process loads the image library.
AS_PORTRAIT = "webapp.characters.cards.as_portrait"


@dataclass(frozen=True, slots=True)
class ProfileRule:
    """A table's word for one of its rows, how many a person can own, and the error for someone who may not edit one."""

    word: str
    most_own: int
    not_yours: str


RULES: dict[type[Profile], ProfileRule] = {
    Character: ProfileRule("character", 500, "Only its creator can edit this character. Duplicate it to get your own."),
    Persona: ProfileRule("persona", 100, "This persona belongs to the team. Duplicate it to get your own."),
}


def picture(row: Profile, content: bytes, *, by: User) -> None:
    """Replaces the picture; empty bytes remove it."""
    refuse_unless_theirs(row, by)
    content = fitted_picture(content)
    if content:
        creation_limit.count(by.id)
    table, id = type(row), row.id
    with write() as session:
        row = existing(session, table, id)
        if isinstance(row, Character):
            row.changed_at = utc_now()
        put_picture(session, row, content)


def duplicate(row: F, copied: Callable[[F], dict[str, Any]], *, by: User) -> F:
    """Creates a copy that this person owns, regardless of who owns the original; `copied` returns the values to copy."""
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


def trash(row: Profile, *, by: User) -> None:
    """Moves a character or persona to the trash; it can be restored, and its chats are unchanged."""
    refuse_unless_theirs(row, by)
    id, is_character = row.id, isinstance(row, Character)
    with write():
        row.deleted_at = utc_now()
        if isinstance(row, Persona):
            row.is_default = False
    if is_character:
        shares.object_trashed(queries.KIND, id)
    empty_trash()


def restore(row: Profile, *, by: User) -> None:
    """Restores a character or persona from the trash."""
    refuse_unless_theirs(row, by)
    refuse_too_many(type(row), by.id)
    with write():
        row.deleted_at = None


def empty_trash() -> None:
    """Permanently deletes what has been in the trash too long; rows that ship with Millrace stay, so they aren't added again."""
    if due := due_until():
        for table in RULES:
            while _erase_some(table, due):
                queue_for_turn()


TRASH = Trash(list(RULES), empty_trash)


def _erase_some(table: type[Profile], due: datetime) -> bool:
    """Deletes a small batch: pictures are up to a megabyte each, and deleting them takes as long as reading them."""
    with write() as session:
        old = select(table.id, table.avatar_id).where(table.deleted_at < due, table.origin == "").limit(AT_ONCE)
        if rows := session.execute(old).all():
            ids, pictures = [row.id for row in rows], [row.avatar_id for row in rows if row.avatar_id]
            if table is Character:
                grants.forget(session, queries.KIND, ids)
            session.execute(delete(table).where(table.id.in_(ids)).execution_options(synchronize_session=False))
            session.execute(delete(Avatar).where(Avatar.id.in_(pictures)).execution_options(synchronize_session=False))
    return bool(rows)


def put_picture(session: Session, row: Profile, content: bytes) -> None:
    """Replaces the picture of a row by one that fits; empty bytes remove it."""
    image = card_files.picture_of(content)
    before = session.get(Avatar, row.avatar_id) if row.avatar_id else None
    row.avatar_id = _added(session, image.media_type, content) if image else None
    session.flush()
    if before:
        session.delete(before)


def existing(session: Session, table: type[F], id: str) -> F:
    """Reloads a row that was read before the transaction; raises Conflict if it has been deleted since."""
    # A concurrent change waits for this one, and is applied to its result.
    row = session.get(table, id, with_for_update={"key_share": True})
    if row is None or row.deleted_at:
        raise Conflict(f"This {RULES[table].word} has just been deleted.")
    return row


def refuse_unless_theirs(row: Profile, user: User) -> None:
    """Raises Forbidden for a person who can see the row but not edit it, with what they can do instead."""
    if not queries.may_change(row, user):
        raise Forbidden(RULES[type(row)].not_yours)


def refuse_too_many(table: type[Profile], user_id: str) -> None:
    """Raises Invalid if one more row would exceed the person's limit, and counts it towards the rate limit."""
    rule = RULES[table]
    if queries.count_of(table, user_id) >= rule.most_own:
        raise Invalid(f"You already have {rule.most_own} {rule.word}s, which is the limit. Delete one first.")
    creation_limit.count(user_id)


def _added(session: Session, type: str, content: bytes) -> str:
    picture = Avatar(media_type=type, content=content)
    session.add(picture)
    session.flush()
    return picture.id


def checked_tags(typed: Iterable[str]) -> list[str]:
    """Returns the distinct tags in lower case; splits a tag that contains commas."""
    named = (" ".join(tag.split()).lower() for text in typed for tag in text.split(","))
    tags = list(dict.fromkeys(tag for tag in named if tag))
    if len(tags) > MOST_TAGS:
        raise Invalid(f"Use at most {MOST_TAGS} tags.", field="tags")
    if wrong := next((tag for tag in tags if len(tag) > TAG_CHARS or not tag.isprintable()), ""):
        raise Invalid(f"A tag can be at most {TAG_CHARS} characters long: {wrong[:TAG_CHARS]}", field="tags")
    return tags


def checked_greetings(texts: Sequence[str], field: str = "") -> list[str]:
    """Returns the alternate greetings without empty ones; raises Invalid above the limits on number and length."""
    if len(texts) > MOST_GREETINGS:
        raise Invalid(f"Use at most {MOST_GREETINGS} greetings.", field=field)
    greetings = [text for typed_text in texts if (text := checked_text(typed_text, field))]
    if sum(map(len, greetings)) > GREETINGS_CHARS:
        raise Invalid(f"Together, the greetings can have at most {number(GREETINGS_CHARS)} characters.", field=field)
    return greetings


def fitted_picture(content: bytes) -> bytes:
    """Returns a picture as it is stored: one that is large is made smaller. Raises Invalid for what isn't a picture.

    Waits for a child process, so it comes before the transaction that takes the write lock.
    """
    if not content:
        return b""
    if len(content) > PICTURE_BYTES:
        raise Invalid(f"That image is too large. {PICTURES}", field="avatar")
    if not (picture := card_files.picture_of(content)) or not (picture.width and picture.height):
        raise Invalid(f"That image format isn't supported. {PICTURES}", field="avatar")
    if len(content) <= KEPT_BYTES and max(picture.width, picture.height) <= KEPT_PIXELS:
        return content
    with child.short(AS_PORTRAIT, BytesIO(content)) as drawing:
        try:
            drawn = b64decode(next(drawing, {"content": ""})["content"])
        except child.Exceeded:
            drawn = b""
    if not drawn:
        raise Invalid(f"That image is damaged or has too many pixels. {PICTURES}", field="avatar")
    return drawn
