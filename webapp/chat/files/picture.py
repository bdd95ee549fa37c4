"""Re-encodes a picture in a child process: upright, limited in size, without metadata. Pure."""

import struct
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Any

from PIL import ExifTags, Image, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MOST_SIDE, MOST_PIXELS = 2_000, 60_000_000
# A larger PNG is most likely a photograph, and is stored in another format.
MOST_PNG_BYTES = 3 * 1024 * 1024
QUALITY = 88
NOT_A_PICTURE = "This image is damaged, or isn't a PNG, JPEG, WebP or GIF."
TOO_MANY_PIXELS = f"This image has more than {MOST_PIXELS // 1_000_000} megapixels, which is the limit."
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow raises for damaged files.
FAULTS = (
    *(UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, TypeError, struct.error),
    Image.DecompressionBombError,
)


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the re-encoded picture, or the reason why it is refused."""
    try:
        yield _kept(file.read())
    except FAULTS:
        yield {"refused": NOT_A_PICTURE}


def _kept(raw: bytes) -> dict[str, Any]:
    with Image.open(BytesIO(raw), formats=FORMATS) as image:
        if image.width * image.height > MOST_PIXELS:
            return {"refused": TOO_MANY_PIXELS}
        # Scaling a JPEG down while decoding saves time and memory.
        image.draft("RGB", (MOST_SIDE, MOST_SIDE))
        is_drawn = image.format in ("PNG", "GIF")
        turn = _turn(image)
        upright = image.transpose(turn) if turn is not None else image
        is_clear = "A" in upright.getbands() or "transparency" in upright.info
        bitmap = upright.convert("RGBA" if is_clear else "RGB")
    bitmap.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.LANCZOS)
    bitmap.info = {}
    media_type, content = _written(bitmap, is_drawn=is_drawn, is_clear=is_clear)
    return {
        "media_type": media_type,
        "width": bitmap.width,
        "height": bitmap.height,
        "content": b64encode(content).decode(),
    }


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Returns the transposition that sets a picture upright; None if its EXIF data is missing or unreadable."""
    try:
        return TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except FAULTS:
        return None


def _written(image: Image.Image, *, is_drawn: bool, is_clear: bool) -> tuple[str, bytes]:
    if is_drawn or is_clear:
        content = _saved(image, "PNG")
        if len(content) <= MOST_PNG_BYTES:
            return "image/png", content
    if is_clear:
        return "image/webp", _saved(image, "WEBP", quality=QUALITY)
    return "image/jpeg", _saved(image, "JPEG", quality=QUALITY)


def _saved(image: Image.Image, kind: str, **how: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()
