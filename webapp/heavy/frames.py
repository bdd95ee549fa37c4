"""Pieces of work on their way out of a child process: each its length and then its JSON. Pure."""

import json
from collections.abc import Iterator
from typing import IO, Any

LENGTH_BYTES = 4
# The one who reads them decodes each in one go.
MOST_BYTES = 16 * 1024 * 1024


class BadFrame(ValueError):
    """What arrived is not a piece, or is longer than a piece can be."""


def write(file: IO[bytes], value: Any) -> None:
    """Sends one piece at once."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    if len(body) > MOST_BYTES:
        raise BadFrame("A piece is too long.")
    file.write(len(body).to_bytes(LENGTH_BYTES))
    file.write(body)
    file.flush()


def read(file: IO[bytes]) -> Iterator[Any]:
    """The pieces until the other side ends; whoever reads them waits for each."""
    while head := file.read(LENGTH_BYTES):
        length = int.from_bytes(head)
        if len(head) < LENGTH_BYTES or length > MOST_BYTES:
            raise BadFrame("A piece has no proper length.")
        body = file.read(length)
        if len(body) < length:
            raise BadFrame("A piece was cut off.")
        yield json.loads(body)
