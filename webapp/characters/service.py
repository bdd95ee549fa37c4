"""Operations on characters: create, update, copy and share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import utc_now, write
from webapp.base.errors import Forbidden, Invalid
from webapp.characters import profiles, queries
from webapp.characters.cards.cards import DESCRIPTION_CHARS, GREETINGS, with_greetings
from webapp.characters.profiles import (
    PICTURE_BYTES,
    TEXT_CHARS,
    checked_greetings,
    checked_name,
    checked_picture,
    checked_tags,
    checked_text,
)
from webapp.characters.tables import Character
from webapp.knowledge import service
from webapp.people.accounts.roles import may
from webapp.people.accounts.tables import User
from webapp.people.grants import grants

TEXTS = ("description", "system_prompt", "post_history_prompt", "greeting")


@dataclass(frozen=True, slots=True)
class CharacterInput:
    """The fields entered for a character; None keeps the picture or the greetings, and empty bytes remove the picture."""

    name: str
    description: str = ""
    system_prompt: str = ""
    post_history_prompt: str = ""
    greeting: str = ""
    tags: Sequence[str] = ()
    collection_ids: Sequence[str] = ()
    is_shared: bool = False
    avatar: bytes | None = None
    most_avatar_bytes: int = PICTURE_BYTES
    card: dict[str, Any] = field(default_factory=dict)
    alternate_greetings: Sequence[str] | None = None
    group_only_greetings: Sequence[str] | None = None

    @classmethod
    def from_character(cls, character: Character) -> "CharacterInput":
        """Returns the current fields of a character."""
        same = {name: getattr(character, name) for name in ("name", *TEXTS, "tags", "collection_ids", "card")}
        return cls(**same, is_shared=queries.is_shared(character))


def create(entered: CharacterInput, *, by: User) -> Character:
    """Creates a character that this person owns."""
    values, greetings, owner_id = _checked(entered, by), _greetings(entered), by.id
    profiles.refuse_too_many(Character, owner_id)
    with write() as session:
        character = Character(owner_id=owner_id, card=with_greetings(entered.card, greetings), **values)
        session.add(character)
        session.flush()
        _finish(session, character, entered, owner_id)
    return character


def update(character: Character, entered: CharacterInput, *, by: User) -> None:
    """Replaces all fields of a character; its chats use them from their next answer."""
    profiles.refuse_unless_theirs(character, by)
    values, id, user_id = _checked(entered, by, character.collection_ids), character.id, by.id
    values = rows.differing(character, values)
    greetings = _greetings(entered)
    with write() as session:
        character = profiles.existing(session, Character, id)
        if greetings:
            character.card = with_greetings(character.card, greetings)
        for name, value in values.items():
            setattr(character, name, value)
        character.changed_at = utc_now()
        _finish(session, character, entered, user_id)


def change_card(character: Character, write_into: Callable[[dict[str, Any]], dict[str, Any]], *, by: User) -> None:
    """Changes a character's card; its chats use it from their next answer."""
    profiles.refuse_unless_theirs(character, by)
    id = character.id
    with write() as session:
        character = profiles.existing(session, Character, id)
        character.card = write_into(character.card)
        character.changed_at = utc_now()


def duplicate(character: Character, *, by: User) -> Character:
    """Creates a copy that this person owns, regardless of who owns the original."""
    return profiles.duplicate(character, _copied, by=by)


def _copied(source: Character) -> dict[str, Any]:
    same = {name: getattr(source, name) for name in (*TEXTS, "tags", "collection_ids", "card")}
    return {"name": f"{source.name[:112]} (copy)", **same}


def _checked(entered: CharacterInput, by: User, known: Sequence[str] = ()) -> dict[str, Any]:
    if entered.is_shared and not may(by.role, "see people"):
        raise Forbidden("Guests can't share characters.")
    # Validates the picture before the transaction takes the write lock.
    checked_picture(entered.avatar, most_bytes=entered.most_avatar_bytes)
    most = {"description": DESCRIPTION_CHARS}
    texts = {name: checked_text(getattr(entered, name), name, most=most.get(name, TEXT_CHARS)) for name in TEXTS}
    if not any(texts.values()):
        raise Invalid("Say a little about who this is.", field="description")
    named = {"name": checked_name(entered.name), "tags": checked_tags(entered.tags)}
    return {**named, "collection_ids": service.attachable(entered.collection_ids, known, by), **texts}


def _greetings(entered: CharacterInput) -> dict[str, list[str]]:
    """Returns the validated lists of greetings, without those that were not entered."""
    given = {name: texts for name in GREETINGS if (texts := getattr(entered, name)) is not None}
    return {name: checked_greetings(texts, name) for name, texts in given.items()}


def _finish(session: Session, character: Character, entered: CharacterInput, user_id: str) -> None:
    if entered.avatar is not None:
        profiles.put_picture(session, character, entered.avatar, most_bytes=entered.most_avatar_bytes)
    if character.owner_id:
        grants.open_to_team(session, queries.KIND, character.id, by=user_id, is_open=entered.is_shared)
