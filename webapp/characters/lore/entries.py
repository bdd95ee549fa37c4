"""Parses the entries of lorebooks, in the format of cards. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from webapp.base.untrusted_json import dict_of

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")
MOST_KEYS, KEY_CHARS, TITLE_CHARS, CONTENT_CHARS = 60, 500, 120, 20_000
MOST_MESSAGES, MOST_NUMBER = 10_000, 1_000_000
# With sixty groups for each of 5,000 entries, choosing one entry of each group would take a second.
MOST_GROUPS = 10
ALWAYS = MOST_NUMBER
# SillyTavern's numbers of positions: at a depth, above and below the author's note, and in an outlet. 5 and 6, around the
# example dialogue, count as after the character.
AT_DEPTH, ABOVE_NOTE, BELOW_NOTE, OUTLET = 4, 2, 3, 7
# The depth of a note that sets none.
NOTE_DEPTH = 4
SIDES = {0: "before", 1: "after", 5: "after", 6: "after", "before_char": "before", "after_char": "after"}
# The extension in which an entry keeps fields that cards have no place for.
REST = "sillytavern"
LOGICS = ("any", "not all", "none", "all")
KNOWN = frozenset(
    (
        "activate",
        "activate_only_after",
        "activate_only_every",
        "additional_keys",
        "depth",
        "dont_activate",
        "dont_activate_after_match",
        "exclude_keys",
        "ignore_on_max_context",
        "keep_activate_after_match",
        "position",
        "reverse_depth",
        "role",
        "scan_depth",
    )
)
MARK, INSTEAD = "@@", "@@@"
MOST_ENTRIES = 1_000
# How many messages are searched if neither the book nor the entry sets it.
DEPTH, MOST_DEPTH = 2, 1_000


@dataclass(frozen=True, slots=True)
class InsertionPoint:
    """Where an entry is inserted: before or after the character or the author's note, or at a depth among the messages.

    An entry with an `outlet` is inserted only where a text refers to the outlet by name.
    """

    is_before: bool = True
    is_at_note: bool = False
    depth: int | None = None
    from_start: int | None = None
    role: Role = "system"
    outlet: str | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """When an entry can first be sent, how long it stays, and how long it pauses then, in messages; `every` is in answers."""

    delay: int = 0
    sticky: int = 0
    cooldown: int = 0
    after_answers: int = 0
    every: int = 1

    @property
    def remembers(self) -> bool:
        return bool(self.sticky or self.cooldown)


@dataclass(frozen=True, slots=True)
class InclusionGroup:
    """The inclusion groups of an entry; one entry of each is used: by order, by number of keys found, or by weighted chance."""

    names: tuple[str, ...] = ()
    by_order: bool = False
    by_score: bool = False
    weight: int = 100


@dataclass(frozen=True, slots=True)
class Recursion:
    """Whether other entries can trigger this one, whether it can trigger others, and the first step at which it can be sent."""

    comes: bool = False
    brings: bool = False
    from_step: int = 0


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of an entry: one of `first` must occur, `others` as `logic` says, one of `additional`, and none of `excluded`."""

    first: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    logic: str = "any"
    additional: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    is_exact: bool = False
    whole_words: bool = False
    # How many of the last messages are searched.
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Audience:
    """The characters that an entry applies to, by name: only these, all but these, or every character."""

    names: frozenset[str] = frozenset()
    is_others: bool = False

    def has(self, character: str) -> bool:
        return not self.names or (character.casefold() in self.names) != self.is_others


@dataclass(frozen=True, slots=True, eq=False)
class LoreEntry:
    """An entry of a lorebook: a text, and the conditions for sending it."""

    id: str
    title: str
    content: str
    book: str = ""
    # The index in the book's list, which also contains invalid entries.
    place_in_book: int = 0
    keys: Keys = field(default_factory=Keys)
    insertion: InsertionPoint = field(default_factory=InsertionPoint)
    timing: Timing = field(default_factory=Timing)
    group: InclusionGroup = field(default_factory=InclusionGroup)
    recursion: Recursion = field(default_factory=Recursion)
    audience: Audience = field(default_factory=Audience)
    # The kinds of prompt that it is sent with; with every kind if empty.
    triggers: frozenset[str] = frozenset()
    is_enabled: bool = True
    is_constant: bool = False
    order: int = 100
    priority: int = 0
    chance: float = 100.0
    is_first_to_go: bool = False

    @property
    def is_heading(self) -> bool:
        """Whether it only serves people as a heading between the other entries."""
        return not (self.content or self.keys.first)


def entry_of(value: Mapping[str, Any], *, id: str, book: str, at: int, depth: int, is_recursive: bool) -> LoreEntry:
    """Parses an entry in the format of cards; SillyTavern's own fields are in its extensions."""
    more = dict_of(value.get("extensions"))
    content, decorators = decorated(text_of(value.get("content"), CONTENT_CHARS * 2))
    keys = texts_of(value.get("keys"))
    return LoreEntry(
        id=f"{id}:{at}",
        title=text_of(value.get("name") or value.get("comment"), TITLE_CHARS).strip() or (keys[0] if keys else "") or "Entry",
        content=content.strip()[:CONTENT_CHARS],
        book=book,
        place_in_book=at,
        keys=_keys(value, more, decorators, keys, depth),
        insertion=_insertion(value, more, decorators),
        timing=_timing(more, decorators),
        group=_group(more),
        recursion=_recursion(more, is_recursive=is_recursive),
        audience=_audience(dict_of(dict_of(more.get(REST)).get("characterFilter"))),
        triggers=frozenset(triggers_of(more)),
        is_enabled=value.get("enabled") is not False and "dont_activate" not in decorators,
        is_constant=value.get("constant") is True or "activate" in decorators,
        order=number_of(value.get("insertion_order"), 100),
        priority=number_of(value.get("priority"), 0, 0, 1_000),
        chance=float(number_of(more.get("probability"), 100, 0, 100)) if more.get("useProbability") is not False else 100.0,
        is_first_to_go="ignore_on_max_context" in decorators,
    )


def noted(value: Any, *, chars: int) -> tuple[str, InsertionPoint]:
    """Parses a character's note, in SillyTavern's format; it is inserted among the last messages."""
    note = dict_of(value)
    depth = number_of(note.get("depth"), NOTE_DEPTH, 0, MOST_MESSAGES)
    return text_of(note.get("prompt"), chars).strip(), InsertionPoint(depth=depth, role=_role(note.get("role")))


def _role(value: Any) -> Role:
    return value if value in ROLES else ROLES[number_of(value, 0, 0, len(ROLES) - 1)]


def _keys(
    value: Mapping[str, Any], more: Mapping[str, Any], decorators: Mapping[str, str], first: tuple[str, ...], depth: int
) -> Keys:
    # Used unless turned off, as in the programs that write such entries.
    others = texts_of(value.get("secondary_keys")) if value.get("selective") is not False else ()
    scanned = decorators.get("scan_depth", more.get("scan_depth"))
    return Keys(
        first=first,
        others=others,
        logic=LOGICS[number_of(more.get("selectiveLogic"), 0, 0, len(LOGICS) - 1)],
        additional=texts_of(decorators.get("additional_keys", "").split(",")),
        excluded=texts_of(decorators.get("exclude_keys", "").split(",")),
        is_exact=(value.get("case_sensitive") or more.get("case_sensitive")) is True,
        whole_words=more.get("match_whole_words") is True,
        depth=depth if scanned is None else number_of(scanned, depth, 0, MOST_MESSAGES),
    )


def _insertion(value: Mapping[str, Any], more: Mapping[str, Any], decorators: Mapping[str, str]) -> InsertionPoint:
    named = _role(decorators.get("role", more.get("role")))
    position = more.get("position", value.get("position"))
    if "depth" in decorators or (position == AT_DEPTH and "position" not in decorators):
        depth = number_of(decorators.get("depth", more.get("depth")), NOTE_DEPTH, 0, MOST_MESSAGES)
        return InsertionPoint(depth=depth, role=named)
    if "reverse_depth" in decorators:
        return InsertionPoint(from_start=number_of(decorators["reverse_depth"], 0, 0, MOST_MESSAGES), role=named)
    if position in (ABOVE_NOTE, BELOW_NOTE) and "position" not in decorators:
        return InsertionPoint(is_before=position == ABOVE_NOTE, is_at_note=True)
    if position == OUTLET and "position" not in decorators:
        return InsertionPoint(outlet=outlet_of(more))
    if decorated := decorators.get("position"):
        return InsertionPoint(is_before=decorated == "before_desc")
    return InsertionPoint(is_before=not isinstance(position, (int, str)) or SIDES.get(position, "before") == "before")


def outlet_of(more: Mapping[str, Any]) -> str:
    """Returns the name of an entry's outlet from its extensions, also from where earlier imports kept it."""
    named = more.get("outlet_name") or more.get("outletName") or dict_of(more.get(REST)).get("outletName")
    return text_of(named, TITLE_CHARS).strip()


def _timing(more: Mapping[str, Any], decorators: Mapping[str, str]) -> Timing:
    return Timing(
        delay=number_of(more.get("delay"), 0, 0),
        sticky=ALWAYS if "keep_activate_after_match" in decorators else number_of(more.get("sticky"), 0, 0),
        cooldown=ALWAYS if "dont_activate_after_match" in decorators else number_of(more.get("cooldown"), 0, 0),
        after_answers=number_of(decorators.get("activate_only_after"), 0, 0),
        every=number_of(decorators.get("activate_only_every"), 1, 1),
    )


def _group(more: Mapping[str, Any]) -> InclusionGroup:
    return InclusionGroup(
        names=texts_of(text_of(more.get("group"), 500).split(","))[:MOST_GROUPS],
        by_order=more.get("group_override") is True,
        by_score=more.get("use_group_scoring") is True,
        weight=number_of(more.get("group_weight"), 100, 1),
    )


def _recursion(more: Mapping[str, Any], *, is_recursive: bool) -> Recursion:
    waits = more.get("delay_until_recursion")
    return Recursion(
        comes=is_recursive and more.get("exclude_recursion") is not True,
        brings=is_recursive and more.get("prevent_recursion") is not True,
        from_step=1 if waits is True else number_of(waits, 0, 0, 10),
    )


def triggers_of(more: Mapping[str, Any]) -> tuple[str, ...]:
    return texts_of(more["triggers"] if "triggers" in more else dict_of(more.get(REST)).get("triggers"))


def _audience(filter: Mapping[str, Any]) -> Audience:
    """Parses the character filter; ignores its tags, which are ids without a meaning outside SillyTavern."""
    return Audience(frozenset(text.casefold() for text in texts_of(filter.get("names"))), filter.get("isExclude") is True)


def number_of(value: Any, usual: int, least: int = -MOST_NUMBER, most: int = MOST_NUMBER) -> int:
    """Converts any value to a whole number within the bounds, or returns the default `usual`."""
    if isinstance(value, str):
        value = int(value) if value.strip().removeprefix("-").isdecimal() and len(value) < 9 else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return max(least, min(most, int(value))) if is_number else usual


def text_of(value: Any, chars: int) -> str:
    return value[:chars] if isinstance(value, str) else ""


def texts_of(values: Any) -> tuple[str, ...]:
    """Returns the distinct, non-empty keys or names of a list."""
    texts: Sequence[Any] = values[: MOST_KEYS * 2] if isinstance(values, (list, tuple)) else ()
    return tuple(dict.fromkeys(text for value in texts if (text := text_of(value, KEY_CHARS).strip())))[:MOST_KEYS]


def decorated(content: str) -> tuple[str, dict[str, str]]:
    """Returns the content without decorators, and their values; one that begins with @@@ replaces an unknown one before it."""
    decorators, is_known = dict[str, str](), True
    while content.startswith(MARK):
        line, _, content = content.partition("\n")
        if line.startswith(INSTEAD) and is_known:
            continue
        name, _, value = line.lstrip("@").strip().partition(" ")
        is_known = name in KNOWN
        if is_known:
            decorators[name] = value.strip()
    return content, decorators


@dataclass(frozen=True, slots=True)
class Book:
    """A lorebook's entries, and how many tokens they can have in total; 0 for no limit. The book of a card has no owner."""

    name: str = ""
    entries: tuple[LoreEntry, ...] = ()
    most_tokens: int = 0
    owner_id: str = ""


def book_of(value: Any, *, id: str, name: str = "") -> Book:
    """Parses a book in the format of `character_book` in cards; ignores invalid parts."""
    if not isinstance(value, dict):
        return Book()
    title = text_of(value.get("name"), TITLE_CHARS).strip() or name
    depth, is_recursive = number_of(value.get("scan_depth"), DEPTH, 0, MOST_DEPTH), value.get("recursive_scanning") is True
    entries = tuple(
        entry_of(entry, id=id, book=title, at=at, depth=depth, is_recursive=is_recursive) for at, entry in numbered(value)
    )
    return Book(title, entries, number_of(value.get("token_budget"), 0, 0))


def numbered(value: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yields the entries with their indexes in the list, up to `MOST_ENTRIES`."""
    entries = value.get("entries")
    for at, entry in enumerate(entries[:MOST_ENTRIES] if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield at, entry
