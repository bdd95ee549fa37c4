"""What a person can do with characters: make, change, copy, share, delete and bring back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.accounts import grants
from webapp.accounts.roles import may
from webapp.accounts.tables import Grant, User
from webapp.characters import avatars, queries
from webapp.characters.fields import checked_name, checked_picture, checked_tags, checked_text
from webapp.characters.tables import Avatar, Character, Persona
from webapp.errors import Conflict, Forbidden, Invalid
from webapp.extensions import utc_now, write
from webapp.settings.service import setting

MOST_OWN = 500
TEXTS = ("description", "system_prompt", "post_history_prompt", "greeting")
GONE = "This character has just been deleted."
NOT_YOURS = "Only who made a character changes it. Make a copy: that one is yours."


@dataclass(frozen=True, slots=True)
class Wish:
    """A character as somebody wants it; `avatar` is None to leave the picture as it is, and empty to take it away."""

    name: str
    description: str = ""
    system_prompt: str = ""
    post_history_prompt: str = ""
    greeting: str = ""
    tags: Sequence[str] = ()
    is_shared: bool = False
    avatar: bytes | None = None
    card: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, character: Character) -> "Wish":
        """A character as it is."""
        same = {name: getattr(character, name) for name in ("name", *TEXTS, "tags", "card")}
        return cls(**same, is_shared=queries.is_shared(character))


def create(wish: Wish, *, by: User) -> Character:
    """Make a character that is this person's own."""
    values, owner_id = _checked(wish, by), by.id
    _refuse_too_many(owner_id)
    with write() as session:
        character = Character(owner_id=owner_id, card=wish.card, **values)
        session.add(character)
        session.flush()
        _finish(session, character, wish, owner_id)
    return character


def update(character: Character, wish: Wish, *, by: User) -> None:
    """Say everything of a character anew; chats with it follow from their next answer on."""
    refuse_unless_theirs(character, by)
    values, id, user_id = _checked(wish, by), character.id, by.id
    with write() as session:
        character = _existing(session, id)
        for name, value in values.items():
            setattr(character, name, value)
        character.changed_at = utc_now()
        _finish(session, character, wish, user_id)


def picture(character: Character, content: bytes, *, by: User) -> None:
    """Give a character another picture; no bytes take it away."""
    refuse_unless_theirs(character, by)
    # Before anything is locked.
    checked_picture(content)
    id = character.id
    with write() as session:
        character = _existing(session, id)
        character.changed_at = utc_now()
        avatars.put(session, character, content)


def duplicate(character: Character, *, by: User) -> Character:
    """Make a copy that is this person's own, whosever the first one is."""
    _refuse_too_many(by.id)
    id, owner_id = character.id, by.id
    with write() as session:
        source = _existing(session, id)
        same = {name: getattr(source, name) for name in (*TEXTS, "tags", "card")}
        copy = Character(owner_id=owner_id, name=f"{source.name[:112]} (copy)", **same)
        session.add(copy)
        session.flush()
        avatars.copy(session, source, copy)
    return copy


def trash(character: Character, *, by: User) -> None:
    """Delete a character; it can be brought back, and its chats keep what they are."""
    refuse_unless_theirs(character, by)
    with write():
        character.deleted_at = utc_now()
    empty_trash()


def restore(character: Character, *, by: User) -> None:
    """Bring a deleted character back."""
    refuse_unless_theirs(character, by)
    with write():
        character.deleted_at = None


def empty_trash() -> None:
    """Delete for good what was deleted long ago; of what came with the program a mark stays, so that it does not come again."""
    days = int(setting("trash.days"))
    if not days:
        return
    due = utc_now() - timedelta(days=days)
    with write() as session:
        old = select(Character.id).where(Character.deleted_at < due, Character.origin == "")
        session.execute(delete(Grant).where(Grant.object_kind == queries.KIND, Grant.object_id.in_(old)))
        for table in (Character, Persona):
            is_due = (table.deleted_at < due) & (table.origin == "")
            pictures = session.scalars(select(table.avatar_id).where(is_due, table.avatar_id.is_not(None))).all()
            session.execute(delete(table).where(is_due).execution_options(synchronize_session=False))
            session.execute(delete(Avatar).where(Avatar.id.in_(pictures)).execution_options(synchronize_session=False))


def _checked(wish: Wish, by: User) -> dict[str, Any]:
    if wish.is_shared and not may(by.role, "see people"):
        raise Forbidden("Guests cannot share characters.")
    # Before anything is locked.
    checked_picture(wish.avatar)
    texts = {name: checked_text(getattr(wish, name), name) for name in TEXTS}
    if not any(texts.values()):
        raise Invalid("Say a little about who this is.", field="description")
    return {"name": checked_name(wish.name), "tags": checked_tags(wish.tags), **texts}


def _finish(session: Session, character: Character, wish: Wish, user_id: str) -> None:
    if wish.avatar is not None:
        avatars.put(session, character, wish.avatar)
    if character.owner_id:
        grants.open_to_team(session, queries.KIND, character.id, by=user_id, is_open=wish.is_shared)


def _existing(session: Session, id: str) -> Character:
    character = session.get(Character, id)
    if character is None or character.deleted_at:
        raise Conflict(GONE)
    return character


def refuse_unless_theirs(character: Character, user: User) -> None:
    """Refuses who may chat with a character but not change it, and says what they can do instead."""
    if not queries.may_change(character, user):
        raise Forbidden(NOT_YOURS)


def _refuse_too_many(user_id: str) -> None:
    if queries.count_of(user_id) >= MOST_OWN:
        raise Invalid(f"You have {MOST_OWN} characters, which is the most. Delete one first.")
