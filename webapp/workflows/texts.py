"""Texts with places for answers, filled in one pass: what a person answered is never expanded again. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

PLACE = re.compile(r"\{\{\s*([a-z][a-z0-9_.]{0,80})\s*\}\}")
OF_A_PERSON = ("user.first_name", "user.name")
# One answer can stand in a text hundreds of times.
MOST_FILLED_CHARS = 20_000


def names_in(text: str) -> Iterator[str]:
    """What a text has places for."""
    return (found.group(1) for found in PLACE.finditer(text))


def is_sound(text: str) -> bool:
    """Whether every brace that opens a place belongs to one."""
    return "{{" not in PLACE.sub("", text)


def filled(text: str, values: Mapping[str, Any]) -> str:
    """What was not answered leaves its place empty; what becomes too long is cut."""
    whole = PLACE.sub(lambda found: shown(values.get(found.group(1))), text)
    return whole if len(whole) <= MOST_FILLED_CHARS else f"{whole[:MOST_FILLED_CHARS]}…"


def shown(value: Any) -> str:
    """An answer as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    # A file is known by its name.
    return str(value["name"]) if isinstance(value, dict) else str(value)
