"""Notices that an imported character already exists, and replaces the existing one's texts if its owner wants that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import and_, or_, select

from webapp.base.db import db, utc_now, write
from webapp.base.errors import Invalid
from webapp.base.heavy import bounded
from webapp.characters import profiles, queries
from webapp.characters.cards.cards import notes_of
from webapp.characters.service import TEXTS
from webapp.characters.tables import Character
from webapp.people.accounts.tables import User

# Comparing loads the cards, which can have a megabyte each.
MOST_COMPARED = 5
REPLACED = (*TEXTS, "tags", "card")


@dataclass(frozen=True, slots=True)
class Existing:
    """A person's character that is like an imported one: it has the same content, or else the same name and creator."""

    id: str
    name: str
    has_same_content: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """What was done with an imported character: it stays, it was removed, or an existing one has its texts."""

    what: Literal["kept", "removed", "replaced"]
    imported_id: str
    id: str
    name: str


def existing_like(made: Character) -> Existing | None:
    """Returns the owner's other character that is most like this one; the oldest of equals, which has chats more likely."""
    has_texts = and_(*(getattr(Character, name) == getattr(made, name) for name in TEXTS))
    query = select(Character.id).where(Character.owner_id == made.owner_id, Character.deleted_at.is_(None))
    query = query.where(Character.id != made.id, or_(Character.name == made.name, has_texts))
    # Compares up to five hundred texts, each up to a hundred thousand characters.
    ids = bounded.column(query.order_by(Character.id).limit(MOST_COMPARED))
    found = [each for id in ids if (each := db.session.get(Character, id))]
    if same := next((each for each in found if _has_same_content(each, made)), None):
        return Existing(same.id, same.name, has_same_content=True)
    like = next((each for each in found if _identity(each) == _identity(made)), None)
    return Existing(like.id, like.name, has_same_content=False) if like else None


def replace_texts(character: Character, new: Character, *, by: User) -> None:
    """Gives a character the texts of another one, which gets the old texts and moves to the trash.

    Name, chats, collections and sharing stay; the picture stays if the other one has none.
    """
    profiles.refuse_unless_theirs(character, by)
    profiles.refuse_unless_theirs(new, by)
    if character.id == new.id:
        raise Invalid("Choose two different characters.", field="character_id")
    id, new_id = character.id, new.id
    with write() as session:
        character, new = profiles.existing(session, Character, id), profiles.existing(session, Character, new_id)
        for name in (*REPLACED, *(["avatar_id"] if new.avatar_id else [])):
            before, after = getattr(character, name), getattr(new, name)
            setattr(character, name, after)
            setattr(new, name, before)
        character.changed_at = new.changed_at = new.deleted_at = utc_now()


def decide(choices: Mapping[str, str], *, by: User) -> list[Decided]:
    """Does what was chosen for imported characters, by id: `keep`, `remove`, or `replace` and an existing character's id."""
    return [done for id, choice in choices.items() if (done := _decided(id, choice, by))]


def _decided(id: str, choice: str, by: User) -> Decided | None:
    verb, _, existing_id = choice.partition(" ")
    # Either can have been deleted since the page was opened.
    if not (imported := queries.character(by, id)):
        return None
    if verb == "remove":
        profiles.trash(imported, by=by)
        return Decided("removed", id, id, imported.name)
    if verb == "replace" and (existing := queries.character(by, existing_id)):
        replace_texts(existing, imported, by=by)
        return Decided("replaced", id, existing_id, existing.name)
    return Decided("kept", id, id, imported.name)


def _has_same_content(one: Character, other: Character) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in (*TEXTS, "card"))


def _identity(character: Character) -> tuple[str, str]:
    return character.name, notes_of(character.card)[1]
