"""What a character's card adds to its chats besides its texts: a lorebook, and a note inserted among the last messages."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from webapp.base.db import db
from webapp.characters.cards.cards import TEXT_CHARS, data_of, nickname_of
from webapp.characters.lore.books import Book, book_of
from webapp.characters.lore.entries import Place, noted
from webapp.characters.macros.macros import Names, spelled
from webapp.characters.tables import Character

# Enough for the characters that a small team chats with; a card can take up to a megabyte.
MOST_REMEMBERED = 24


@dataclass(frozen=True, slots=True)
class CardLore:
    """The lorebook of a card, its note, and where the note is inserted; a nickname replaces the name in both."""

    book: Book = field(default_factory=Book)
    note: str = ""
    place: Place = field(default_factory=Place)
    nickname: str = ""


def lore_of(character: Character) -> CardLore:
    """Returns the character's lorebook and note, from a cache keyed by its last change, because every answer needs them."""
    return _read(character.id, character.changed_at)


@lru_cache(maxsize=MOST_REMEMBERED)
def _read(id: str, changed_at: datetime) -> CardLore:
    character = db.session.get(Character, id)
    return of_card(character.card, id=id, name=character.name) if character else CardLore()


def of_card(card: dict[str, Any], *, id: str, name: str) -> CardLore:
    data = data_of(card)
    extensions = data.get("extensions")
    note, place = noted(extensions.get("depth_prompt") if isinstance(extensions, dict) else None, chars=TEXT_CHARS)
    nickname = nickname_of(card)
    note = Names(char=nickname).fill_names(spelled(note))[:TEXT_CHARS]
    return CardLore(book_of(book_in(card), id=id, name=name), note, place, nickname)


def book_in(card: dict[str, Any]) -> dict[str, Any]:
    """Returns the lorebook of a card as stored, or an empty one."""
    book = data_of(card).get("character_book")
    return book if isinstance(book, dict) else {}


def with_book(card: dict[str, Any], book: dict[str, Any]) -> dict[str, Any]:
    """Returns the card with this lorebook, in the place that the card's version uses."""
    if data_of(card) is card:
        return {**card, "character_book": book}
    return {**card, "data": {**data_of(card), "character_book": book}}
