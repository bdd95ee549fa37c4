"""Re-encodes the expressions in a zip of sprites, in a child process. Pure."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import IO

from webapp.base.untrusted_json import JsonObject, UnfitJson
from webapp.characters.cards.as_scene import drawn
from webapp.characters.cards.assets import MOST_SCENE_BYTES, MOST_SCENES, expression_name
from webapp.characters.cards.card_files import entry, opened

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


def pieces(file: IO[bytes]) -> Iterator[JsonObject]:
    """Yields each picture that can be decoded, the first of each name; folders in the zip don't matter."""
    try:
        packed = opened(file)
    except UnfitJson:
        return
    names = dict[str, str]()
    for info in packed.infolist():
        path = PurePosixPath(info.filename)
        if path.suffix.lower() in ENDINGS and not path.name.startswith(".") and (name := expression_name(path.stem)):
            names.setdefault(name, info.filename)
    # One more than a character can have: the zip is refused then.
    for name, at in list(names.items())[: MOST_SCENES + 1]:
        with suppress(UnfitJson):
            yield from drawn("expression", name, entry(packed, at, MOST_SCENE_BYTES))
