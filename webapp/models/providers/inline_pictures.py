"""Pictures inside the JSON of a reply: their data is decoded as it arrives, and never parsed as text. Pure.

To parse a line with a picture of ten megabytes takes a fifth of a second, during which all other answers wait.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from webapp.base.untrusted_json import dict_of
from webapp.models.providers.values import dicts_of

# Of one picture, and of all that wait to be read.
MOST_BYTES, MOST_WAITING_BYTES = 16 * 1024 * 1024, 48 * 1024 * 1024
# Of one reply: more than an answer keeps, so that it says so.
MOST_PICTURES = 11
MOST_RAW_BYTES = 64 * 1024
LONGEST_ADDRESS = 4_000
# At the start of a JSON string: within one, the quotation mark would be escaped.
BEGUN = re.compile(rb'(?<!\\)"data:image\\?/[^",\\]{1,60};base64,')
MARK, LONGEST_START = b";base64,", 90
HELD = re.compile(r"data:image/[^,]*;base64,held-(\d{1,4})")
# What JSON writes for a slash and for line ends.
ESCAPES = re.compile(rb"\\[nr]|\\(?=/)")
PARTS = {"image_url", "output_image", "image"}


class InlinePictures:
    """Takes the data of pictures out of the bytes of one reply, and keeps it until its parser asks for it.

    A text that begins like a picture is left as it is.
    """

    def __init__(self, *, is_on: bool = True) -> None:
        self._is_on = is_on
        self._recent, self._count, self._read, self._waiting_bytes = b"", 0, 0, 0
        self._pictures = dict[str, bytes | None]()
        # The picture that is arriving: what is decoded, and what is not yet. None between pictures.
        self._content: bytearray | None = None
        self._rest, self._is_broken = b"", False
        # As it came, if it is short.
        self._raw = bytearray()

    def feed(self, piece: bytes) -> bytes:
        """Returns the piece with names in place of data."""
        if not self._is_on:
            return piece
        if self._content is None and MARK not in self._recent + piece:
            self._recent = (self._recent + piece)[-LONGEST_START:]
            return piece
        return b"".join(self._taken(piece))

    def content_at(self, address: str) -> bytes | None:
        """Returns the picture that was named at this address, once; None if it was broken or too large."""
        name = HELD.fullmatch(address)
        content = self._pictures.pop(name[1], None) if name else None
        self._waiting_bytes -= len(content or b"")
        return content

    def may_be_read(self) -> bool:
        """Returns whether one more picture of this reply is read; counts it."""
        self._read += 1
        return self._read <= MOST_PICTURES

    def _taken(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            if self._content is not None:
                end = piece.find(b'"')
                self._decode(piece if end < 0 else piece[:end])
                if end < 0:
                    return
                yield self._finished()
                piece = piece[end:]
            seen, passed = self._recent + piece, len(self._recent)
            # What ends before this piece was judged with it.
            start = next((begun.end() - passed for begun in BEGUN.finditer(seen) if begun.end() > passed), 0)
            if not start:
                self._recent = seen[-LONGEST_START:]
                yield piece
                return
            yield piece[:start]
            piece, self._recent, self._content, self._rest, self._is_broken = piece[start:], b"", bytearray(), b"", False
            self._raw = bytearray()

    def _decode(self, data: bytes, *, is_last: bool = False) -> None:
        assert self._content is not None
        self._raw += data[: MOST_RAW_BYTES + 1 - len(self._raw)]
        data = self._rest + data
        # Half of an escape waits for its other half.
        cut = 0 if is_last else data.endswith(b"\\")
        whole = ESCAPES.sub(b"", data[: len(data) - cut]) if b"\\" in data else data[: len(data) - cut]
        size = len(whole) if is_last else len(whole) // 4 * 4
        self._rest = whole[size:] + data[len(data) - cut :]
        self._is_broken = self._is_broken or self._count >= MOST_PICTURES
        if self._is_broken:
            self._rest = b""
            return
        try:
            self._content += binascii.a2b_base64(whole[:size], strict_mode=True)
        except binascii.Error:
            self._is_broken = True
        if len(self._content) > min(MOST_BYTES, MOST_WAITING_BYTES - self._waiting_bytes):
            self._is_broken, self._content = True, bytearray()

    def _finished(self) -> bytes:
        assert self._content is not None
        self._decode(b"", is_last=True)
        name, raw = str(self._count), bytes(self._raw)
        if self._is_broken and len(raw) <= MOST_RAW_BYTES:
            self._content, self._recent = None, raw[-LONGEST_START:]
            return raw
        self._pictures[name] = content = None if self._is_broken else bytes(self._content)
        self._waiting_bytes += len(content or b"")
        self._content, self._count = None, self._count + 1
        return f"held-{name}".encode()


def addresses_in(message: Mapping[str, Any]) -> list[str]:
    """Returns the addresses of the pictures of a message, as OpenRouter, LiteLLM and others send them."""
    content = message.get("content")
    if isinstance(content, str):
        parts: list[Any] = [content] if is_picture(content) else []
    else:
        parts = [part for part in dicts_of(content) if part.get("type") in PARTS]
    if images := message.get("images"):
        parts += images if isinstance(images, list) else [images]
    if image := message.get("image"):
        parts.append(image)
    return [address for part in parts if (address := _address(part))][: 2 * MOST_PICTURES]


def is_picture(content: str) -> bool:
    """Returns whether a text is a picture and nothing else."""
    return content.startswith("data:image/") and HELD.fullmatch(content) is not None


def _address(part: Any) -> str:
    if not isinstance(part, str):
        part = part.get("image_url") or part if isinstance(part, dict) else ""
        part = dict_of(part).get("url") if not isinstance(part, str) else part
    return part if isinstance(part, str) and len(part) <= LONGEST_ADDRESS else ""
