"""Texts with placeholders, filled in a single pass, so that placeholders inside an answer are never expanded. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

PLACE = re.compile(r"\{\{\s*([a-z][a-z0-9_.]{0,80})\s*\}\}")
OF_A_PERSON = ("user.first_name", "user.name")
# A text can repeat one answer hundreds of times.
MOST_FILLED_CHARS = 20_000


def names_in(text: str) -> Iterator[str]:
    """Yields the names of a text's placeholders."""
    return (found.group(1) for found in PLACE.finditer(text))


def is_sound(text: str) -> bool:
    """Returns whether every `{{` begins a valid placeholder."""
    return "{{" not in PLACE.sub("", text)


def filled(text: str, values: Mapping[str, Any]) -> str:
    """Fills the placeholders of a text; one without a value becomes empty, and a result that is too long is cut."""
    whole = PLACE.sub(lambda found: shown(values.get(found.group(1))), text)
    return whole if len(whole) <= MOST_FILLED_CHARS else f"{whole[:MOST_FILLED_CHARS]}…"


def shown(value: Any) -> str:
    """Returns a value as readable text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    # A file is shown by its name.
    return str(value["name"]) if isinstance(value, dict) else str(value)
