"""The wire format of a child process's results: each is its length, then its JSON. Pure."""

import json
from collections.abc import Iterator
from typing import IO, Any

# The kinds of frames that a child process sends.
FOUND, WHOLE, MEMORY, FAULT = "found", "whole", "memory", "fault"
LENGTH_BYTES = 4
# The parent decodes each frame in one go.
MOST_BYTES = 16 * 1024 * 1024


class BadFrame(ValueError):
    """The data is not a frame, or the frame is too long."""


def write(file: IO[bytes], value: Any) -> None:
    """Writes one frame and flushes it."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    if len(body) > MOST_BYTES:
        raise BadFrame("A piece is too long.")
    file.write(len(body).to_bytes(LENGTH_BYTES))
    file.write(body)
    file.flush()


def read(file: IO[bytes]) -> Iterator[Any]:
    """Yields the values until the other side closes; blocks for each."""
    while head := file.read(LENGTH_BYTES):
        length = int.from_bytes(head)
        if len(head) < LENGTH_BYTES or length > MOST_BYTES:
            raise BadFrame("A piece has no proper length.")
        body = file.read(length)
        if len(body) < length:
            raise BadFrame("A piece was cut off.")
        yield json.loads(body)
