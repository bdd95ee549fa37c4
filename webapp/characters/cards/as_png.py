"""Re-encodes a picture as a PNG, in a child process. Pure."""

from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from typing import IO

from PIL import Image

MOST_SIDE = 1_024


def pieces(file: IO[bytes]) -> Iterator[str]:
    """Yields the PNG in base64, or nothing if the picture cannot be decoded."""
    try:
        yield b64encode(_drawn(file)).decode()
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, Image.DecompressionBombError):
        return


def _drawn(file: IO[bytes]) -> bytes:
    with Image.open(file, formats=("PNG", "JPEG", "WEBP")) as image:
        # Scales a JPEG down while decoding it, which saves the time and memory of the full size.
        image.draft("RGB", (MOST_SIDE, MOST_SIDE))
        bitmap = image.convert("RGBA" if image.mode in ("RGBA", "LA", "P") else "RGB")
    bitmap.thumbnail((MOST_SIDE, MOST_SIDE))
    bitmap.info = {}
    written = BytesIO()
    bitmap.save(written, "PNG")
    return written.getvalue()
