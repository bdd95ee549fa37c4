"""Converts other programs' lorebook files to the format of cards, and back. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import IO, Any

from webapp.base.untrusted_json import JsonObject, UnfitJson, value_of
from webapp.characters.lore.entries import MOST_NUMBER, REST, ROLES, number_of

NO_BOOK = "It isn't a lorebook: choose a JSON file from SillyTavern's World Info or of the lorebook_v3 kind."
# SillyTavern's names for the fields of a card's entry …
FIELDS = {
    "key": "keys",
    "keysecondary": "secondary_keys",
    "content": "content",
    "comment": "comment",
    "constant": "constant",
    "selective": "selective",
    "order": "insertion_order",
    "uid": "id",
}
# … and for those in its extensions.
EXTENSIONS = {
    "position": "position",
    "excludeRecursion": "exclude_recursion",
    "displayIndex": "display_index",
    "probability": "probability",
    "useProbability": "useProbability",
    "depth": "depth",
    "selectiveLogic": "selectiveLogic",
    "group": "group",
    "groupOverride": "group_override",
    "groupWeight": "group_weight",
    "preventRecursion": "prevent_recursion",
    "delayUntilRecursion": "delay_until_recursion",
    "scanDepth": "scan_depth",
    "matchWholeWords": "match_whole_words",
    "useGroupScoring": "use_group_scoring",
    "caseSensitive": "case_sensitive",
    "automationId": "automation_id",
    "role": "role",
    "triggers": "triggers",
    "outletName": "outlet_name",
    "vectorized": "vectorized",
    "sticky": "sticky",
    "cooldown": "cooldown",
    "delay": "delay",
}
# Fields of cards' lorebooks and entries that SillyTavern has none for. They are written under the same names, which it ignores.
OF_BOOK = ("description", "scan_depth", "token_budget", "recursive_scanning")
OF_ENTRY = ("name", "priority", "use_regex")
# The other fields of an entry, which each have a place of their own.
PLACED = (*FIELDS.values(), "enabled", "position", "case_sensitive", "extensions")
USUAL: Mapping[str, Any] = {
    "key": [],
    "keysecondary": [],
    "comment": "",
    "content": "",
    "constant": False,
    "vectorized": False,
    "selective": True,
    "selectiveLogic": 0,
    "order": 100,
    "position": 0,
    "depth": 4,
    "role": 0,
    "probability": 100,
    "useProbability": True,
    "excludeRecursion": False,
    "preventRecursion": False,
    "delayUntilRecursion": 0,
    "group": "",
    "groupOverride": False,
    "groupWeight": 100,
    "useGroupScoring": None,
    "scanDepth": None,
    "caseSensitive": None,
    "matchWholeWords": None,
    "sticky": None,
    "cooldown": None,
    "delay": None,
    "automationId": "",
    "addMemo": True,
}
MOST_BYTES = 2 * 1024 * 1024


def book_in(value: Any) -> JsonObject:
    """Returns the lorebook of a SillyTavern file, a `lorebook_v3` file or a card."""
    if not isinstance(value, dict):
        raise UnfitJson(NO_BOOK)
    data = value["data"] if isinstance(value.get("data"), dict) else value
    book = data["character_book"] if isinstance(data.get("character_book"), dict) else data
    entries = book.get("entries")
    if isinstance(entries, list):
        return dict(book)
    if not isinstance(entries, dict):
        raise UnfitJson(NO_BOOK)
    original = value.get("originalData")
    name = value.get("name") or (original.get("name") if isinstance(original, dict) else "")
    return {
        **({"name": name} if isinstance(name, str) and name else {}),
        **{key: value[key] for key in OF_BOOK if key in value},
        "entries": [_entry(entry) for entry in entries.values() if isinstance(entry, dict)],
        "extensions": {
            **_others(value),
            REST: {key: content for key, content in value.items() if key not in ("entries", "name", *OF_BOOK)},
        },
    }


def _entry(value: Mapping[str, Any]) -> JsonObject:
    more = {theirs: value[name] for name, theirs in EXTENSIONS.items() if name in value}
    rest = {name: content for name, content in value.items() if name not in (*FIELDS, *EXTENSIONS, *OF_ENTRY, "disable")}
    return {
        "use_regex": True,
        **{name: value[name] for name in OF_ENTRY if name in value},
        **{theirs: value[name] for name, theirs in FIELDS.items() if name in value},
        "enabled": value.get("disable") is not True,
        "position": "before_char" if value.get("position", 0) == 0 else "after_char",
        "extensions": {**_others(value), **more, **({REST: rest} if rest else {})},
    }


def _others(value: Mapping[str, Any]) -> JsonObject:
    """Returns the extensions of other programs, in a book or an entry of either format."""
    extensions = value.get("extensions")
    own_keys = (REST, *EXTENSIONS.values())
    return (
        {name: extension for name, extension in extensions.items() if name not in own_keys}
        if isinstance(extensions, dict)
        else {}
    )


def _with_others(value: Mapping[str, Any], rest: Mapping[str, Any]) -> JsonObject:
    """Returns the extensions of other programs for SillyTavern's format, added to those in `rest`, which came from there."""
    was, others = rest.get("extensions", {}), _others(value)
    return {"extensions": {**was, **others}} if others and isinstance(was, dict) else {}


def world_info(book: Mapping[str, Any]) -> JsonObject:
    """Returns the lorebook in the format of SillyTavern's files."""
    extensions = book.get("extensions")
    rest = extension if isinstance(extensions, dict) and isinstance(extension := extensions.get(REST), dict) else {}
    plain = {name: value for name, value in book.items() if name not in ("name", "entries", "extensions")}
    entries = [entry for entry in book.get("entries", ()) if isinstance(entry, dict)]
    numbered = zip(_uids(entries), entries, strict=True)
    worlds = {str(uid): _world(entry, uid, index) for index, (uid, entry) in enumerate(numbered)}
    return {**plain, "name": book.get("name", ""), **rest, **_with_others(book, rest), "entries": worlds}


def _uids(entries: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    """Yields the number of each entry; one that has none, or that of an entry before it, gets one after the largest."""
    ids = (entry.get("id") for entry in entries)
    uids = [id if type(id) is int and 0 <= id <= MOST_NUMBER else None for id in ids]
    free, seen = count(max((uid for uid in uids if uid is not None), default=-1) + 1), set[int]()
    for old_uid in uids:
        uid = next(free) if old_uid is None or old_uid in seen else old_uid
        seen.add(uid)
        yield uid


def _world(entry: Mapping[str, Any], uid: int, index: int) -> JsonObject:
    more = entry.get("extensions")
    more = more if isinstance(more, dict) else {}
    fields = {name: entry[theirs] for name, theirs in FIELDS.items() if theirs in entry}
    fields |= {name: more[theirs] for name, theirs in EXTENSIONS.items() if theirs in more}
    usual = {**USUAL, "position": 0 if entry.get("position", "before_char") == "before_char" else 1, "displayIndex": index}
    title = {"comment": entry["name"]} if entry.get("name") and not entry.get("comment") else {}
    exact = {"caseSensitive": True} if entry.get("case_sensitive") is True else {}
    rest = extension if isinstance(extension := more.get(REST), dict) else {}
    others = {**_plain(entry), **rest, **_with_others(entry, rest)}
    named = {**usual, **exact, **title, **others, **fields, "uid": uid, "disable": entry.get("enabled") is False}
    return {**named, "role": _role(named["role"])}


def _plain(entry: Mapping[str, Any]) -> JsonObject:
    """Returns the fields of an entry that have no place in SillyTavern's format, without those that say what is usual."""
    usual = {"priority": 0, "use_regex": True}
    return {name: value for name, value in entry.items() if name not in PLACED and value != usual.get(name, ...)}


def _role(value: Any) -> int | None:
    """Returns SillyTavern's number of a role; null, which it reads as the system's, stays."""
    if value is None:
        return None
    return ROLES.index(value) if value in ROLES else number_of(value, 0, 0, len(ROLES) - 1)


def pieces(file: IO[bytes]) -> Iterator[JsonObject]:
    """Yields the lorebook of a file, or the reason why it cannot be read."""
    try:
        value = value_of(file.read(MOST_BYTES + 1), what="The lorebook", otherwise=NO_BOOK, most_bytes=MOST_BYTES)
        yield {"book": book_in(value)}
    except UnfitJson as error:
        yield {"trouble": str(error)}
