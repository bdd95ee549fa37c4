"""Encodes the JSON of a request in pieces: a long chat is tens of megabytes, which would block for most of a second."""

import json
from collections.abc import Iterator
from typing import Any

from webapp.base.heavy.turns import TimeSlice, give_way

# About a millisecond's work.
PIECE_CHARS = 100_000
_encode = json.JSONEncoder(allow_nan=False).encode


def as_json(value: Any) -> bytearray:
    """Returns the same as `json.dumps`, encoded, while other greenlets run in between."""
    # One growing buffer: joining all pieces at the end would block as long as everything else is allowed to.
    content, time_slice = bytearray(), TimeSlice(give_way)
    for piece in _pieces(value):
        content += piece.encode()
        time_slice.check()
    return content


def _pieces(value: Any) -> Iterator[str]:
    if _chars(value) <= PIECE_CHARS:
        yield _encode(value)
    elif isinstance(value, str):
        yield '"'
        for start in range(0, len(value), PIECE_CHARS):
            yield _encode(value[start : start + PIECE_CHARS])[1:-1]
        yield '"'
    elif isinstance(value, dict):
        yield from _joined("{}", ((f"{_encode(key)}: ", part) for key, part in value.items()))
    else:
        yield from _joined("[]", (("", part) for part in value))


def _joined(brackets: str, items: Iterator[tuple[str, Any]]) -> Iterator[str]:
    yield brackets[0]
    for number, (before, part) in enumerate(items):
        yield f"{', ' if number else ''}{before}"
        yield from _pieces(part)
    yield brackets[1]


def _chars(value: Any) -> int:
    """Returns about how many characters have to be encoded."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_chars, value.values()))
    return sum(map(_chars, value)) if isinstance(value, list | tuple) else 1
