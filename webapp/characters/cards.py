"""Character cards, versions 1 to 3: what of them are fields of a character; all of a card is kept beside. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webapp.characters.macros import Names, spelled, unsupported
from webapp.foreign_json import Unfit, clean

TEXT_CHARS, DESCRIPTION_CHARS = 20_000, 100_000
NAME_CHARS = 120
MOST_TAGS, TAG_CHARS = 12, 40
MOST_GREETINGS, GREETINGS_CHARS = 20, 100_000
GREETINGS = ("alternate_greetings", "group_only_greetings")
V1_FIELDS = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
# What older cards keep beside the description, and what stands above it in ours.
PARTS = (("personality", "Personality"), ("scenario", "Scenario"), ("mes_example", "Example dialogue"))
# Ours, and what cards call the same.
NAMES = {
    "name": "name",
    "description": "description",
    "system_prompt": "system_prompt",
    "post_history_prompt": "post_history_instructions",
    "greeting": "first_mes",
    "tags": "tags",
}
# What texts can ask for, by its macro, and what cards call it.
ASKED = {
    "description": "description",
    "personality": "personality",
    "scenario": "scenario",
    "mesexamples": "mes_example",
    "mesexamplesraw": "mes_example",
    "charcreatornotes": "creator_notes",
    "charversion": "character_version",
}
# Whoever has changed the description has changed these, which are in it.
OF_DESCRIPTION = ("personality", "scenario", "mesexamples", "mesexamplesraw")
MOST_NAMED = 10
# What Pygmalion's cards call the fields of the first version.
PYGMALION = {
    "char_name": "name",
    "char_persona": "description",
    "char_greeting": "first_mes",
    "example_dialogue": "mes_example",
    "world_scenario": "scenario",
}
NEWEST = 3.0
LINE_END = re.compile(r"\r+\n")
NEWER = "It's from a newer version of character cards: what this version doesn't know is kept in the card, but isn't used."
NO_CARD = "It isn't a character card."


class BadCard(Unfit):
    """The file holds no card that can be taken."""


def mapped(card: Any) -> dict[str, Any]:
    """The fields of a character from a card, the card itself, and sentences about what was left out."""
    card = _in_version_1(card)
    data = data_of(card)
    if not any(_text(data, each) for each in V1_FIELDS[1:]):
        raise BadCard("It's a lorebook: import it under Lorebooks." if is_lorebook(card) else NO_CARD)
    return {**fields_of(card), "card": card, "notes": _notes(card)}


def _in_version_1(card: Any) -> Any:
    """A card of Pygmalion with the names that others give its fields; any other as it is."""
    if not isinstance(card, dict) or "spec" in card or not any(name in card for name in PYGMALION):
        return card
    # Some programs write both.
    ours = {name: card.get(name) or card[theirs] for theirs, name in PYGMALION.items() if theirs in card}
    return {name: value for name, value in card.items() if name not in PYGMALION} | ours


def data_of(card: Any) -> dict[str, Any]:
    """Where the texts of a card are: below `data`, or, in the first version, at its top."""
    if not isinstance(card, dict):
        return {}
    data = card.get("data")
    return data if isinstance(data, dict) and "spec" in card else card


def is_lorebook(card: Any) -> bool:
    return isinstance(card, dict) and (card.get("spec") == "lorebook_v3" or "entries" in card)


def fields_of(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a character says that comes from this card."""
    data = data_of(card)
    nickname = _name(data, "nickname")
    return {
        "name": _name(data, "name") or "Unnamed character",
        "description": description_of(data),
        "system_prompt": _spoken(_text(data, "system_prompt"), nickname),
        "post_history_prompt": _spoken(_text(data, "post_history_instructions"), nickname),
        "greeting": _spoken(_text(data, "first_mes"), nickname),
        "tags": _tags(data.get("tags")),
    }


def nickname_of(card: Mapping[str, Any]) -> str:
    return _name(data_of(card), "nickname")


def description_of(data: Mapping[str, Any]) -> str:
    """The description with the parts that have no field of their own; of one that is too long its examples are left out."""
    whole = _joined(data, PARTS)
    return whole if len(whole) <= DESCRIPTION_CHARS else _joined(data, PARTS[:-1])


def is_description_of(data: Mapping[str, Any], description: str) -> bool:
    """Whether nobody has changed it since it was read from there."""
    whole = _joined(data, PARTS)
    # Once, examples were left out of whatever was longer than any text may be.
    return description == description_of(data) or (len(whole) > TEXT_CHARS and description == _joined(data, PARTS[:-1]))


def asked_of(card: Mapping[str, Any], description: str) -> dict[str, str]:
    """What the texts of a character can ask for of its card; a description that was changed holds the parts that it had."""
    data = data_of(card)
    nickname, is_changed = _name(data, "nickname"), not is_description_of(data, description)
    found = {name: _spoken(_text(data, theirs), nickname) for name, theirs in ASKED.items()}
    return found | dict.fromkeys(OF_DESCRIPTION, "") | {"description": description} if is_changed else found


def notes_of(card: Mapping[str, Any]) -> tuple[str, str]:
    """What its creator says to those who play with it, and who that is."""
    data = data_of(card)
    return _spoken(_text(data, "creator_notes"), ""), _name(data, "creator")


def other_greetings(card: Mapping[str, Any]) -> list[str]:
    """Further first messages, as many as a chat begins with."""
    return greetings_in(card, "alternate_greetings")


def group_greetings(card: Mapping[str, Any]) -> list[str]:
    """First messages for chats with several characters alone."""
    return greetings_in(card, "group_only_greetings")


def greetings_in(card: Mapping[str, Any], named: str) -> list[str]:
    """One of the lists of greetings that a card has, as far as it is used."""
    return list(_greetings(card, named).values())


def with_greetings(card: dict[str, Any], lists: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The card with these greetings; each that it has already stands there as it was, and so do those that aren't used."""
    for named, texts in lists.items():
        card = _with_greetings(card, named, texts)
    return card


def _with_greetings(card: dict[str, Any], named: str, texts: Sequence[str]) -> dict[str, Any]:
    data, before = data_of(card), _greetings(card, named)
    if list(texts) == list(before.values()):
        return card
    values = found if isinstance(found := data.get(named), list) else []
    same = {text: values[at] for at, text in before.items()}
    kept = [each for at, each in enumerate(values) if at not in before]
    greetings = {named: [*(same.get(text, text) for text in texts), *kept]}
    return {**card, **greetings} if data is card else {**card, "data": {**data, **greetings}}


def _greetings(card: Mapping[str, Any], named: str) -> dict[int, str]:
    """By their places in the list of the card."""
    data = data_of(card)
    values, nickname = data.get(named), _name(data, "nickname")
    found, left = dict[int, str](), GREETINGS_CHARS
    for at, each in enumerate(values if isinstance(values, list) else []):
        # A nickname can make a text many times as long: what is past the bound is not even looked at.
        if left < 0 or len(found) == MOST_GREETINGS or len(cleaned := clean(each).strip()) > GREETINGS_CHARS:
            break
        text = _spoken(cleaned, nickname)
        left -= len(text)
        if text and len(text) <= TEXT_CHARS and left >= 0:
            found[at] = text
    return found


def _joined(data: Mapping[str, Any], parts: tuple[tuple[str, str], ...]) -> str:
    more = (f"{title}:\n{text}" for name, title in parts if (text := _text(data, name)))
    return _spoken("\n\n".join(filter(None, (_text(data, "description"), *more))), _name(data, "nickname"))


def _tags(values: Any) -> list[str]:
    texts = (each for each in values if isinstance(each, str)) if isinstance(values, list) else ()
    named = (" ".join(tag.split()).lower() for each in texts for tag in each.split(","))
    return list(dict.fromkeys(tag for tag in named if 0 < len(tag) <= TAG_CHARS and tag.isprintable()))[:MOST_TAGS]


def _notes(card: Mapping[str, Any]) -> list[str]:
    data, notes = data_of(card), list[str]()
    if _is_newer(card):
        notes.append(NEWER)
    if _text(data, "mes_example") and description_of(data) != _joined(data, PARTS):
        notes.append("Its example dialogue doesn't fit into the description and was left out of it.")
    if _has_scripts(data):
        notes.append("Its regex scripts are kept in the card, but aren't used.")
    if macros := unsupported(_texts(data)):
        notes.append(f"Macros that aren't supported stay as written: {_listed(macros)}.")
    return notes


def _has_scripts(data: Mapping[str, Any]) -> bool:
    extensions = data.get("extensions")
    return isinstance(extensions, dict) and bool(extensions.get("regex_scripts"))


def _texts(data: Mapping[str, Any]) -> Iterator[str]:
    """What a card says in its chats."""
    yield from (_text(data, name) for name in (*V1_FIELDS, "system_prompt", "post_history_instructions"))
    greetings = data.get("alternate_greetings")
    yield from (each for each in greetings if isinstance(each, str)) if isinstance(greetings, list) else ()
    book = data.get("character_book")
    entries = book.get("entries") if isinstance(book, dict) else ()
    for entry in entries if isinstance(entries, list) else ():
        yield _text(entry, "content") if isinstance(entry, dict) else ""


def _listed(macros: list[str]) -> str:
    named = [f"{{{{{each}}}}}" for each in macros[:MOST_NAMED]]
    more = [f"{len(macros) - MOST_NAMED} more"] if len(macros) > MOST_NAMED else []
    *first, last = [*named, *more]
    return f"{', '.join(first)} and {last}" if first else last


def _is_newer(card: Mapping[str, Any]) -> bool:
    try:
        return float(card.get("spec_version", 0)) > NEWEST
    except (TypeError, ValueError):
        return False


def _name(data: Mapping[str, Any], name: str) -> str:
    words = "".join(each for each in _text(data, name) if each.isprintable() or each.isspace()).split()
    return " ".join(words)[:NAME_CHARS].strip()


def _text(data: Mapping[str, Any], name: str) -> str:
    return _as_stored(clean(data.get(name)))


def _as_stored(text: str) -> str:
    """Exactly as it is kept, as what differs from its card counts as changed by somebody."""
    return LINE_END.sub("\n", text).strip()


def _spoken(text: str, nickname: str) -> str:
    """With the names of the first cards in the spelling of ours, without the place of a prompt that no chat has.

    Somebody with a nickname goes by it wherever `{{char}}` stands: the third version of cards says so.
    """
    return _as_stored(Names(char=nickname).fill_names(spelled(text).replace("{{original}}", "")))
