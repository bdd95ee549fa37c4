"""Parses untrusted JSON: checks its size before parsing, and makes every value storable in every database. Pure."""

import json
import math
from typing import Any

# An object of JSON whose names others have chosen: another program, a protocol, a file.
JsonObject = dict[str, Any]
MOST_DEPTH = 40
# Counts objects, lists and values: these cost time and memory, while the length of the text does not.
MARKS, MOST_MARKS = (b"[", b"{", b","), 100_000


def dict_of(value: Any) -> JsonObject:
    """Returns an object as it is, and an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """Returns a list as it is, and an empty one for any other value."""
    return value if isinstance(value, list) else []


class UnfitJson(ValueError):
    """The file was rejected; the message is a sentence for the person who uploaded it."""


def value_of(text: bytes, *, what: str, otherwise: str, most_bytes: int) -> Any:
    """Parses the text or raises `UnfitJson`; `what` names the file in errors, `otherwise` is the error for invalid JSON."""
    if len(text) > most_bytes:
        raise UnfitJson(f"{what} has more than {most_bytes // 1024 // 1024} MB of text.")
    if sum(map(text.count, MARKS)) > MOST_MARKS:
        raise UnfitJson(f"{what} has too many values.")
    try:
        return plain(json.loads(text, parse_constant=_refuse), what)
    except RecursionError as error:
        raise UnfitJson(f"{what} is nested too deeply.") from error
    except UnfitJson:
        raise
    except ValueError as error:
        raise UnfitJson(otherwise) from error


def plain(value: Any, what: str, depth: int = 0) -> Any:
    """Returns the value with storable strings; raises `UnfitJson` for deep nesting and for numbers that are not finite."""
    if depth > MOST_DEPTH:
        raise UnfitJson(f"{what} is nested too deeply.")
    if isinstance(value, dict):
        return {clean(name): plain(part, what, depth + 1) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part, what, depth + 1) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise UnfitJson("One of its numbers is too large.")
    return clean(value) if isinstance(value, str) else value


def clean(value: Any) -> str:
    """Replaces the characters of a string that a database cannot store; returns an empty string for any other type."""
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _refuse(name: str) -> None:
    raise ValueError(name)
