"""Parses lorebook files; runs in a child process. Pure."""

from collections.abc import Iterator
from typing import IO, Any

from webapp.base.untrusted_json import Unfit, value_of
from webapp.characters.lore.world_info import NO_BOOK, book_in

MOST_BYTES = 2 * 1024 * 1024


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the lorebook of a file, or the reason why it cannot be read."""
    try:
        value = value_of(file.read(MOST_BYTES + 1), what="The lorebook", otherwise=NO_BOOK, most_bytes=MOST_BYTES)
        yield {"book": book_in(value)}
    except Unfit as error:
        yield {"trouble": str(error)}
