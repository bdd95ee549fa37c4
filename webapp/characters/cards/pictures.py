"""Detects supported pictures by their first bytes, never by a declared type or a file name. Pure."""

from dataclasses import dataclass

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
# JPEG markers without a segment, and the start-of-frame markers, whose segment holds the size.
ALONE = {0x01, *range(0xD0, 0xD9)}
MOST_MARKS = 2_000
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's media type, and its size in pixels."""

    media_type: str
    width: int
    height: int


def read(content: bytes) -> Picture | None:
    """Reads the format and size from a picture's header; None for anything but a PNG, JPEG or WebP."""
    return _png(content) or _jpeg(content) or _webp(content)


def _png(content: bytes) -> Picture | None:
    if not content.startswith(PNG) or content[12:16] != b"IHDR" or len(content) < 24:
        return None
    return Picture("image/png", int.from_bytes(content[16:20]), int.from_bytes(content[20:24]))


def _jpeg(content: bytes) -> Picture | None:
    at = 2 if content.startswith(JPEG) else len(content)
    for _ in range(MOST_MARKS):
        if at + 9 > len(content) or content[at] != 0xFF:
            break
        mark = content[at + 1]
        if mark in FRAMES:
            return Picture("image/jpeg", int.from_bytes(content[at + 7 : at + 9]), int.from_bytes(content[at + 5 : at + 7]))
        # A fill byte, a marker without a segment, or a segment with its length.
        at += 1 if mark == 0xFF else 2 if mark in ALONE else 2 + max(2, int.from_bytes(content[at + 2 : at + 4]))
    return None


def _webp(content: bytes) -> Picture | None:
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:
        return None
    width, height = {b"VP8 ": _lossy, b"VP8L": _lossless, b"VP8X": _extended}.get(content[12:16], _unknown)(content)
    return Picture("image/webp", width, height)


def _lossy(content: bytes) -> tuple[int, int]:
    return int.from_bytes(content[26:28], "little") & 0x3FFF, int.from_bytes(content[28:30], "little") & 0x3FFF


def _lossless(content: bytes) -> tuple[int, int]:
    bits = int.from_bytes(content[21:25], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _extended(content: bytes) -> tuple[int, int]:
    return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1


def _unknown(_content: bytes) -> tuple[int, int]:
    return 0, 0
