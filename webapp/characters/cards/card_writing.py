"""Writes a character as a card: the one it was imported from, with later changes, or in another version of the format. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from webapp.characters.cards.card_tags import is_tags_in
from webapp.characters.cards.cards import NAMES, PARTS, V1_FIELDS, data_of, fields_of, is_description_of

Version = Literal["1", "2", "3"]
# For characters that were created in Millrace: every program reads version 2.
USUAL: Version = "2"
SPECS: dict[Version, str] = {"2": "chara_card_v2", "3": "chara_card_v3"}
TEXTS = (*V1_FIELDS, "creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version")
# Fields that a card must have.
IN_BOTH: dict[str, Any] = {**dict.fromkeys(TEXTS, ""), "alternate_greetings": [], "tags": [], "extensions": {}}
LEAST: dict[Version, dict[str, Any]] = {"2": IN_BOTH, "3": {**IN_BOTH, "group_only_greetings": []}}


def written(fields: Mapping[str, Any], card: Mapping[str, Any], version: Version | None = None) -> dict[str, Any]:
    """Returns the card of a character with these fields, in the version of `card` unless another is requested.

    A field that was not edited keeps the card's original text, because importing normalizes texts; unknown fields are kept.
    """
    data, came_in = {**data_of(card), **_changed(fields, card)}, _version_of(card)
    version = version or came_in or USUAL
    if version == came_in:
        return {**card, "data": data} if "spec" in card else data
    if version == "1":
        return {name: data.get(name, "") for name in V1_FIELDS}
    around = {name: value for name, value in card.items() if "spec" in card and name != "data"}
    return {**around, "spec": SPECS[version], "spec_version": f"{version}.0", "data": {**LEAST[version], **data}}


def as_bytes(card: Mapping[str, Any]) -> bytes:
    return json.dumps(card, ensure_ascii=False, indent=2).encode()


def _changed(fields: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields in which the character differs from its card, by the card's names."""
    before = fields_of(card)
    if is_description_of(data_of(card), fields["description"]):
        before["description"] = fields["description"]
    if is_tags_in(data_of(card).get("tags"), fields["tags"]):
        before["tags"] = fields["tags"]
    changed = {theirs: fields[ours] for ours, theirs in NAMES.items() if fields[ours] != before[ours]}
    # An edited description already contains these parts, so the card would state them twice.
    return changed | (dict.fromkeys((name for name, _ in PARTS), "") if "description" in changed else {})


def _version_of(card: Mapping[str, Any]) -> Version | None:
    """Returns the version of a card: the first one has no `spec`, and a character created in Millrace has no version."""
    if "spec" in card:
        return "2" if card["spec"] == SPECS["2"] else "3"
    return "1" if any(name in card for name in V1_FIELDS) else None
