"""Operations on characters: create, update, copy and share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from webapp.base.changes import access_changed
from webapp.base.database import rows
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid
from webapp.base.inputs import AnyId, Input, LongText, Name, OneLine, Prose, Refusal, Whole, checked_by
from webapp.base.topic_names import EVERYONE
from webapp.base.words import copied, number
from webapp.characters import profiles, queries, scenery
from webapp.characters.cards.card_fields import (
    COLUMNS,
    MORE,
    OF_DESCRIPTION,
    kept_fields,
    whole_description,
    with_fields,
)
from webapp.characters.cards.cards import (
    DESCRIPTION_CHARS,
    GREETINGS,
    MOST_GREETINGS,
    NAME_CHARS,
    NOTE_CHARS,
    TEXT_CHARS,
    fields_of,
    with_greetings,
    with_note,
)
from webapp.characters.lore.entries import MOST_MESSAGES, Role
from webapp.characters.tables import Character, FavoriteCharacter
from webapp.knowledge import service
from webapp.models.presets import queries as preset_queries
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.things.shares import open_to_team
from webapp.tools.named import ToolKeys, checked_keys

TEXTS = tuple(COLUMNS)
OF_CARD = "Instead of those of the card, which keeps them; at most 100,000 characters together."
Greetings = Annotated[list[LongText], Field(max_length=MOST_GREETINGS), checked_by(profiles.checked_greetings)]
Tags = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=40)]], Field(max_length=12), checked_by(profiles.checked_tags)
]


Part = Annotated[str, StringConstraints(max_length=DESCRIPTION_CHARS), Prose]
CardLine = Annotated[
    str, StringConstraints(max_length=NAME_CHARS), OneLine(f"Enter one line of up to {NAME_CHARS} characters.", NAME_CHARS)
]
KEPT = "Null keeps the card's."
TOO_LONG = "Together, description, personality, scenario and example dialogue can have at most 100,000 characters."


class CharacterInput(Input):
    """What is entered for a character; None keeps what its card has."""

    name: Name
    description: Part = ""
    personality: Part | None = Field(default=None, description=f"Sent after the description. {KEPT}")
    scenario: Part | None = Field(default=None, description=f"Where it takes place; sent after the personality. {KEPT}")
    example_dialogue: Part | None = Field(default=None, description=f"How it talks; sent after the scenario. {KEPT}")
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
    nickname: CardLine | None = Field(default=None, description=f"Takes the place of {{{{char}}}} in its texts. {KEPT}")
    creator: CardLine | None = Field(default=None, description=KEPT)
    version: CardLine | None = Field(default=None, description=f"Of the character, as its creator counts. {KEPT}")
    character_note: LongText | None = Field(default=None, description=f"Sent among the last messages. {KEPT}")
    note_depth: Annotated[int, Whole(0, MOST_MESSAGES)] | None = Field(
        default=None, description=f"How many messages come after the character's note. {KEPT}"
    )
    note_role: Role | None = Field(default=None, description=f"Whose message the character's note is. {KEPT}")
    talkativeness: Annotated[float, Field(ge=0, le=1), Refusal("Enter a number from 0 to 1.")] | None = Field(
        default=None, description=f"How often it speaks in groups: 0.5 as usual, 1 most often. {KEPT}"
    )
    tools: ToolKeys | None = Field(
        default=None, description=f"Keys of tools that are on in its new chats, as far as the person can use them. {KEPT}"
    )
    preset_id: AnyId | None = Field(
        default=None, description=f"The preset of its new chats, where the person can use it; empty for none. {KEPT}"
    )
    is_shared: bool = False
    card: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def present(cls, character: Character) -> dict[str, Any]:
        """Returns what a character has now, by the names of the input."""
        same = {name: getattr(character, name) for name in ("name", "tags", "collection_ids", "card")}
        return {**same, **kept(character), "is_shared": queries.is_shared(character)}


def kept(character: Character) -> dict[str, Any]:
    """Returns the texts of a character and the other fields that its card keeps, as they are edited."""
    return kept_fields(character.card, _columns(character))


def create(entered: CharacterInput, *, author: PersonAuthor, picture: bytes | None = None) -> Character:
    """Creates a character that this person owns."""
    picture = profiles.fitted_picture(picture or b"")
    by = author.actor
    values, greetings, owner_id = _checked(entered, by), _greetings(entered), by.id
    card = with_greetings(entered.card, greetings)
    # An import has the card's texts in its columns already.
    if any(getattr(entered, name) is not None for name in MORE):
        card, columns = _edited(card, fields_of(card), _texts(entered, by, kept_fields(card, fields_of(card))))
        values |= columns
    profiles.CHARACTERS.count_new(owner_id)
    with write() as session:
        character = Character(owner_id=owner_id, card=_with_note(card, entered), **values)
        session.add(character)
        session.flush()
        if picture:
            profiles.put_picture(session, character, picture)
        open_to_team(session, queries.KIND, character.id, is_open=entered.is_shared, word="character", author=author)
    return character


def change(character: Character, entered: CharacterInput, *, author: PersonAuthor, picture: bytes | None = None) -> None:
    """Replaces all fields of a character; its chats use them from their next answer. Empty bytes remove the picture."""
    by = author.actor
    profiles.CHARACTERS.refuse_unless_owner(character, by)
    picture = picture and profiles.fitted_picture(picture)
    values, id = _checked(entered, by, character.collection_ids), character.id
    values = rows.differing(character, {name: value for name, value in values.items() if name not in TEXTS})
    before, greetings = kept(character), _greetings(entered)
    texts = {name: value for name, value in _texts(entered, by, before).items() if value != before[name]}
    is_lost = False
    with write() as session:
        character = profiles.CHARACTERS.existing(session, id)
        if greetings:
            character.card = with_greetings(character.card, greetings)
        if texts:
            character.card, columns = _edited(character.card, _columns(character), texts)
            values |= columns
        if entered.note is not None:
            character.card = _with_note(character.card, entered)
        for name, value in values.items():
            setattr(character, name, value)
        character.changed_at = utc_now()
        if picture is not None:
            profiles.put_picture(session, character, picture)
        if character.owner_id:
            is_lost = open_to_team(session, queries.KIND, id, is_open=entered.is_shared, word="character", author=author)
    if is_lost:
        access_changed(EVERYONE)


def change_card(character: Character, write_into: Callable[[dict[str, Any]], dict[str, Any]], *, by: User) -> None:
    """Changes a character's card; its chats use it from their next answer."""
    profiles.CHARACTERS.refuse_unless_owner(character, by)
    id = character.id
    with write() as session:
        character = profiles.CHARACTERS.existing(session, id)
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
    return {"name": copied(source.name), **same}


def _checked(entered: CharacterInput, by: User, current_ids: Sequence[str] = ()) -> dict[str, Any]:
    if entered.is_shared and not may(by, "see people"):
        raise Forbidden("Guests can't share characters.")
    if not any(getattr(entered, name) for name in (*TEXTS, *OF_DESCRIPTION)):
        raise Invalid("Say a little about who this is.", field="description")
    values = entered.model_dump(include={"name", "tags", *TEXTS})
    return {**values, "collection_ids": service.attachable(entered.collection_ids, current_ids, by)}


def _columns(character: Character) -> dict[str, str]:
    return {name: getattr(character, name) for name in TEXTS}


def _texts(entered: CharacterInput, by: User, before: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is entered of the texts and fields that the card keeps, in which there is this by now."""
    texts = {name: value for name in (*TEXTS, *MORE) if (value := getattr(entered, name)) is not None}
    if (id := entered.preset_id) and id != before["preset_id"] and not preset_queries.SEEN_PRESETS.one(by, id):
        raise Invalid("This preset no longer exists, or you can't use it.", field="preset_id")
    return texts if entered.tools is None else texts | {"tools": checked_keys(by, entered.tools, before["tools"])}


def _edited(card: dict[str, Any], columns: dict[str, str], texts: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns a character's card and columns with these texts; raises `Invalid` if they are too long then."""
    fields = kept_fields(card, columns) | texts
    if len(whole_description(fields)) > DESCRIPTION_CHARS and not texts.keys().isdisjoint(("description", *OF_DESCRIPTION)):
        raise Invalid(TOO_LONG, field="description")
    card, columns = with_fields(card, fields)
    if long := next((name for name in TEXTS[1:] if len(columns[name]) > TEXT_CHARS), ""):
        raise Invalid(f"With the nickname in it, it can have at most {number(TEXT_CHARS)} characters.", field=long)
    return card, columns


def _with_note(card: dict[str, Any], entered: CharacterInput) -> dict[str, Any]:
    return card if entered.note is None else with_note(card, entered.note)


def _greetings(entered: CharacterInput) -> dict[str, list[str]]:
    return {name: texts for name in GREETINGS if (texts := getattr(entered, name)) is not None}
