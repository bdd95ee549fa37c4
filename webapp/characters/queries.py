"""Database queries for characters and personas."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import accumulate, takewhile
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, case, func, literal, or_, select
from sqlalchemy.orm import Session

from webapp.base.cache import Cache
from webapp.base.db import db
from webapp.base.heavy.turns import by_turns
from webapp.characters.tables import Avatar, Character, CharacterPersona, FavoriteCharacter, Persona, Profile
from webapp.people.accounts.tables import Grant, User
from webapp.people.things import grants
from webapp.people.things.seen import MOST_LISTED, Seen

KIND = "character"
# How many nicknames and talkativeness values are cached, and how many letters of each are read.
MOST_REMEMBERED, CALLED_CHARS = 2_000, 120
# All texts of a thousand characters are a hundred megabytes, so rows are read in batches.
AT_ONCE, BEGINNING_CHARS = 20, 720
TEXTS = Character.description, Character.system_prompt, Character.post_history_prompt, Character.greeting
F = TypeVar("F", bound=Profile)
# The beginnings of creators' notes, by character and the time of its last change.
_notes_read = Cache[tuple[str, datetime], str](MOST_REMEMBERED)


class CharacterName(NamedTuple):
    """A character without its texts."""

    id: str
    name: str
    avatar_id: str | None
    changed_at: datetime


class GroupSpeaker(NamedTuple):
    """A character in a group, with the fields of its card that decide when it speaks."""

    id: str
    name: str
    avatar_id: str | None
    nickname: str | None
    talkativeness: str | None


class CharacterSummary(NamedTuple):
    """A character in a list, with its creator's note or else the beginning of its description or greeting."""

    id: str
    name: str
    avatar_id: str | None
    owner_id: str | None
    tags: list[str]
    changed_at: datetime
    beginning: str


def _sees_character(user: User) -> ColumnElement[bool]:
    granted = Character.id.in_(grants.given_to(user, KIND))
    return or_(Character.owner_id.is_(None), Character.owner_id == user.id, granted)


def _sees_persona(user: User) -> ColumnElement[bool]:
    return or_(Persona.owner_id == user.id, Persona.owner_id.is_(None))


SEEN_CHARACTERS = Seen(kind=KIND, table=Character, by=_sees_character, is_own_first=False)
SEEN_PERSONAS = Seen(kind="persona", table=Persona, by=_sees_persona)


def character_of(session: Session, owner_id: str | None, character_id: str | None) -> Character | None:
    """Returns the character of a chat, even one in the trash, if the chat's owner can see it."""
    owner = session.get(User, owner_id) if owner_id and character_id else None
    return session.scalar(select(Character).where(Character.id == character_id, _sees_character(owner))) if owner else None


def by_name(user_id: str, names: Iterable[str], *, among: type[Character] | type[Persona] = Character) -> dict[str, str]:
    """Maps names to the person's own characters or personas, the newest with that name, or else to the team's."""
    theirs = or_(among.owner_id == user_id, among.owner_id.is_(None)), among.name.in_(list(names)), among.deleted_at.is_(None)
    query = select(among.name, among.id).where(*theirs).order_by(among.owner_id.is_not(None), among.id)
    return {row.name: row.id for row in db.session.execute(query)}


def known_to(session: Session, owner_id: str | None, character_ids: Iterable[str]) -> dict[str, list[str]]:
    """Returns, by character, the collections that it makes available in the chats of `owner_id`."""
    owner, ids = session.get(User, owner_id) if owner_id else None, list(character_ids)
    if not owner or not ids:
        return {}
    query = select(Character.id, Character.collection_ids).where(Character.id.in_(ids), _sees_character(owner))
    return {row.id: row.collection_ids for row in session.execute(query)}


def members(session: Session, owner_id: str | None, ids: Sequence[str]) -> list[GroupSpeaker]:
    """Returns, in this order, the characters that can speak in a chat of `owner_id`: not those in the trash."""
    owner = session.get(User, owner_id) if owner_id else None
    if not owner:
        return []
    columns = Character.id, Character.name, Character.avatar_id, Character.changed_at
    query = select(*columns).where(Character.id.in_(ids), Character.deleted_at.is_(None), _sees_character(owner))
    rows = session.execute(query)
    speakers = {row.id: GroupSpeaker(row.id, row.name, row.avatar_id, *_called(row.id, row.changed_at)) for row in rows}
    return [speakers[id] for id in ids if id in speakers]


@lru_cache(maxsize=MOST_REMEMBERED)
def _called(id: str, changed_at: datetime) -> tuple[str | None, str | None]:
    """Returns nickname and talkativeness from the card, cached: answers read them several times; a card can be a megabyte."""
    # Uses whole JSON paths: with one step at a time, SQLite serializes every intermediate value.
    paths = ("data", "nickname"), ("data", "extensions", "talkativeness")
    nickname, talkativeness = (func.substr(Character.card[path].as_string(), 1, CALLED_CHARS) for path in paths)
    row = db.session.execute(select(nickname, talkativeness).where(Character.id == id)).first()
    return (row[0], row[1]) if row else (None, None)


def persona_of(session: Session, owner_id: str | None, persona_id: str | None) -> Persona | None:
    """Returns the persona of a chat; None if it was deleted."""
    persona = session.get(Persona, persona_id) if persona_id else None
    return persona if persona and not persona.deleted_at and persona.owner_id in (None, owner_id) else None


def characters(user: User, *, words: str = "", tag: str = "") -> list[str]:
    """Returns the ids of the characters that a person can chat with, by name, filtered by all of these words and by this tag."""
    query = select(Character.id).where(_sees_character(user), Character.deleted_at.is_(None))
    ids = db.session.scalars(query.order_by(func.lower(Character.name), Character.id).limit(MOST_LISTED)).all()
    words_lower = words.casefold().split()
    columns = Character.id, Character.name, Character.description, Character.tags
    if not words_lower and not tag:
        return list(ids)
    rows = _rows(columns, ids)
    return [id for id, name, about, tags in rows if _has(name, about, tags, words_lower) and (not tag or tag in tags)]


def briefly(ids: Sequence[str]) -> list[CharacterSummary]:
    """Returns these characters as lists show them, in this order."""
    beginning = func.substr(
        case((Character.description != "", Character.description), else_=Character.greeting), 1, BEGINNING_CHARS
    )
    columns = Character.id, Character.name, Character.avatar_id, Character.owner_id, Character.tags, Character.changed_at
    rows = [CharacterSummary(*row) for row in _rows((*columns, beginning), ids)]
    notes = _notes({row.id: row.changed_at for row in rows})
    return [row._replace(beginning=notes.get(row.id) or row.beginning) for row in rows]


def _notes(changed: Mapping[str, datetime]) -> dict[str, str]:
    """Returns the beginning of the creator's note of each card, cached: a card can be a megabyte."""
    notes_by_id = {id: note for id, changed_at in changed.items() if (note := _notes_read.get((id, changed_at))) is not None}
    # Uses whole JSON paths, as `_called` does. A card of version 1, or one made here, has its fields at the top.
    paths = ("data", "creator_notes"), ("creator_notes",)
    texts = (func.substr(Character.card[path].as_string(), 1, BEGINNING_CHARS) for path in paths)
    for id, *notes in _rows((Character.id, *texts), [id for id in changed if id not in notes_by_id]):
        note = next((note.strip() for note in notes if note and note.strip()), "")
        notes_by_id[id] = _notes_read.put((id, changed[id]), note)
    return notes_by_id


def favorites(user: User) -> set[str]:
    """Returns the ids of the person's favorite characters."""
    return set(db.session.scalars(select(FavoriteCharacter.character_id).where(FavoriteCharacter.user_id == user.id)))


def texts_of(ids: Sequence[str], *, most_chars: int) -> list[Character]:
    """Returns the first of these characters with all texts, up to `most_chars` characters of text in total, but at least one."""
    size = sum((func.length(text) for text in TEXTS), literal(0))
    sizes = accumulate(size for _, size in _rows((Character.id, size), ids))
    first = ids[: max(1, sum(1 for _ in takewhile(most_chars.__ge__, sizes)))]
    characters = {character.id: character for character in db.session.scalars(select(Character).where(Character.id.in_(first)))}
    return [characters[id] for id in first if id in characters]


def _rows(columns: Sequence[Any], ids: Sequence[str]) -> Iterator[Any]:
    """Yields these columns for each id, in this order; lets other greenlets run between batches."""
    for start in by_turns(range(0, len(ids), AT_ONCE)):
        some = ids[start : start + AT_ONCE]
        rows_by_id = {row[0]: row for row in db.session.execute(select(*columns).where(Character.id.in_(some)))}
        yield from (rows_by_id[id] for id in some if id in rows_by_id)


def named(user: User, ids: Sequence[str]) -> list[CharacterName]:
    """Returns the names and pictures of these characters, including those in the trash, that the person can see."""
    columns = Character.id, Character.name, Character.avatar_id, Character.changed_at
    query = select(*columns).where(Character.id.in_(ids), _sees_character(user))
    return [CharacterName(*row) for row in db.session.execute(query)] if ids else []


def visible_among(user: User, ids: Iterable[str]) -> list[CharacterName]:
    """Returns, in this order, those of these characters that the person can chat with: none that is in the trash."""
    unique_ids = list(dict.fromkeys(ids))
    columns = Character.id, Character.name, Character.avatar_id, Character.changed_at
    query = select(*columns).where(Character.id.in_(unique_ids), _sees_character(user), Character.deleted_at.is_(None))
    rows = {row.id: CharacterName(*row) for row in db.session.execute(query)} if unique_ids else {}
    return [rows[id] for id in unique_ids if id in rows]


def is_shared(character: Character) -> bool:
    """Returns whether its owner shares it with the whole team."""
    return bool(shared_among([character.id]))


def shared_among(ids: Sequence[str]) -> set[str]:
    """Returns which of these characters are shared with the whole team."""
    query = select(Grant.object_id).where(grants.are_about(KIND, ids), grants.is_for_team())
    return set(db.session.scalars(query))


def default_persona(user: User, character_id: str = "") -> Persona | None:
    """Returns the persona for a person's new chats: the one for this character, else their default, if they have one."""
    if character_id and (persona := persona_with(user, character_id)):
        return persona
    return db.session.scalar(select(Persona).where(Persona.owner_id == user.id, Persona.is_default, Persona.deleted_at.is_(None)))


def persona_with(user: User, character_id: str) -> Persona | None:
    """Returns the persona that a person always has in new chats with a character, if they have chosen one."""
    query = select(Persona).join(CharacterPersona, CharacterPersona.persona_id == Persona.id)
    query = query.where(CharacterPersona.user_id == user.id, CharacterPersona.character_id == character_id)
    return db.session.scalar(query.where(_sees_persona(user), Persona.deleted_at.is_(None)))


def avatar(id: str | None) -> Avatar | None:
    return db.session.get(Avatar, id) if id else None


def _has(name: str, description: str, tags: Sequence[str], words: list[str]) -> bool:
    text = "\n".join((name, description, *tags)).casefold()
    return all(word in text for word in words)
