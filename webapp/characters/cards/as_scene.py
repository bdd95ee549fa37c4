"""Re-encodes an uploaded picture of a character's chats, in a child process. Pure."""

from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from typing import IO

from PIL import Image

from webapp.base.untrusted_json import JsonObject
from webapp.characters.cards.assets import MOST_SCENE_BYTES

# By purpose: a background fills the window, an expression or a portrait is shown next to the text, a face next to a name.
MOST_SIDE = {"background": 1_920, "expression": 1_024, "portrait": 1_024, "face": 96}
MOST_PIXELS = 40_000_000
QUALITY = 82
# What we have written, and other programs might have, stays as it is, so that a picture can be exported and imported for ever.
MOST_KEPT_BYTES, PLAIN_CHUNKS = 1024 * 1024, {b"VP8 ", b"VP8X", b"ALPH"}
FAULTS = (OSError, SyntaxError, ValueError, EOFError, TypeError, Image.DecompressionBombError)


def pieces(file: IO[bytes]) -> Iterator[JsonObject]:
    """Yields the picture, or nothing if it can't be decoded."""
    yield from drawn("background", "", file.read(MOST_SCENE_BYTES + 1))


def drawn(purpose: str, name: str, content: bytes) -> Iterator[JsonObject]:
    if len(content) > MOST_SCENE_BYTES:
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
        fits = max(image.size) <= side and len(content) <= MOST_KEPT_BYTES
        bitmap = image.convert("RGBA" if image.mode in ("RGBA", "LA", "P") else "RGB")
    if fits and _is_plain_webp(content):
        return content
    bitmap.thumbnail((side, side))
    bitmap.info = {}
    file = BytesIO()
    bitmap.save(file, "WEBP", quality=QUALITY)
    return file.getvalue()


def _is_plain_webp(content: bytes) -> bool:
    """Returns whether it is a lossy WebP without metadata, movement, or anything after its end."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or int.from_bytes(content[4:8], "little") + 8 != len(content):
        return False
    at, kinds = 12, set[bytes]()
    while at + 8 <= len(content):
        kinds.add(content[at : at + 4])
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return at == len(content) and b"VP8 " in kinds and kinds <= PLAIN_CHUNKS
