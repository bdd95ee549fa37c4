"""Preferences as programs send them: values for a type's fields, and what has no field, which the model gets as text. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webapp.base.untrusted_json import JsonObject
from webapp.plans.types.schema import Schema, kind_of
from webapp.streaming.characters import Characters

# What belongs to no field is part of every request to the model, so it stays about as long as the fields themselves.
MOST, MOST_NAME_CHARS, MOST_CHARS, DEEPEST = 20, 80, 1_000, 4


@dataclass(slots=True)
class Preferences:
    """`known` are the values of fields, `others` the texts without one; `warnings` says what became of these."""

    known: JsonObject = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def sorted_preferences(values: Mapping[str, Any], schema: Schema) -> Preferences:
    """Sorts preferences by the schema of a type's inputs. Names that it lacks, and choices that it doesn't offer, are others."""
    preferences, fields, left_out = Preferences(), schema.get("properties", {}), 0
    for name, value in values.items():
        field_value, other = _split(value, fields[name]) if name in fields else (None, value)
        if field_value is not None:
            preferences.known[name] = field_value
        if other is None:
            continue
        if len(preferences.others) == MOST:
            left_out += 1
        else:
            preferences.warnings.append(_add(preferences.others, name, other, has_field=name in fields))
    if left_out:
        preferences.warnings.append(f"{left_out} more unknown preferences were left out: the limit is {MOST}.")
    return preferences


def _split(value: Any, part: Schema) -> tuple[Any, Any]:
    """Returns the part of a value that its field takes, and the choices that the field doesn't offer; None for neither."""
    items = part.get("items", {})
    if isinstance(value, str) and "enum" in part and value not in part["enum"]:
        return None, value
    if isinstance(value, list) and kind_of(part) == "array" and "enum" in items:
        offered: list[Any] = []
        unknown: list[str] = []
        for choice in value:
            (unknown if isinstance(choice, str) and choice not in items["enum"] else offered).append(choice)
        return offered, ", ".join(unknown) if unknown else None
    return value, None


def _add(others: dict[str, str], name: str, value: Any, *, has_field: bool) -> str:
    """Adds a preference as text, and returns the sentence about it."""
    name = Characters().clean(name[:MOST_NAME_CHARS])
    if _is_deeper(value, DEEPEST):
        return f"“{name}” was left out: it is nested more than {DEEPEST} levels deep."
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    others[name] = Characters().clean(text[:MOST_CHARS])
    why = f"The choices of “{name}” don't include this value" if has_field else f"“{name}” isn't a field of this plan type"
    cut = f" It was shortened to {MOST_CHARS:,} characters." if len(text) > MOST_CHARS else ""
    return f"{why}, so the model gets it as text.{cut}"


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    return levels == 0 or any(_is_deeper(nested, levels - 1) for nested in (value.values() if isinstance(value, dict) else value))
