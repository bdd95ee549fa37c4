"""Operations on characters: create, update, copy and share."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from webapp.base.database import rows
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid
from webapp.base.inputs import AnyId, Input, LongText, Name, Prose, Refusal, checked_by
from webapp.characters import profiles, queries, scenery
from webapp.characters.cards.cards import DESCRIPTION_CHARS, GREETINGS, MOST_GREETINGS, NOTE_CHARS, with_greetings, with_note
from webapp.characters.tables import Character, FavoriteCharacter
from webapp.knowledge import service
from webapp.people.accounts.roles import may
from webapp.people.accounts.tables import User
from webapp.people.grants import grants

TEXTS = ("description", "system_prompt", "post_history_prompt", "greeting")
OF_CARD = "Instead of those of the card, which keeps them; at most 100,000 characters together."
Greetings = Annotated[list[LongText], Field(max_length=MOST_GREETINGS), checked_by(profiles.checked_greetings)]
Tags = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=40)]], Field(max_length=12), checked_by(profiles.checked_tags)
]


class CharacterInput(Input):
    """What is entered for a character; None keeps the greetings and the note."""

    name: Name
    description: Annotated[str, StringConstraints(max_length=DESCRIPTION_CHARS), Prose] = ""
    system_prompt: LongText = ""
    post_history_prompt: LongText = ""
    greeting: LongText = ""
    alternate_greetings: Greetings | None = Field(default=None, description=OF_CARD)
    group_only_greetings: Greetings | None = Field(default=None, description=OF_CARD)
    tags: Tags = Field(default_factory=list)
    note: Annotated[str, StringConstraints(max_length=NOTE_CHARS), Prose] | None = Field(
        default=None, description="What it is for, for people: the list shows it. Null keeps the card's."
    )
    collection_ids: Annotated[list[AnyId], Field(max_length=service.MOST_COLLECTIONS), Refusal(service.TOO_MANY)] = Field(
        default_factory=list, description="What it knows."
    )
    is_shared: bool = False
    card: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def present(cls, character: Character) -> dict[str, Any]:
        """Returns what a character has now, by the names of the input."""
        same = {name: getattr(character, name) for name in ("name", *TEXTS, "tags", "collection_ids", "card")}
        return {**same, "is_shared": queries.is_shared(character)}


def create(
    entered: CharacterInput, *, by: User, picture: bytes | None = None, most_picture_bytes: int = profiles.PICTURE_BYTES
) -> Character:
    """Creates a character that this person owns."""
    # Validates the picture before the transaction takes the write lock.
    profiles.checked_picture(picture, most_bytes=most_picture_bytes)
    values, greetings, owner_id = _checked(entered, by), _greetings(entered), by.id
    profiles.refuse_too_many(Character, owner_id)
    with write() as session:
        character = Character(owner_id=owner_id, card=_with_note(with_greetings(entered.card, greetings), entered), **values)
        session.add(character)
        session.flush()
        if picture:
            profiles.put_picture(session, character, picture, most_bytes=most_picture_bytes)
        grants.open_to_team(session, queries.KIND, character.id, by=owner_id, is_open=entered.is_shared)
    return character


def update(character: Character, entered: CharacterInput, *, by: User, picture: bytes | None = None) -> None:
    """Replaces all fields of a character; its chats use them from their next answer. Empty bytes remove the picture."""
    profiles.refuse_unless_theirs(character, by)
    profiles.checked_picture(picture)
    values, id, user_id = _checked(entered, by, character.collection_ids), character.id, by.id
    values = rows.differing(character, values)
    greetings = _greetings(entered)
    with write() as session:
        character = profiles.existing(session, Character, id)
        if greetings:
            character.card = with_greetings(character.card, greetings)
        if entered.note is not None:
            character.card = _with_note(character.card, entered)
        for name, value in values.items():
            setattr(character, name, value)
        character.changed_at = utc_now()
        if picture is not None:
            profiles.put_picture(session, character, picture)
        if character.owner_id:
            grants.open_to_team(session, queries.KIND, character.id, by=user_id, is_open=entered.is_shared)


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
    source_id = character.id
    copied = profiles.duplicate(character, _copied, by=by)
    with write() as session:
        scenery.copy(session, source_id, copied.id)
    return copied


def star(character: Character, *, by: User, is_favorite: bool) -> None:
    """Adds a character to this person's favorites, or removes it; no one else sees that."""
    id, user_id = character.id, by.id
    mine = FavoriteCharacter.user_id == user_id, FavoriteCharacter.character_id == id
    try:
        with write() as session:
            session.execute(delete(FavoriteCharacter).where(*mine))
            if is_favorite:
                session.add(FavoriteCharacter(user_id=user_id, character_id=id))
    except IntegrityError as error:
        raise Conflict("Your favorites have just changed elsewhere. Please try again.") from error


def _copied(source: Character) -> dict[str, Any]:
    same = {name: getattr(source, name) for name in (*TEXTS, "tags", "collection_ids", "card")}
    return {"name": f"{source.name[:112]} (copy)", **same}


def _checked(entered: CharacterInput, by: User, current_ids: Sequence[str] = ()) -> dict[str, Any]:
    if entered.is_shared and not may(by.role, "see people"):
        raise Forbidden("Guests can't share characters.")
    if not any(getattr(entered, name) for name in TEXTS):
        raise Invalid("Say a little about who this is.", field="description")
    values = entered.model_dump(include={"name", "tags", *TEXTS})
    return {**values, "collection_ids": service.attachable(entered.collection_ids, current_ids, by)}


def _with_note(card: dict[str, Any], entered: CharacterInput) -> dict[str, Any]:
    return card if entered.note is None else with_note(card, entered.note)


def _greetings(entered: CharacterInput) -> dict[str, list[str]]:
    return {name: texts for name in GREETINGS if (texts := getattr(entered, name)) is not None}
