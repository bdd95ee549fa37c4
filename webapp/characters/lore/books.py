"""Parses lorebooks, which describe a story's world; entries are sent to a model when their keys occur in the chat. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webapp.characters.lore.entries import TITLE_CHARS, Entry, entry_of, number_of, text_of

MOST_ENTRIES = 1_000
# How many messages are searched if neither the book nor the entry sets it.
DEPTH, MOST_DEPTH = 2, 1_000


@dataclass(frozen=True, slots=True)
class Book:
    """A lorebook's entries, and how many tokens they can have in total; 0 for no limit."""

    name: str = ""
    entries: tuple[Entry, ...] = ()
    most_tokens: int = 0


def book_of(value: Any, *, id: str, name: str = "") -> Book:
    """Parses a book in the format of `character_book` in cards; ignores invalid parts."""
    if not isinstance(value, dict):
        return Book()
    title = text_of(value.get("name"), TITLE_CHARS).strip() or name
    depth, is_recursive = number_of(value.get("scan_depth"), DEPTH, 0, MOST_DEPTH), value.get("recursive_scanning") is True
    entries = tuple(
        entry_of(each, id=id, book=title, at=at, depth=depth, is_recursive=is_recursive) for at, each in numbered(value)
    )
    return Book(title, entries, number_of(value.get("token_budget"), 0, 0))


def numbered(value: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yields the entries with their indexes in the list, up to `MOST_ENTRIES`."""
    entries = value.get("entries")
    for at, each in enumerate(entries[:MOST_ENTRIES] if isinstance(entries, list) else ()):
        if isinstance(each, dict):
            yield at, each
