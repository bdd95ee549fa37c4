"""Draws a character's own picture as small as it is shown next to a name, in a child process. Pure."""

from collections.abc import Iterator
from typing import IO

from webapp.base.untrusted_json import JsonObject
from webapp.characters.cards.as_scene import drawn
from webapp.characters.cards.card_files import MOST_PICTURE_BYTES


def pieces(file: IO[bytes]) -> Iterator[JsonObject]:
    """Yields the picture, or nothing if it can't be decoded."""
    yield from drawn("face", "", file.read(MOST_PICTURE_BYTES + 1))
