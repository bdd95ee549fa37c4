"""The fields of a character that its card keeps: as they are edited, and back into the card without loss. Pure."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.characters.cards.card_files import LEAST, SPECS, USUAL
from webapp.characters.cards.cards import (
    PARTS,
    TEXT_CHARS,
    V1_FIELDS,
    data_of,
    fields_of,
    is_description_of,
    joined,
    line_in,
    text_in,
)
from webapp.characters.lore.entries import noted
from webapp.tools.names import KEY_CHARS, MOST_NAMED

# The texts that a character has as columns too, as they are sent: with the nickname in them, and the description with its parts.
COLUMNS = {
    "description": "description",
    "system_prompt": "system_prompt",
    "post_history_prompt": "post_history_instructions",
    "greeting": "first_mes",
}
OF_DESCRIPTION = {"personality": "personality", "scenario": "scenario", "example_dialogue": "mes_example"}
TEXTS = COLUMNS | OF_DESCRIPTION
LINES = {"nickname": "nickname", "creator": "creator", "version": "character_version"}
NOTE = ("character_note", "note_depth", "note_role")
OTHERS = (*LINES, *NOTE, "talkativeness", "tools", "preset_id")
# What is edited besides the columns.
MORE = (*OF_DESCRIPTION, *OTHERS)
USUALLY_TALKATIVE = 0.5
# Where a card keeps what only Millrace knows.
OURS = "millrace"
PRESET_ID = re.compile(r"[0-9a-z]{26}")


def kept_fields(card: Mapping[str, Any], columns: Mapping[str, str]) -> JsonObject:
    """Returns the texts and the other fields of a character with this card and these columns, as they are edited."""
    data, sent = data_of(card), fields_of(card)
    texts = {name: text_in(data, theirs) for name, theirs in TEXTS.items()}
    # What was edited by an earlier release, or is not from the card at all.
    texts |= {name: columns[name] for name in COLUMNS if columns[name] != sent[name] and name != "description"}
    if not is_description_of(data, columns["description"]):
        texts |= dict.fromkeys(OF_DESCRIPTION, "") | {"description": columns["description"]}
    extensions = dict_of(data.get("extensions"))
    note, insertion = noted(extensions.get("depth_prompt"), chars=TEXT_CHARS)
    return {
        **texts,
        **{name: line_in(data, theirs) for name, theirs in LINES.items()},
        **dict(zip(NOTE, (note, insertion.depth, insertion.role), strict=True)),
        "talkativeness": talkativeness_of(extensions.get("talkativeness")),
        "tools": tools_in(card),
        "preset_id": preset_in(card),
    }


def with_fields(card: JsonObject, fields: Mapping[str, Any]) -> tuple[JsonObject, dict[str, str]]:
    """Returns the card with these fields, and the columns of the character; a card that only columns need stays as it is."""
    before, has_texts = kept_fields(card, fields_of(card)), "spec" in card or any(name in card for name in V1_FIELDS)
    changed_others = [name for name in OTHERS if fields[name] != before[name]]
    if not has_texts and not changed_others and not any(fields[name] for name in OF_DESCRIPTION):
        return card, {name: fields[name] for name in COLUMNS}
    # The first version has no place for the others.
    if not has_texts or (changed_others and "spec" not in card):
        card = {"spec": SPECS[USUAL], "spec_version": f"{USUAL}.0", "data": {**LEAST[USUAL], **card}}
    data = {**data_of(card)}
    for name, theirs in (TEXTS | LINES).items():
        if fields[name] != before[name]:
            data[theirs] = fields[name]
    if extensions := _extensions(data, fields, changed_others):
        data["extensions"] = extensions
    written = {**card, "data": data} if "spec" in card else data
    sent = fields_of(written)
    return written, {name: sent[name] for name in COLUMNS}


def whole_description(fields: Mapping[str, Any]) -> str:
    """Returns the description with all of its parts, as it is sent."""
    return joined({theirs: fields[name] for name, theirs in (TEXTS | LINES).items()}, PARTS)


def tools_in(card: Mapping[str, Any]) -> list[str]:
    """Returns the keys of the tools that a card names."""
    keys = _ours(card).get("tools")
    texts = (key for key in keys[:MOST_NAMED] if isinstance(key, str)) if isinstance(keys, list) else ()
    return list(dict.fromkeys(key for key in texts if 0 < len(key) <= KEY_CHARS and key.isprintable()))


def preset_in(card: Mapping[str, Any]) -> str:
    """Returns the id of the preset that a card names; empty without one."""
    id = _ours(card).get("preset")
    return id if isinstance(id, str) and PRESET_ID.fullmatch(id) else ""


def talkativeness_of(value: Any) -> float:
    """Returns the talkativeness in a card, from 0 to 1; some programs write the number as a text."""
    try:
        weight = float(value if isinstance(value, int | float | str) else "")
    except ValueError:
        return USUALLY_TALKATIVE
    return min(1.0, max(0.0, weight)) if isfinite(weight) else USUALLY_TALKATIVE


def _extensions(data: Mapping[str, Any], fields: Mapping[str, Any], changed: list[str]) -> JsonObject:
    """Returns the extensions with the changed ones of these fields; empty if none has changed."""
    extensions, more = dict_of(data.get("extensions")), JsonObject()
    if not set(NOTE).isdisjoint(changed):
        note = {"prompt": fields["character_note"], "depth": fields["note_depth"], "role": fields["note_role"]}
        more["depth_prompt"] = {**dict_of(extensions.get("depth_prompt")), **note}
    if "talkativeness" in changed:
        # A text in some cards, which stays one.
        was_text = isinstance(extensions.get("talkativeness"), str)
        more["talkativeness"] = str(fields["talkativeness"]) if was_text else fields["talkativeness"]
    if ours := {name: fields[field] for field, name in (("tools", "tools"), ("preset_id", "preset")) if field in changed}:
        more[OURS] = {**dict_of(extensions.get(OURS)), **ours}
    return {**extensions, **more} if more else {}


def _ours(card: Mapping[str, Any]) -> JsonObject:
    return dict_of(dict_of(data_of(card).get("extensions")).get(OURS))
