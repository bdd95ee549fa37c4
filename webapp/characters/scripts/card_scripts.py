"""The text scripts in a character's card: those in use, from a cache, and how they are changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select

from webapp.base.db import db
from webapp.base.untrusted_json import JsonObject
from webapp.characters.cards.cards import data_of
from webapp.characters.tables import Character
from webapp.characters.text_scripts import TextScript, for_pages, for_prompts, script_of, scripts_in, usable

NAMED = "regex_scripts"
# Whole JSON paths, of the card's versions: with one step at a time, SQLite serializes every intermediate value.
PATHS = ("data", "extensions", NAMED), ("extensions", NAMED)
# How many characters are known to have none, and how many characters' scripts are cached, each up to a megabyte.
MOST_REMEMBERED, MOST_READ = 2_000, 24


@dataclass(frozen=True, slots=True)
class CardScripts:
    """The scripts of a character that are on: those for pages and those for prompts."""

    shown: tuple[TextScript, ...] = ()
    sent: tuple[TextScript, ...] = ()


NONE = CardScripts()


def scripts_of(id: str, changed_at: datetime) -> CardScripts:
    """Returns a character's scripts, from a cache keyed by its last change, because every page of its chats needs them."""
    return _read(id, changed_at) if _has_some(id, changed_at) else NONE


def listed_in(card: JsonObject) -> list[tuple[int, TextScript]]:
    """Returns all scripts of a card with their indexes, also those that can't be used."""
    return [(at, script) for at, value in enumerate(values_in(card)) if (script := script_of(value))]


def values_in(card: JsonObject) -> list[Any]:
    """Returns the scripts as stored in the card."""
    extensions = data_of(card).get("extensions")
    values = extensions.get(NAMED) if isinstance(extensions, dict) else None
    return values if isinstance(values, list) else []


def with_values(card: JsonObject, values: Sequence[Any]) -> JsonObject:
    """Returns the card with these scripts, in the place that the card's version uses."""
    data = data_of(card)
    old_extensions = data.get("extensions")
    extensions = {**(old_extensions if isinstance(old_extensions, dict) else {}), NAMED: list(values)}
    return {**card, "extensions": extensions} if data is card else {**card, "data": {**data, "extensions": extensions}}


@lru_cache(maxsize=MOST_REMEMBERED)
def _has_some(id: str, changed_at: datetime) -> bool:
    first = (func.substr(Character.card[path].as_string(), 1, 3) for path in PATHS)
    row = db.session.execute(select(*first).where(Character.id == id)).first()
    return any(beginning not in (None, "[]") for beginning in row or ())


@lru_cache(maxsize=MOST_READ)
def _read(id: str, changed_at: datetime) -> CardScripts:
    character = db.session.get(Character, id)
    scripts = usable(scripts_in(values_in(character.card))) if character else []
    return CardScripts(for_pages(scripts), for_prompts(scripts))
