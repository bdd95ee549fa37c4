"""Writes form input into a lorebook or an entry; everything that the form has no field for is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.base.errors import Invalid
from webapp.characters.lore.entries import CONTENT_CHARS, KEY_CHARS, MOST_KEYS, TITLE_CHARS, texts_of, triggers_of
from webapp.characters.lore.entry_selection import is_unusable

MOST_ENTRIES, BOOK_CHARS = 1_000, 2_000_000


@dataclass(frozen=True, slots=True)
class BookInput:
    """The fields entered for a lorebook, without its entries."""

    name: str = ""
    scan_depth: int | None = None
    token_budget: int | None = None
    is_recursive: bool = False


@dataclass(frozen=True, slots=True)
class EntryInput:
    """The fields entered for an entry; `more` has its extensions, by SillyTavern's names."""

    title: str
    content: str
    keys: Sequence[str] = ()
    others: Sequence[str] = ()
    is_enabled: bool = True
    is_constant: bool = False
    order: int = 100
    priority: int = 0
    more: Mapping[str, Any] = field(default_factory=dict)
    # Returns the new triggers, given the current ones.
    triggers: Callable[[Sequence[str]], Sequence[str]] = list


def with_settings(book: Mapping[str, Any], entered: BookInput) -> dict[str, Any]:
    book_settings = {
        "name": entered.name,
        "scan_depth": entered.scan_depth,
        "token_budget": entered.token_budget,
        "recursive_scanning": entered.is_recursive,
    }
    contents = {"extensions": {}, "entries": [], **book}
    return {**contents, **{name: value for name, value in book_settings.items() if value is not None or name in contents}}


def with_entry(book: Mapping[str, Any], place: int | None, entered: EntryInput) -> dict[str, Any]:
    """Returns the book with this entry at `place`, or at the end."""
    entries = entries_of(book)
    if place is None:
        entries.append(_written({"use_regex": True, "selective": True}, entered))
    else:
        entries[place] = _written(entries[place], entered)
    changed = {**book, "entries": entries}
    refuse_too_much(changed)
    return changed


def refuse_too_much(book: Mapping[str, Any]) -> None:
    entries = entries_of(book)
    if len(entries) > MOST_ENTRIES:
        raise Invalid(f"A lorebook can have up to {MOST_ENTRIES:,} entries.", field="book")
    if sum(len(str(entry.get("content", ""))) for entry in entries if isinstance(entry, dict)) > BOOK_CHARS:
        raise Invalid(f"A lorebook can have up to {BOOK_CHARS:,} characters.", field="content")


def without_entry(book: Mapping[str, Any], place: int) -> dict[str, Any]:
    entries = entries_of(book)
    del entries[place]
    return {**book, "entries": entries}


def entries_of(book: Mapping[str, Any]) -> list[Any]:
    entries = book.get("entries")
    return list(entries) if isinstance(entries, list) else []


def _written(entry: Mapping[str, Any], entered: EntryInput) -> dict[str, Any]:
    extensions = entry.get("extensions")
    was = extensions if isinstance(extensions, dict) else {}
    more = {**was, **{name: value for name, value in entered.more.items() if not _says(was, name, value)}}
    if (before := list(triggers_of(was))) != (triggers := list(entered.triggers(before))):
        more["triggers"] = triggers
    content = entered.content.strip()
    if len(content) > CONTENT_CHARS:
        raise Invalid(f"An entry can have up to {CONTENT_CHARS:,} characters.", field="content")
    keys, others = checked_keys(entered.keys, "keys"), checked_keys(entered.others, "others")
    title = entered.title.strip()[:TITLE_CHARS]
    # An entry without content and keys is a heading.
    if not content and (keys or not title):
        raise Invalid("Enter the text that the model gets.", field="content")
    # An imported entry without keys can stay without.
    if content and not keys and not entered.is_constant and ("keys" not in entry or texts_of(entry["keys"])):
        raise Invalid("Enter at least one key, or send the entry always.", field="keys")
    is_before, is_exact = more.get("position", 0) == 0, entered.more.get("case_sensitive") is True
    return {
        **entry,
        # Programs differ in which one they show, so both get the title.
        **({"name": title} if "name" in entry else {}),
        "comment": title,
        "keys": keys,
        "secondary_keys": others,
        "content": content,
        "enabled": entered.is_enabled,
        "constant": entered.is_constant,
        "insertion_order": entered.order,
        "priority": entered.priority,
        "case_sensitive": is_exact,
        "selective": entry.get("selective", True) if others == list(texts_of(entry.get("secondary_keys"))) else bool(others),
        "position": "before_char" if is_before else "after_char",
        "extensions": more,
    }


def _says(was: Mapping[str, Any], name: str, entered: Any) -> bool:
    """Returns whether the extension has an equivalent value already: a level counts as true, null as false."""
    return name in was and (bool(was[name]) == entered if isinstance(entered, bool) else was[name] == entered)


def checked_keys(keys: Sequence[str], name: str) -> list[str]:
    unique_keys = list(dict.fromkeys(key.strip() for key in keys if key.strip()))
    if len(unique_keys) > MOST_KEYS:
        raise Invalid(f"An entry can have up to {MOST_KEYS} keys.", field=name)
    if long := next((key for key in unique_keys if len(key) > KEY_CHARS), ""):
        raise Invalid(f"A key can have up to {KEY_CHARS} characters: {long[:40]}…", field=name)
    if wrong := next(filter(is_unusable, unique_keys), ""):
        raise Invalid(f"This expression can't be used: {wrong[:80]}", field=name)
    return unique_keys
