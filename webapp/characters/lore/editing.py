"""What is entered for a lorebook and its entries, and its way into the book; everything without a field is kept."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, StringConstraints

from webapp.base.errors import Invalid
from webapp.base.inputs import Input, Name, Prose, Refusal, Whole, checked_by
from webapp.base.untrusted_json import JsonObject
from webapp.characters.lore.entries import (
    CONTENT_CHARS,
    DEPTH,
    KEY_CHARS,
    LOGICS,
    MOST_DEPTH,
    MOST_KEYS,
    MOST_MESSAGES,
    MOST_NUMBER,
    NOTE_DEPTH,
    OUTLET,
    ROLES,
    TITLE_CHARS,
    texts_of,
    triggers_of,
)
from webapp.characters.lore.entry_selection import is_unusable

MOST_ENTRIES, BOOK_CHARS = 1_000, 2_000_000
GROUP_CHARS = 120
# An entry's extensions, by the field that they are entered in: numbers, and what is true or false.
NUMBERS = {
    "position": "position",
    "role": "role",
    "logic": "selectiveLogic",
    "depth": "depth",
    "chance": "probability",
    "scan_depth": "scan_depth",
    "stays": "sticky",
    "silent": "cooldown",
    "waits": "delay",
    "weight": "group_weight",
}
FLAGS = {
    "whole_words": "match_whole_words",
    "is_exact": "case_sensitive",
    "takes_precedence": "group_override",
    "is_scored": "use_group_scoring",
    "brings_none": "prevent_recursion",
    "is_not_brought": "exclude_recursion",
}
# When an entry is sent, by SillyTavern's names.
Occasion = Literal["normal", "swipe regenerate", "continue", "impersonate"]
OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)


def checked_keys(keys: Sequence[str]) -> list[str]:
    unique_keys = list(dict.fromkeys(key.strip() for key in keys if key.strip()))
    if len(unique_keys) > MOST_KEYS:
        raise Invalid(f"An entry can have up to {MOST_KEYS} keys.")
    if long := next((key for key in unique_keys if len(key) > KEY_CHARS), ""):
        raise Invalid(f"A key can have up to {KEY_CHARS} characters: {long[:40]}…")
    if wrong := next(filter(is_unusable, unique_keys), ""):
        raise Invalid(f"This expression can't be used: {wrong[:80]}")
    return unique_keys


Keys = Annotated[list[str], checked_by(checked_keys)]
Title = Annotated[str, StringConstraints(max_length=TITLE_CHARS), Prose]
Messages = Annotated[int, Whole(0, MOST_NUMBER)]


class LorebookInput(Input):
    """What is entered for a new lorebook."""

    name: Name
    is_always: bool = False


class BookInput(LorebookInput):
    """What is entered for a lorebook, without its entries."""

    scan_depth: Annotated[int, Whole(0, MOST_DEPTH)] = DEPTH
    token_budget: Annotated[int, Whole(0, MOST_NUMBER)] = 0
    is_recursive: bool = False


class EntryInput(Input):
    """What is entered for an entry; without keys and content, it is a heading."""

    title: Title = ""
    keys: Keys = Field(default=[])
    content: Annotated[
        str,
        StringConstraints(max_length=CONTENT_CHARS),
        Prose,
        Refusal(f"An entry can have up to {CONTENT_CHARS:,} characters."),
    ] = ""
    is_enabled: bool = True
    is_constant: bool = False
    others: Keys = Field(default=[])
    logic: Annotated[int, Field(ge=0, lt=len(LOGICS))] = 0
    # SillyTavern's numbers; 5 and 6 come from other programs only.
    position: Annotated[int, Field(ge=0, le=OUTLET)] = 0
    depth: Annotated[int, Whole(0, MOST_MESSAGES)] = NOTE_DEPTH
    outlet: Title = ""
    role: Annotated[int, Field(ge=0, lt=len(ROLES))] = 0
    order: Annotated[int, Whole(-MOST_NUMBER, MOST_NUMBER)] = 100
    priority: Annotated[int, Whole(0, 1_000)] = 0
    chance: Annotated[int, Whole(0, 100)] = 100
    scan_depth: Annotated[int, Whole(0, MOST_DEPTH)] | None = None
    whole_words: bool = False
    is_exact: bool = False
    stays: Messages = 0
    silent: Messages = 0
    waits: Messages = 0
    group: Annotated[str, StringConstraints(max_length=GROUP_CHARS), Prose] = ""
    weight: Annotated[int, Whole(1, MOST_NUMBER)] = 100
    takes_precedence: bool = False
    is_scored: bool = False
    brings_none: bool = False
    is_not_brought: bool = False
    triggers: list[Occasion] = Field(default=[])
    is_brought_only: bool = False


def with_settings(book: Mapping[str, Any], entered: BookInput) -> JsonObject:
    return {
        "extensions": {},
        "entries": [],
        **book,
        "name": entered.name,
        "scan_depth": entered.scan_depth,
        "token_budget": entered.token_budget,
        "recursive_scanning": entered.is_recursive,
    }


def with_entry(book: Mapping[str, Any], place: int | None, entered: EntryInput) -> JsonObject:
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


def without_entry(book: Mapping[str, Any], place: int) -> JsonObject:
    entries = entries_of(book)
    del entries[place]
    return {**book, "entries": entries}


def entries_of(book: Mapping[str, Any]) -> list[Any]:
    entries = book.get("entries")
    return list(entries) if isinstance(entries, list) else []


def _written(entry: Mapping[str, Any], entered: EntryInput) -> JsonObject:
    extensions = entry.get("extensions")
    was = extensions if isinstance(extensions, dict) else {}
    more = {**was, **{name: value for name, value in _extensions(entered).items() if not _says(was, name, value)}}
    if (before := list(triggers_of(was))) != (triggers := _triggers(before, entered.triggers)):
        more["triggers"] = triggers
    # An entry without content and keys is a heading.
    if not entered.content and (entered.keys or not entered.title):
        raise Invalid("Enter the text that the model gets.", field="content")
    # An imported entry without keys can stay without.
    if entered.content and not entered.keys and not entered.is_constant and ("keys" not in entry or texts_of(entry["keys"])):
        raise Invalid("Enter at least one key, or send the entry always.", field="keys")
    others = entered.others
    return {
        **entry,
        # Programs differ in which one they show, so both get the title.
        **({"name": entered.title} if "name" in entry else {}),
        "comment": entered.title,
        "keys": entered.keys,
        "secondary_keys": others,
        "content": entered.content,
        "enabled": entered.is_enabled,
        "constant": entered.is_constant,
        "insertion_order": entered.order,
        "priority": entered.priority,
        "case_sensitive": entered.is_exact,
        "selective": entry.get("selective", True) if others == list(texts_of(entry.get("secondary_keys"))) else bool(others),
        "position": "before_char" if more.get("position", 0) == 0 else "after_char",
        "extensions": more,
    }


def _extensions(entered: EntryInput) -> JsonObject:
    """Returns an entry's extensions, by SillyTavern's names."""
    if entered.position == OUTLET and not entered.outlet:
        raise Invalid("Enter the name of the outlet.", field="outlet")
    return {
        **{theirs: getattr(entered, name) for name, theirs in (NUMBERS | FLAGS).items()},
        **({"outlet_name": entered.outlet} if entered.outlet else {}),
        "useProbability": True,
        "group": entered.group,
        "delay_until_recursion": entered.is_brought_only,
    }


def occasions(triggers: Sequence[str]) -> list[Occasion]:
    return [occasion for occasion in OCCASIONS if not set(occasion.split()).isdisjoint(triggers)]


def _triggers(triggers: Sequence[str], chosen: Sequence[Occasion]) -> list[str]:
    """Returns an entry's triggers after these were chosen; keeps triggers that can't be chosen."""
    if occasions(triggers) == list(chosen):
        return list(triggers)
    form_triggers = {name for occasion in OCCASIONS for name in occasion.split()}
    return [
        *(trigger for trigger in triggers if trigger not in form_triggers),
        *(name for occasion in chosen for name in occasion.split()),
    ]


def _says(was: Mapping[str, Any], name: str, entered: Any) -> bool:
    """Returns whether the extension has an equivalent value already: a level counts as true, null as false."""
    return name in was and (bool(was[name]) == entered if isinstance(entered, bool) else was[name] == entered)
