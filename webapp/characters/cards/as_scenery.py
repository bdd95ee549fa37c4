"""Re-encodes the pictures of chats that a card file holds, in a child process. Pure."""

from collections.abc import Iterator
from typing import IO

from webapp.base.untrusted_json import JsonObject, UnfitJson
from webapp.characters.cards import assets, card_files
from webapp.characters.cards.as_scene import drawn


def pieces(file: IO[bytes]) -> Iterator[JsonObject]:
    """Yields each picture that can be decoded."""
    try:
        parts = card_files.parts_of(file)
        for scene in assets.scenery_in(parts.card, parts.files):
            yield from drawn(scene.purpose, scene.name, parts.files[scene.uri](assets.MOST_SCENE_BYTES))
    except UnfitJson:
        return
