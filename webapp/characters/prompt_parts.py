"""What a character gives to the prompts of its chats: its texts, the texts of macros, a lorebook and a note."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from webapp.base.db import db
from webapp.characters.cards.cards import TEXT_CHARS, data_of, nickname_of, other_greetings, texts_for_macros
from webapp.characters.lore.entries import Book, InsertionPoint, book_of, noted
from webapp.characters.macros.macros import Names, spelled
from webapp.characters.queries import CharacterSummary
from webapp.characters.tables import Character, Persona
from webapp.people.accounts.tables import User

# Enough for the characters that a small team chats with; a card can take up to a megabyte.
MOST_REMEMBERED = 24
OWN = {"charprompt": "system_prompt", "charinstruction": "post_history_prompt", "charfirstmessage": "greeting"}
NUMBERED = "charfirstmessage::"


@dataclass(frozen=True, slots=True)
class PromptTexts:
    """The texts that a character adds to a prompt."""

    system_prompt: str = ""
    description: str = ""
    post_history_prompt: str = ""


@dataclass(frozen=True, slots=True)
class CardLore:
    """The lorebook of a card, its note, and where the note is inserted; a nickname replaces the name in both."""

    book: Book = field(default_factory=Book)
    note: str = ""
    insertion: InsertionPoint = field(default_factory=InsertionPoint)
    nickname: str = ""


def prompt_texts_of(character: Character | None) -> PromptTexts:
    """Returns the texts that the character adds to its prompts; empty ones without a character."""
    if not character:
        return PromptTexts()
    return PromptTexts(character.system_prompt, character.description, character.post_history_prompt)


def names_of(character: Character | CharacterSummary | None, persona: Persona | None, person: User | None) -> Names:
    """Returns the names and texts for the macros of a chat with a character; without a character, macros are not replaced."""
    if not character:
        return Names()
    names = Names(user=persona.name if persona else person.name if person else "", char=character.name)
    return replace(names, texts=macro_texts(character, persona)) if isinstance(character, Character) else names


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
    note, insertion = noted(extensions.get("depth_prompt") if isinstance(extensions, dict) else None, chars=TEXT_CHARS)
    nickname = nickname_of(card)
    note = Names(char=nickname).fill_names(spelled(note))[:TEXT_CHARS]
    return CardLore(book_of(book_in(card), id=id, name=name), note, insertion, nickname)


def book_in(card: dict[str, Any]) -> dict[str, Any]:
    """Returns the lorebook of a card as stored, or an empty one."""
    book = data_of(card).get("character_book")
    return book if isinstance(book, dict) else {}


def with_book(card: dict[str, Any], book: dict[str, Any]) -> dict[str, Any]:
    """Returns the card with this lorebook, in the place that the card's version uses."""
    if data_of(card) is card:
        return {**card, "character_book": book}
    return {**card, "data": {**data_of(card), "character_book": book}}


def macro_texts(character: Character, persona: Persona | None) -> Callable[[str], str | None]:
    """Returns a lookup of these texts by macro name; loads the card, which can be large, only for macros that need it."""
    of_card: dict[str, str] = {}

    def text(name: str) -> str | None:
        if name == "persona":
            return persona.description if persona else ""
        if name in OWN:
            return str(getattr(character, OWN[name]))
        if name == "chardepthprompt":
            return lore_of(character).note
        if name.startswith(NUMBERED):
            return _greeting(character, int(name.removeprefix(NUMBERED)))
        if not of_card:
            of_card.update(texts_for_macros(character.card, character.description))
        return of_card.get(name)

    return text


def _greeting(character: Character, number: int) -> str:
    """Returns the first message for 0, else an alternate greeting; empty if there are not so many."""
    others = other_greetings(character.card) if number and character.greeting else []
    return character.greeting if not number else others[number - 1] if number <= len(others) else ""
