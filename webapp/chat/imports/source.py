"""A file with chats, or an archive of such files, read as a stream within limits, chat by chat. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any
from zipfile import ZipFile

from webapp.base.heavy import zips
from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.chat.imports import MOST_BYTES, page, roleplay
from webapp.chat.imports.assets import Assets
from webapp.chat.imports.elements import (
    DECODER,
    EXTRA,
    MARKS,
    MOST_MARKS,
    NOT_JSON,
    NOT_UTF8,
    READ_BYTES,
    TOO_DEEP,
    TOO_MANY_VALUES,
    Element,
    TooMuch,
    elements,
    is_array,
    parsed,
)
from webapp.chat.imports.filed import BadFile

MOST_CHATS = 20_000
DAMAGED = "The archive is damaged or password-protected."
BLANK = re.compile("[ \t\r\n\ufeff]*")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a file: its texts together, unpacked, its chats, and the files in its archive."""

    unpacked_bytes: int
    chats: int
    entries: int


IN_ONE_REQUEST = Bounds(200 * 1024 * 1024, MOST_CHATS, zips.MOST_FILES)
IN_PIECES = Bounds(4 * 1024 * 1024 * 1024, 100_000, 50_000)


def at_most(most: int, values: Iterable[JsonObject]) -> Iterator[JsonObject]:
    """Yields these chats; raises `BadFile` if there are more."""
    for number, value in enumerate(values):
        if number >= most:
            raise BadFile(f"It contains more than {most:,} chats.")
        yield value


def values_of(text: str) -> Iterator[JsonObject]:
    """Yields each chat of a text, which is JSON, JSON lines or a page, as unparsed JSON."""
    if page.is_page(text):
        yield page.value(text)
    else:
        yield from (chat for element in _values(text) for chat in roleplay.several(dict_of(element)))


@dataclass
class Source:
    """A file with chats, or an archive of such files, read as a stream from the beginning as often as it is asked for."""

    file: IO[bytes]
    bounds: Bounds
    packed: ZipFile | None = None
    _bytes_left: int = 0

    def elements(self, *, are_counted: bool = False) -> Iterator[Element]:
        """Yields what has a chat each, unparsed; nothing of it, if they `are_counted`."""
        self._bytes_left = self.bounds.unpacked_bytes
        for stream in self._streams():
            head = stream.read(READ_BYTES)
            behind = _Behind(head, stream, self._take)
            if is_array(head):
                yield from elements(behind, 0 if are_counted else MOST_BYTES)
            elif are_counted:
                yield Element(b"", is_too_large=True)
            else:
                yield Element(_whole(behind), is_no_array=True)

    def assets(self) -> Assets:
        """Returns the files in the archive besides the chats."""
        others = (entry for entry in self.packed.infolist() if not _is_chats(entry.filename)) if self.packed else ()
        return Assets(self.packed, others)

    def _streams(self) -> Iterator[IO[bytes]]:
        if not self.packed:
            self.file.seek(0)
            yield self.file
            return
        members = [entry for entry in self.packed.infolist() if _is_chats(entry.filename)]
        if not members:
            raise BadFile("The archive contains no chats.")
        if any(entry.compress_type not in zips.PACKED for entry in members):
            raise BadFile("The archive uses an unsupported compression method. Save it as a standard zip file.")
        for entry in members:
            with self.packed.open(entry) as member:
                yield member

    def _take(self, count: int) -> None:
        # The sizes in the archive's headers are not trusted.
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise BadFile("The archive is too large when unpacked.")


class _Behind:
    """A stream whose beginning has been read already; `take` is told how much is read."""

    def __init__(self, head: bytes, stream: IO[bytes], take: Callable[[int], None]) -> None:
        self._head, self._stream, self._take = head, stream, take

    def read(self, size: int, /) -> bytes:
        part, self._head = self._head[:size] or self._stream.read(size), self._head[size:]
        self._take(len(part))
        return part


@contextmanager
def opened(file: IO[bytes], bounds: Bounds) -> Iterator[Source]:
    """Opens a file with chats. Names in an archive only decide what to read: nothing is written to disk."""
    file.seek(0)
    start = file.read(4)
    if start != b"PK\x03\x04":
        yield Source(file, bounds)
        return
    try:
        with zips.opened(file, bounds.entries) as packed:
            yield Source(file, bounds, packed)
    except BadFile:
        raise
    except zips.TooManyFiles as error:
        raise BadFile("The archive's list of files is too long.") from error
    except zips.FAULTS as error:
        raise BadFile(DAMAGED) from error


def _whole(stream: _Behind) -> bytes:
    parts, size = list[bytes](), 0
    while (part := stream.read(READ_BYTES)) and size <= MOST_BYTES:
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def values(element: Element) -> Iterator[JsonObject]:
    """Yields each chat of an element as unparsed JSON."""
    if element.is_no_array:
        yield from values_of(decoded_text(element.text, MOST_BYTES))
    elif element.is_too_large:
        raise TooMuch(f"It is larger than {MOST_BYTES // 1024 // 1024} MB.")
    else:
        yield from roleplay.several(dict_of(parsed(element.text)))


def _is_chats(name: str) -> bool:
    folder, _, last = name.rpartition("/")
    is_ours = folder.rpartition("/")[2] == "chats" and last.endswith(".json")
    return is_ours or last.endswith(".jsonl") or (last.startswith("conversations") and last.endswith(".json"))


def decoded_text(data: bytes, most_bytes: int) -> str:
    """Returns the text of a file; raises `BadFile` if it is too large, or has too many values to be parsed together."""
    if len(data) > most_bytes:
        raise BadFile(f"It is larger than {most_bytes // 1024 // 1024} MB.")
    if sum(map(data.count, MARKS)) > MOST_MARKS:
        raise BadFile(TOO_MANY_VALUES)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadFile(NOT_UTF8) from error


def _values(text: str) -> Iterator[Any]:
    """Yields the elements of a list, a single value, or the lines of a file of JSON lines as one."""
    at = _after_blank(text, 0)
    if text[at : at + 1] == "[":
        yield from (parsed(element.text) for element in elements(BytesIO(text[at:].encode("utf-8", "replace")), MOST_BYTES))
        return
    value, at = _value_at(text, at)
    if text.startswith("{", _after_blank(text, at)):
        yield {roleplay.LINES: [value, *_lines(text, at)]}
        return
    yield value
    if _after_blank(text, at) < len(text):
        raise BadFile(EXTRA)


def _lines(text: str, at: int) -> Iterator[Any]:
    """Yields the values after the first in a file of JSON lines."""
    while (at := _after_blank(text, at)) < len(text):
        value, at = _value_at(text, at)
        yield value


def _value_at(text: str, at: int) -> tuple[Any, int]:
    try:
        return DECODER.raw_decode(text, at)
    except RecursionError as error:
        raise BadFile(TOO_DEEP) from error
    except ValueError as error:
        raise BadFile(NOT_JSON) from error


def _after_blank(text: str, at: int) -> int:
    match = BLANK.match(text, at)
    return match.end() if match else at
