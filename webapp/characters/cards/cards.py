"""Maps character cards, versions 1 to 3, to the fields of a character; the whole card is stored as well. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webapp.base.untrusted_json import JsonObject, UnfitJson, clean
from webapp.base.words import shortened
from webapp.characters.macros.macros import Names, spelled, unsupported
from webapp.characters.text_scripts import scripts_in

TEXT_CHARS, DESCRIPTION_CHARS = 20_000, 100_000
NAME_CHARS = 120
NOTE_CHARS = 20_000
MOST_GREETINGS, GREETINGS_CHARS = 20, 100_000
GREETINGS = ("alternate_greetings", "group_only_greetings")
V1_FIELDS = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
# Fields that older cards keep separate from the description, and the headings they get in our description.
PARTS = (("personality", "Personality"), ("scenario", "Scenario"), ("mes_example", "Example dialogue"))
# Our field names, and the card's names for the same fields.
NAMES = {
    "name": "name",
    "description": "description",
    "system_prompt": "system_prompt",
    "post_history_prompt": "post_history_instructions",
    "greeting": "first_mes",
    "tags": "tags",
}
# Macros that insert a field of the card, and the card's name for the field.
TEXT_FIELDS = {
    "description": "description",
    "personality": "personality",
    "scenario": "scenario",
    "mesexamples": "mes_example",
    "mesexamplesraw": "mes_example",
    "charcreatornotes": "creator_notes",
    "charversion": "character_version",
}
# These are part of our description, so editing it replaces them.
OF_DESCRIPTION = ("personality", "scenario", "mesexamples", "mesexamplesraw")
MOST_NAMED = 10
# How many text scripts of a card are tried.
MOST_CHECKED = 200
# Pygmalion's names for the fields of version 1.
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
MOST_TAGS, TAG_CHARS = 12, 40
# A note quotes one tag, and not all of it.
QUOTED_CHARS = 60


class BadCard(UnfitJson):
    """The file contains no usable card."""


def mapped(card: Any) -> JsonObject:
    """Returns the fields of a character from a card, the card itself, and sentences about what was left out."""
    card = _in_version_1(card)
    data = data_of(card)
    if not _is_card(card, data):
        raise BadCard("It's a lorebook: import it under Lorebooks." if is_lorebook(card) else NO_CARD)
    return {**fields_of(card), "card": card, "notes": _notes(card)}


def _is_card(card: Any, data: Mapping[str, Any]) -> bool:
    """Returns whether it has a text; a name is enough for what says that it is a card."""
    says_so = isinstance(card, dict) and clean(card.get("spec")).startswith("chara_card")
    return any(_text(data, field) for field in V1_FIELDS[0 if says_so else 1 :])


def _in_version_1(card: Any) -> Any:
    """Returns a Pygmalion card with the field names of version 1; any other card unchanged."""
    if not isinstance(card, dict) or "spec" in card or not any(name in card for name in PYGMALION):
        return card
    # Some programs write both names; a value under the version 1 name wins.
    ours = {name: card.get(name) or card[theirs] for theirs, name in PYGMALION.items() if theirs in card}
    return {name: value for name, value in card.items() if name not in PYGMALION} | ours


def data_of(card: Any) -> JsonObject:
    """Returns the object that holds a card's texts: `data`, or the card itself in version 1."""
    if not isinstance(card, dict):
        return {}
    data = card.get("data")
    return data if isinstance(data, dict) and "spec" in card else card


def is_lorebook(card: Any) -> bool:
    return isinstance(card, dict) and (card.get("spec") == "lorebook_v3" or "entries" in card)


def fields_of(card: Mapping[str, Any]) -> JsonObject:
    """Returns the fields of a character as imported from this card."""
    data = data_of(card)
    nickname = line_in(data, "nickname")
    return {
        "name": line_in(data, "name") or "Unnamed character",
        "description": description_of(data),
        "system_prompt": _spoken(_text(data, "system_prompt"), nickname),
        "post_history_prompt": _spoken(_text(data, "post_history_instructions"), nickname),
        "greeting": _spoken(_text(data, "first_mes"), nickname),
        "tags": tags_in(data.get("tags")),
    }


def nickname_of(card: Mapping[str, Any]) -> str:
    return line_in(data_of(card), "nickname")


def text_in(data: Mapping[str, Any], name: str) -> str:
    """Returns a text of a card as it is edited: with `{{char}}` where the nickname goes."""
    return _spoken(_text(data, name), "")


def description_of(data: Mapping[str, Any]) -> str:
    """Returns the description with the parts that have no field here; leaves out the example dialogue if it would be too long."""
    whole = joined(data, PARTS)
    return whole if len(whole) <= DESCRIPTION_CHARS else joined(data, PARTS[:-1])


def is_description_of(data: Mapping[str, Any], description: str) -> bool:
    """Returns whether the description is still the one that was imported from the card."""
    whole = joined(data, PARTS)
    # Imports by earlier releases left out the example dialogue above `TEXT_CHARS`.
    return description == description_of(data) or (len(whole) > TEXT_CHARS and description == joined(data, PARTS[:-1]))


def texts_for_macros(card: Mapping[str, Any], description: str) -> dict[str, str]:
    """Returns the values of the macros that insert a field of the card.

    If the description was edited, it already contains the other parts, so their macros are empty.
    """
    data = data_of(card)
    nickname, is_changed = line_in(data, "nickname"), not is_description_of(data, description)
    texts = {name: _spoken(_text(data, theirs), nickname) for name, theirs in TEXT_FIELDS.items()}
    return texts | dict.fromkeys(OF_DESCRIPTION, "") | {"description": description} if is_changed else texts


def notes_of(card: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the creator's notes for the people who use the card, and the creator's name."""
    data = data_of(card)
    return _spoken(_text(data, "creator_notes"), ""), line_in(data, "creator")


def with_note(card: JsonObject, note: str) -> JsonObject:
    """Returns the card with this note; an unchanged one keeps its original text."""
    if note == notes_of(card)[0]:
        return card
    data = data_of(card)
    changed = {"creator_notes": note}
    return {**card, **changed} if data is card else {**card, "data": {**data, **changed}}


def other_greetings(card: Mapping[str, Any]) -> list[str]:
    """Returns the alternate greetings, up to the number that a chat can offer."""
    return greetings_in(card, "alternate_greetings")


def group_greetings(card: Mapping[str, Any]) -> list[str]:
    """Returns the greetings for group chats only."""
    return greetings_in(card, "group_only_greetings")


def greetings_in(card: Mapping[str, Any], named: str) -> list[str]:
    """Returns one of the card's lists of greetings, without those that exceed the limits."""
    return list(_greetings(card, named).values())


def with_greetings(card: JsonObject, lists: Mapping[str, Sequence[str]]) -> JsonObject:
    """Returns the card with these greetings; unchanged ones keep their original text, and those over the limits are kept."""
    for named, texts in lists.items():
        card = _with_greetings(card, named, texts)
    return card


def _with_greetings(card: JsonObject, named: str, texts: Sequence[str]) -> JsonObject:
    data, before = data_of(card), _greetings(card, named)
    if list(texts) == list(before.values()):
        return card
    values = listed if isinstance(listed := data.get(named), list) else []
    same = {text: values[at] for at, text in before.items()}
    greetings_left = [value for at, value in enumerate(values) if at not in before]
    greetings = {named: [*(same.get(text, text) for text in texts), *greetings_left]}
    return {**card, **greetings} if data is card else {**card, "data": {**data, **greetings}}


def _greetings(card: Mapping[str, Any], named: str) -> dict[int, str]:
    """Returns the usable greetings by their index in the card's list."""
    data = data_of(card)
    values, nickname = data.get(named), line_in(data, "nickname")
    greetings, chars_left = dict[int, str](), GREETINGS_CHARS
    for at, value in enumerate(values if isinstance(values, list) else []):
        # Inserting a nickname can make a text many times as long, so texts past the limit are not processed at all.
        if chars_left < 0 or len(greetings) == MOST_GREETINGS or len(cleaned := clean(value).strip()) > GREETINGS_CHARS:
            break
        text = _spoken(cleaned, nickname)
        chars_left -= len(text)
        if text and len(text) <= TEXT_CHARS and chars_left >= 0:
            greetings[at] = text
    return greetings


def joined(data: Mapping[str, Any], parts: tuple[tuple[str, str], ...]) -> str:
    """Returns the description with these parts under their headings."""
    more = (f"{title}:\n{text}" for name, title in parts if (text := _text(data, name)))
    return _spoken("\n\n".join(filter(None, (_text(data, "description"), *more))), line_in(data, "nickname"))


def _notes(card: Mapping[str, Any]) -> list[str]:
    data, notes = data_of(card), list[str]()
    if _is_newer(card):
        notes.append(NEWER)
    if _text(data, "mes_example") and description_of(data) != joined(data, PARTS):
        notes.append("Its example dialogue doesn't fit into the description and was left out of it.")
    notes += tag_notes(data.get("tags"))
    notes += _script_notes(data)
    if macros := unsupported(_texts(data)):
        notes.append(f"Macros that aren't supported stay as written: {_listed(macros)}.")
    return notes


def _script_notes(data: Mapping[str, Any]) -> Iterator[str]:
    extensions = data.get("extensions")
    scripts = scripts_in(extensions.get("regex_scripts"))[:MOST_CHECKED] if isinstance(extensions, dict) else []
    if count := sum(bool(script.trouble) for script in scripts):
        what = "One of its text scripts" if count == 1 else f"{count} of its text scripts"
        yield f"{what} can't be used here, but {'is' if count == 1 else 'are'} kept. Its page says why."


def _texts(data: Mapping[str, Any]) -> Iterator[str]:
    """Yields the texts of a card that can reach the model."""
    yield from (_text(data, name) for name in (*V1_FIELDS, "system_prompt", "post_history_instructions"))
    greetings = data.get("alternate_greetings")
    yield from (greeting for greeting in greetings if isinstance(greeting, str)) if isinstance(greetings, list) else ()
    book = data.get("character_book")
    entries = book.get("entries") if isinstance(book, dict) else ()
    for entry in entries if isinstance(entries, list) else ():
        yield _text(entry, "content") if isinstance(entry, dict) else ""


def _listed(macros: list[str]) -> str:
    named = [f"{{{{{macro}}}}}" for macro in macros[:MOST_NAMED]]
    more = [f"{len(macros) - MOST_NAMED} more"] if len(macros) > MOST_NAMED else []
    *first, last = [*named, *more]
    return f"{', '.join(first)} and {last}" if first else last


def _is_newer(card: Mapping[str, Any]) -> bool:
    try:
        return float(card.get("spec_version", 0)) > NEWEST
    except (TypeError, ValueError):
        return False


def line_in(data: Mapping[str, Any], name: str) -> str:
    """Returns a name or another short text of a card."""
    words = "".join(sign for sign in _text(data, name) if sign.isprintable() or sign.isspace()).split()
    return " ".join(words)[:NAME_CHARS].strip()


def _text(data: Mapping[str, Any], name: str) -> str:
    return _as_stored(clean(data.get(name)))


def _as_stored(text: str) -> str:
    """Normalizes a text exactly as it is stored, because a field that differs from its card counts as edited."""
    return LINE_END.sub("\n", text).strip()


def _spoken(text: str, nickname: str) -> str:
    """Rewrites legacy names such as `<USER>` as macros, and removes `{{original}}`, which no chat has a prompt for.

    A nickname replaces every `{{char}}`, as version 3 of the specification requires.
    """
    return _as_stored(Names(char=nickname).fill_names(spelled(text).replace("{{original}}", "")))


def tags_in(values: Any) -> list[str]:
    """Returns the tags of a character with this card."""
    return list(dict.fromkeys(shortened(tag, TAG_CHARS) for tag in _written(values)))[:MOST_TAGS]


def is_tags_in(values: Any, tags: list[str]) -> bool:
    """Returns whether the tags are still those that were imported from the card."""
    # Earlier releases left out a tag that was too long or had a character that can't be printed.
    earlier = [tag for tag in _split(values) if 0 < len(tag) <= TAG_CHARS and tag.isprintable()]
    return tags in (tags_in(values), list(dict.fromkeys(earlier))[:MOST_TAGS])


def tag_notes(values: Any) -> list[str]:
    """Returns sentences about the tags that were shortened or left out."""
    tags, notes = list(dict.fromkeys(_written(values))), list[str]()
    if long := [tag for tag in tags[:MOST_TAGS] if len(tag) > TAG_CHARS]:
        notes.append(f"A tag can have {TAG_CHARS} characters. Shortened: {_quoted(long)}.")
    if left_out := tags[MOST_TAGS:]:
        notes.append(f"A character can have {MOST_TAGS} tags. Left out: {_quoted(left_out)}.")
    return notes


def _written(values: Any) -> Iterator[str]:
    for text in _split(values):
        if tag := "".join(filter(str.isprintable, text)).strip():
            yield tag


def _split(values: Any) -> Iterator[str]:
    texts = (value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
    return (" ".join(tag.split()).lower() for text in texts for tag in text.split(","))


def _quoted(tags: list[str]) -> str:
    """Returns the first of these tags, shortened, and how many more there are."""
    tag, more = tags[0], f" and {len(tags) - 1} more" if tags[1:] else ""
    return f"“{tag if len(tag) <= QUOTED_CHARS else tag[: QUOTED_CHARS - 1].rstrip() + '…'}”{more}"
