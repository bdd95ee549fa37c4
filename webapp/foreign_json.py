"""JSON from strangers' files, bounded before it is read, as every database can keep it. Pure."""

import json
import math
from typing import Any

MOST_DEPTH = 40
# Objects, lists and their values: what costs time and memory is they, not text.
MARKS, MOST_MARKS = (b"[", b"{", b","), 100_000


class Unfit(ValueError):
    """The file cannot be taken; the text is a sentence for who has brought it."""


def value_of(text: bytes, *, what: str, otherwise: str, most_bytes: int) -> Any:
    """The value, or why it is not taken: `what` says what it is meant to be, `otherwise` is said of what is no JSON."""
    if len(text) > most_bytes:
        raise Unfit(f"{what} has more than {most_bytes // 1024 // 1024} MB of text.")
    if sum(map(text.count, MARKS)) > MOST_MARKS:
        raise Unfit(f"{what} has too many values.")
    try:
        return plain(json.loads(text, parse_constant=_refuse), what)
    except RecursionError as error:
        raise Unfit(f"{what} is nested too deeply.") from error
    except Unfit:
        raise
    except ValueError as error:
        raise Unfit(otherwise) from error


def plain(value: Any, what: str, depth: int = 0) -> Any:
    """The value as it can be kept: bounded in depth, with texts and numbers that every database can keep."""
    if depth > MOST_DEPTH:
        raise Unfit(f"{what} is nested too deeply.")
    if isinstance(value, dict):
        return {clean(name): plain(each, what, depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each, what, depth + 1) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise Unfit("One of its numbers is too large.")
    return clean(value) if isinstance(value, str) else value


def clean(value: Any) -> str:
    """A text that every database can keep; empty when it is none."""
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _refuse(name: str) -> None:
    raise ValueError(name)
