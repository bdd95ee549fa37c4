"""Named reads of characters and personas."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import accumulate, takewhile
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, case, func, literal, or_, select
from sqlalchemy.orm import Session

from webapp.accounts import grants
from webapp.accounts.roles import may
from webapp.accounts.tables import Grant, User
from webapp.characters.macros import Names
from webapp.characters.tables import Avatar, Character, Faced, Persona
from webapp.characters.told import told_by
from webapp.db import db
from webapp.heavy.turns import by_turns

KIND = "character"
grants.OBJECTS[KIND] = (Character.id, Character.owner_id)
MOST_LISTED = 1_000
# As many cards as are asked what their characters are called, and how much of it is read.
MOST_REMEMBERED, CALLED_CHARS = 2_000, 120
# Of a thousand characters, all texts are a hundred megabytes: only so many are read in one go.
AT_ONCE, BEGINNING_CHARS = 20, 720
TEXTS = Character.description, Character.system_prompt, Character.post_history_prompt, Character.greeting
F = TypeVar("F", bound=Faced)


@dataclass(frozen=True, slots=True)
class Prompts:
    """What a character gives to a prompt."""

    system_prompt: str = ""
    description: str = ""
    post_history_prompt: str = ""


class Named(NamedTuple):
    """A character without its texts."""

    id: str
    name: str
    avatar_id: str | None


class Speaking(NamedTuple):
    """A character in a group, with what its card says of when it speaks."""

    id: str
    name: str
    avatar_id: str | None
    nickname: str | None
    talkativeness: str | None


class Brief(NamedTuple):
    """A character in a list, with how its description begins or, without one, its greeting."""

    id: str
    name: str
    avatar_id: str | None
    owner_id: str | None
    tags: list[str]
    beginning: str


def prompts_of(character: Character | None) -> Prompts:
    """What the character says in its chats; nothing without one."""
    if not character:
        return Prompts()
    return Prompts(character.system_prompt, character.description, character.post_history_prompt)


def names_of(character: Character | Brief | None, persona: Persona | None, person: User | None) -> Names:
    """Who speaks with whom in a chat with a character, and what they say of themselves; without one nothing stands for a name."""
    if not character:
        return Names()
    names = Names(user=persona.name if persona else person.name if person else "", char=character.name)
    return replace(names, texts=told_by(character, persona)) if isinstance(character, Character) else names


def character_of(session: Session, owner_id: str | None, character_id: str | None) -> Character | None:
    """Whom somebody chats with, also from the trash, as long as they may see it."""
    owner = session.get(User, owner_id) if owner_id and character_id else None
    return session.scalar(select(Character).where(Character.id == character_id, _is_visible(owner))) if owner else None


def by_name(user_id: str, names: Iterable[str], *, among: type[Character] | type[Persona] = Character) -> dict[str, str]:
    """Of these names, the person's own characters or personas that have them, the newest of several, or else the team's."""
    theirs = or_(among.owner_id == user_id, among.owner_id.is_(None)), among.name.in_(list(names)), among.deleted_at.is_(None)
    query = select(among.name, among.id).where(*theirs).order_by(among.owner_id.is_not(None), among.id)
    return {row.name: row.id for row in db.session.execute(query)}


def known_to(session: Session, owner_id: str | None, character_ids: Iterable[str]) -> dict[str, list[str]]:
    """By character, the collections that those bring into somebody's chats."""
    owner, ids = session.get(User, owner_id) if owner_id else None, list(character_ids)
    if not owner or not ids:
        return {}
    query = select(Character.id, Character.collection_ids).where(Character.id.in_(ids), _is_visible(owner))
    return {row.id: row.collection_ids for row in session.execute(query)}


def members(session: Session, owner_id: str | None, ids: Sequence[str]) -> list[Speaking]:
    """Of these characters those that can speak in somebody's chats, in this order: what lies in the trash is silent."""
    owner = session.get(User, owner_id) if owner_id else None
    if not owner:
        return []
    columns = Character.id, Character.name, Character.avatar_id, Character.changed_at
    query = select(*columns).where(Character.id.in_(ids), Character.deleted_at.is_(None), _is_visible(owner))
    rows = session.execute(query)
    found = {row.id: Speaking(row.id, row.name, row.avatar_id, *_called(row.id, row.changed_at)) for row in rows}
    return [found[id] for id in ids if id in found]


@lru_cache(maxsize=MOST_REMEMBERED)
def _called(id: str, changed_at: datetime) -> tuple[str | None, str | None]:
    """Nickname and talkativeness, as the card has them: an answer asks several times, and a card has up to a megabyte."""
    # By whole paths: step by step, SQLite writes out what is on the way.
    paths = ("data", "nickname"), ("data", "extensions", "talkativeness")
    query = select(*(func.substr(Character.card[path].as_string(), 1, CALLED_CHARS) for path in paths))
    nickname, talkativeness = db.session.execute(query.where(Character.id == id)).first() or (None, None)
    return nickname, talkativeness


def persona_of(session: Session, owner_id: str | None, persona_id: str | None) -> Persona | None:
    """Who somebody is in a chat; nobody when the persona was deleted."""
    persona = session.get(Persona, persona_id) if persona_id else None
    return persona if persona and not persona.deleted_at and persona.owner_id in (None, owner_id) else None


def characters(user: User, *, words: str = "", tag: str = "") -> list[str]:
    """The ids of the characters that a person may chat with, by name; with all of these words, and with this tag."""
    query = select(Character.id).where(_is_visible(user), Character.deleted_at.is_(None))
    ids = db.session.scalars(query.order_by(func.lower(Character.name), Character.id).limit(MOST_LISTED)).all()
    wanted = words.casefold().split()
    columns = Character.id, Character.name, Character.description, Character.tags
    if not wanted and not tag:
        return list(ids)
    rows = _rows(columns, ids)
    return [id for id, name, about, tags in rows if _has(name, about, tags, wanted) and (not tag or tag in tags)]


def briefly(ids: Sequence[str]) -> list[Brief]:
    """What lists say of these characters, in this order."""
    beginning = func.substr(
        case((Character.description != "", Character.description), else_=Character.greeting), 1, BEGINNING_CHARS
    )
    columns = Character.id, Character.name, Character.avatar_id, Character.owner_id, Character.tags, beginning
    return [Brief(*row) for row in _rows(columns, ids)]


def texts_of(ids: Sequence[str], *, most_chars: int) -> list[Character]:
    """The first of these characters, whole: as many as have so many characters of text together, and one in any case."""
    size = sum((func.length(each) for each in TEXTS), literal(0))
    sizes = accumulate(size for _, size in _rows((Character.id, size), ids))
    first = ids[: max(1, sum(1 for _ in takewhile(most_chars.__ge__, sizes)))]
    found = {each.id: each for each in db.session.scalars(select(Character).where(Character.id.in_(first)))}
    return [found[id] for id in first if id in found]


def _rows(columns: Sequence[Any], ids: Sequence[str]) -> Iterator[Any]:
    """Of each, what is asked, in this order; others have their turn between."""
    for start in by_turns(range(0, len(ids), AT_ONCE)):
        some = ids[start : start + AT_ONCE]
        found = {row[0]: row for row in db.session.execute(select(*columns).where(Character.id.in_(some)))}
        yield from (found[id] for id in some if id in found)


def character(user: User, id: str, *, is_deleted: bool = False) -> Character | None:
    """The character, if this person may see it; one in the trash only when that is asked for, and by who may change it."""
    return _at_hand(db.session.scalar(select(Character).where(Character.id == id, _is_visible(user))), user, is_deleted)


def persona(user: User, id: str, *, is_deleted: bool = False) -> Persona | None:
    """The persona, if it is this person's or the team's; one in the trash only when that is asked for."""
    return _at_hand(db.session.scalar(select(Persona).where(Persona.id == id, _is_theirs(user))), user, is_deleted)


def _at_hand(row: F | None, user: User, is_deleted: bool) -> F | None:
    if not row or bool(row.deleted_at) != is_deleted or (is_deleted and not may_change(row, user)):
        return None
    return row


def named(user: User, ids: Sequence[str]) -> list[Named]:
    """Of these characters what lists say, as far as the person may see them, also from the trash."""
    query = select(Character.id, Character.name, Character.avatar_id).where(Character.id.in_(ids), _is_visible(user))
    return [Named(*row) for row in db.session.execute(query)] if ids else []


def may_change(row: Faced, user: User) -> bool:
    """What has an owner is theirs to change; what is the team's, whoever looks after the team."""
    return row.owner_id == user.id if row.owner_id else may(user.role, "administer")


def count_of(table: type[Faced], user_id: str) -> int:
    """How many of them a person has, without those in the trash."""
    return db.session.scalar(select(func.count()).where(table.owner_id == user_id, table.deleted_at.is_(None))) or 0


def is_shared(character: Character) -> bool:
    """Whether its owner lets the whole team chat with it."""
    return bool(shared_among([character.id]))


def shared_among(ids: Sequence[str]) -> set[str]:
    """Which of these characters the whole team may chat with."""
    query = select(Grant.object_id).where(grants.are_about(KIND, ids), grants.is_for_team())
    return set(db.session.scalars(query))


def personas(user: User) -> Sequence[Persona]:
    """A person's own personas, then the team's, by name."""
    query = select(Persona).where(_is_theirs(user), Persona.deleted_at.is_(None))
    return db.session.scalars(query.order_by(Persona.owner_id.is_(None), func.lower(Persona.name), Persona.id)).all()


def default_persona(user: User) -> Persona | None:
    """Who the person is in a new chat with a character, if they have said so."""
    return db.session.scalar(select(Persona).where(Persona.owner_id == user.id, Persona.is_default, Persona.deleted_at.is_(None)))


def avatar(id: str | None) -> Avatar | None:
    return db.session.get(Avatar, id) if id else None


def _is_visible(user: User) -> ColumnElement[bool]:
    given = Character.id.in_(grants.given_to(user, KIND))
    return or_(Character.owner_id.is_(None), Character.owner_id == user.id, given)


def _is_theirs(user: User) -> ColumnElement[bool]:
    return or_(Persona.owner_id == user.id, Persona.owner_id.is_(None))


def _has(name: str, description: str, tags: Sequence[str], words: list[str]) -> bool:
    text = "\n".join((name, description, *tags)).casefold()
    return all(word in text for word in words)
