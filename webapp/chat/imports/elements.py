"""Cuts the elements of a JSON array out of a stream, each as bytes, so that no file is ever in memory as a whole. Pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from webapp.chat.imports.filed import BadFile

READ_BYTES = 1024 * 1024
# How much of an element that is too large is kept, to name it.
BEGINNING_BYTES = 4_096
# Limits how many JSON values one text can have: real exports have one per 30 bytes, and each takes up to 200 bytes of memory.
MARKS = (b"[", b"{", b",")
MOST_MARKS = 3_000_000
# More than the parser takes.
MOST_DEPTH = 10_000
NOT_JSON = "It is incomplete or isn't JSON."
TOO_MANY_VALUES, TOO_DEEP = "It has too many values for a chat export.", "It is nested too deeply."
NOT_UTF8 = "It isn't UTF-8 text, as JSON files must be."
EXTRA = "There is extra data after the end."
BLANK = b" \t\r\n"
BOM = b"\xef\xbb\xbf"
# Everything up to the next bracket outside of texts, and among the elements up to the next comma as well. A text that isn't whole
# yet is left out.
WITHIN = re.compile(rb'[^"{}\[\]]*(?:"[^"]*"[^"{}\[\]]*)*')
AMONG = re.compile(rb'[^"{}\[\],]*(?:"[^"]*"[^"{}\[\],]*)*')


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class TooMuch(BadFile):
    """One element takes too much to parse; those after it can be read."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element of an array, unparsed, or a file that `is_no_array`; only its beginning, if it `is_too_large`."""

    text: bytes
    is_too_large: bool = False
    is_no_array: bool = False


def is_array(beginning: bytes) -> bool:
    return beginning.removeprefix(BOM).lstrip(BLANK).startswith(b"[")


def elements(stream: Readable, most_bytes: int) -> Iterator[Element]:
    """Yields the elements of the array that a stream is; raises `BadFile` where it is none any longer."""
    cutter = ArrayCutter(most_bytes)
    while chunk := stream.read(READ_BYTES):
        yield from cutter.feed(chunk)
    cutter.end()


def parsed(text: bytes) -> Any:
    """Returns the value of a text; raises `TooMuch` for one that takes too much to parse, and `BadFile` for no JSON."""
    if sum(map(text.count, MARKS)) > MOST_MARKS:
        raise TooMuch(TOO_MANY_VALUES)
    try:
        return DECODER.decode(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadFile(NOT_UTF8) from error
    except RecursionError as error:
        raise TooMuch(TOO_DEEP) from error
    except ValueError as error:
        raise BadFile(NOT_JSON) from error


def _refuse(name: str) -> None:
    raise ValueError(name)


DECODER = json.JSONDecoder(parse_constant=_refuse)


class ArrayCutter:
    """Cuts an array that arrives in chunks; where they end makes no difference."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        # 0 before the array, 1 among its elements, more within one; -1 after it.
        self._depth = 0
        self._is_in_text = self._has_comma = False
        # A backslash whose character comes with the next chunk.
        self._held = b""
        self._parts, self._size = list[bytes](), 0

    def feed(self, chunk: bytes) -> Iterator[Element]:
        chunk = self._held + chunk
        self._held = b"\\" if (len(chunk) - len(chunk.rstrip(b"\\"))) % 2 else b""
        chunk = chunk.removesuffix(self._held)
        # Of the same length, without the quotation marks that end no text.
        marks = chunk.replace(rb"\\", b"__").replace(rb"\"", b"__")
        at = 0
        while at < len(chunk):
            start = at
            if self._depth <= 0:
                at = self._outside(chunk, at)
            elif self._is_in_text:
                end = marks.find(b'"', at)
                self._is_in_text, at = end < 0, end + 1 if end >= 0 else len(chunk)
                self._keep(chunk[start:at])
            else:
                at = (AMONG if self._depth == 1 else WITHIN).match(marks, at).end()  # type: ignore[union-attr]  # it always matches
                self._keep(chunk[start:at])
                yield from self._mark(chunk[at : at + 1])
                at += 1

    def end(self) -> None:
        if self._depth >= 0:
            raise BadFile(NOT_JSON)

    def _outside(self, chunk: bytes, at: int) -> int:
        rest = chunk[at:].lstrip(BLANK + BOM if self._depth == 0 else BLANK)
        if not rest:
            return len(chunk)
        if self._depth < 0:
            raise BadFile(EXTRA)
        if not rest.startswith(b"["):
            raise BadFile(NOT_JSON)
        self._depth = 1
        return len(chunk) - len(rest) + 1

    def _mark(self, mark: bytes) -> Iterator[Element]:
        """Takes what stops a search: a bracket, a comma among the elements, the beginning of a text, or nothing."""
        if not mark:
            return
        if mark == b'"':
            self._is_in_text = True
        elif mark in b"[{":
            self._depth += 1
            if self._depth > MOST_DEPTH:
                raise BadFile(TOO_DEEP)
        elif self._depth > 1:
            self._depth -= 1
        else:
            yield from self._ended(mark)
            return
        self._keep(mark)

    def _ended(self, mark: bytes) -> Iterator[Element]:
        text, is_too_large = b"".join(self._parts).rstrip(BLANK), self._size > self._most_bytes
        if mark == b"}" or (not text and (mark == b"," or self._has_comma)):
            raise BadFile(NOT_JSON)
        self._parts, self._size, self._has_comma = [], 0, mark == b","
        if mark == b"]":
            self._depth = -1
        if text:
            yield Element(text, is_too_large)

    def _keep(self, part: bytes) -> None:
        if not self._parts:
            part = part.lstrip(BLANK)
        if not part:
            return
        if self._size <= self._most_bytes < self._size + len(part):
            self._parts = [b"".join([*self._parts, part])[:BEGINNING_BYTES]]
        elif self._size <= self._most_bytes:
            self._parts.append(part)
        self._size += len(part)
