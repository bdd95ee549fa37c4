"""Encodes the JSON of a request in pieces: a long chat is tens of megabytes, which would block for most of a second."""

import json
from collections.abc import Iterator
from time import monotonic
from typing import Any

import gevent

TURN_SECONDS, PAUSE_SECONDS = 0.01, 1e-6
# About a millisecond's work.
PIECE_CHARS = 100_000
_encode = json.JSONEncoder(allow_nan=False).encode


def as_json(value: Any) -> bytearray:
    """Returns the same as `json.dumps`, encoded, while other greenlets run in between."""
    # One growing buffer: joining all pieces at the end would block as long as everything else is allowed to.
    content, began = bytearray(), monotonic()
    for piece in _pieces(value):
        content += piece.encode()
        if monotonic() - began > TURN_SECONDS:
            gevent.sleep(PAUSE_SECONDS)
            began = monotonic()
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
        yield from _joined("{}", ((f"{_encode(key)}: ", each) for key, each in value.items()))
    else:
        yield from _joined("[]", (("", each) for each in value))


def _joined(brackets: str, items: Iterator[tuple[str, Any]]) -> Iterator[str]:
    yield brackets[0]
    for number, (before, each) in enumerate(items):
        yield f"{', ' if number else ''}{before}"
        yield from _pieces(each)
    yield brackets[1]


def _chars(value: Any) -> int:
    """Returns about how many characters have to be encoded."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_chars, value.values()))
    return sum(map(_chars, value)) if isinstance(value, list | tuple) else 1
