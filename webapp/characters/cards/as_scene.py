"""Re-encodes the pictures of a character's chats: one file, or those that a CHARX names, in a child process. Pure."""

from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Any

from PIL import Image

from webapp.characters.cards import card_files
from webapp.characters.cards.cards import BadCard

# By purpose: a background fills the window, an expression is shown next to the text.
MOST_SIDE = {"background": 1_920, "expression": 1_024}
MOST_PIXELS = 40_000_000
QUALITY = 82
FAULTS = (OSError, SyntaxError, ValueError, EOFError, TypeError, Image.DecompressionBombError)


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yields each picture that can be decoded; a file that is none yields nothing."""
    if file.read(len(card_files.ZIP)) != card_files.ZIP:
        file.seek(0)
        yield from _drawn("background", "", file.read(card_files.MOST_SCENE_BYTES + 1))
        return
    try:
        packed = card_files.opened(file)
        for scene in card_files.scenery_in(packed):
            yield from _drawn(scene.purpose, scene.name, card_files.entry(packed, scene.path, card_files.MOST_SCENE_BYTES))
    except BadCard:
        return


def _drawn(purpose: str, name: str, content: bytes) -> Iterator[dict[str, Any]]:
    if len(content) > card_files.MOST_SCENE_BYTES:
        return
    try:
        written = _written(content, MOST_SIDE[purpose])
    except FAULTS:
        return
    yield {"purpose": purpose, "name": name, "content": b64encode(written).decode()}


def _written(content: bytes, side: int) -> bytes:
    with Image.open(BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError("too many pixels")
        # Scales a JPEG down while decoding it.
        image.draft("RGB", (side, side))
        bitmap = image.convert("RGBA" if image.mode in ("RGBA", "LA", "P") else "RGB")
    bitmap.thumbnail((side, side))
    bitmap.info = {}
    file = BytesIO()
    bitmap.save(file, "WEBP", quality=QUALITY)
    return file.getvalue()
