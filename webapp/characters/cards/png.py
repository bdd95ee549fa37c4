"""Reads, filters and writes the chunks of a PNG, within limits. Pure."""

import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from webapp.characters.cards.card_writing import as_bytes
from webapp.characters.cards.cards import BadCard
from webapp.characters.cards.pictures import PNG

MOST_CHUNKS = 20_000
END = b"IEND"
# Metadata, which is removed from pictures.
TEXT_CHUNKS = {b"tEXt", b"zTXt", b"iTXt", b"eXIf"}


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yields each chunk up to the end of the picture: its type, its data, and all of its bytes."""
    at = len(PNG)
    for _ in range(MOST_CHUNKS):
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(content):
            raise BadCard("The picture is incomplete.")
        yield kind, content[at + 8 : end - 4], content[at:end]
        if kind == END:
            return
        at = end
    raise BadCard("The picture has too many parts.")


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def of(parts: Iterable[tuple[bytes, bytes, bytes]]) -> bytes:
    """Builds a PNG of these chunks, without its metadata."""
    return PNG + b"".join(whole for kind, _, whole in parts if kind not in TEXT_CHUNKS)


def with_cards(picture: bytes, cards: Mapping[bytes, Mapping[str, Any]]) -> bytes:
    """Returns the PNG with these cards as text chunks, each under its keyword."""
    texts = (chunk(b"tEXt", keyword + b"\0" + b64encode(as_bytes(card))) for keyword, card in cards.items())
    return b"".join([picture[: -len(LAST)], *texts, LAST])


LAST = chunk(END, b"")


def grey(width: int, height: int, shade: int) -> bytes:
    """Returns a PNG of a single shade of grey."""
    header = chunk(b"IHDR", width.to_bytes(4) + height.to_bytes(4) + bytes([8, 0, 0, 0, 0]))
    return PNG + header + chunk(b"IDAT", zlib.compress((b"\0" + bytes([shade]) * width) * height)) + LAST
