"""Parses an uploaded file into chats, one after the other, within limits. Pure."""

import json
import re
from collections.abc import Callable, Iterator
from typing import IO, Any
from zipfile import ZipFile

from webapp.base.heavy import zips
from webapp.chat.exchange.imports import MOST_BYTES, chatgpt, claude, openwebui, own, roleplay
from webapp.chat.exchange.imports.filed import BadFile, FiledChat, fields, line

MOST_UNPACKED_BYTES = 200 * 1024 * 1024
MOST_CHATS = 20_000
TITLE_CHARS = 80
MOST_HTML_CHARS = 4_000_000
# Limits how many JSON values one text can have: real exports have one per 30 bytes, and each takes up to 200 bytes of memory.
MARKS = (b"[", b"{", b",")
MOST_MARKS = 3_000_000
DAMAGED = "The archive is damaged or password-protected."
UNKNOWN = (
    "It doesn't contain chats. Choose a Millrace export, the conversations.json of ChatGPT or Claude, "
    "or a chat export of Open WebUI or SillyTavern."
)
BLANK = re.compile("[ \t\r\n\ufeff]*")
PARSERS: tuple[tuple[Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], FiledChat]], ...] = (
    (own.is_own, own.parse),
    (chatgpt.is_one, chatgpt.parse),
    (claude.is_one, claude.parse),
    (openwebui.is_one, openwebui.parse),
    (roleplay.is_one, roleplay.parse),
)


def values_in(file: IO[bytes], *, most_bytes: int = MOST_BYTES) -> Iterator[dict[str, Any]]:
    """Yields each chat of the file as unparsed JSON; raises `BadFile` where the file becomes unreadable."""
    count = 0
    for text in _texts(file, most_bytes):
        for value in (each for element in _elements(text) for each in roleplay.several(fields(element))):
            count += 1
            if count > MOST_CHATS:
                raise BadFile(f"It contains more than {MOST_CHATS:,} chats.")
            yield value


def chat_of(value: dict[str, Any]) -> FiledChat:
    """Parses a chat in the format of any supported program."""
    for is_one, parse in PARSERS:
        if is_one(value):
            return parse(value)
    raise BadFile(UNKNOWN)


def title_of(value: dict[str, Any]) -> str:
    """Returns the title by which a person would recognize a chat that cannot be parsed."""
    return line(value.get("title") or value.get("name"), TITLE_CHARS) or line(fields(value.get("chat")).get("title"), TITLE_CHARS)


def _texts(file: IO[bytes], most_bytes: int) -> Iterator[str]:
    start = file.read(4)
    file.seek(0)
    if start == b"PK\x03\x04":
        yield from _unpacked(file, most_bytes)
    else:
        yield _text(file.read(most_bytes + 1), most_bytes)


def _unpacked(file: IO[bytes], most_bytes: int) -> Iterator[str]:
    """Yields the chat files of an archive. Names only decide what to read: nothing is written to disk."""
    try:
        with zips.opened(file) as archive:
            yield from _members(archive, most_bytes)
    except BadFile:
        raise
    except zips.TooMany as error:
        raise BadFile("The archive's list of files is too long.") from error
    except zips.FAULTS as error:
        raise BadFile(DAMAGED) from error


def _members(archive: ZipFile, most_bytes: int) -> Iterator[str]:
    found = [each for each in archive.infolist() if _is_chats(each.filename)]
    if not found:
        raise BadFile("The archive contains no chats.")
    if any(each.compress_type not in zips.PACKED for each in found):
        raise BadFile("The archive uses an unsupported compression method. Save it as a standard zip file.")
    left = MOST_UNPACKED_BYTES
    for each in found:
        with archive.open(each) as member:
            # The sizes in the archive's headers are not trusted.
            data = member.read(min(most_bytes, left) + 1)
        left -= len(data)
        if left < 0:
            raise BadFile("The archive is too large when unpacked.")
        yield _text(data, most_bytes)


def _is_chats(name: str) -> bool:
    folder, _, last = name.rpartition("/")
    is_ours = folder.rpartition("/")[2] == "chats" and last.endswith(".json")
    return is_ours or last.endswith(".jsonl") or (last.startswith("conversations") and last.endswith(".json"))


def _text(data: bytes, most_bytes: int) -> str:
    if len(data) > most_bytes:
        raise BadFile(f"It is larger than {most_bytes // 1024 // 1024} MB.")
    if sum(map(data.count, MARKS)) > MOST_MARKS:
        raise BadFile("It has too many values for a chat export.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadFile("It isn't UTF-8 text, as JSON files must be.") from error


def _elements(text: str) -> Iterator[Any]:
    """Yields the elements of a list, or a single value, parsing lazily so that other greenlets can run in between."""
    at = _after_blank(text, 0)
    if text[at : at + 1] != "[":
        value, at = _read(text, at)
        if text.startswith("{", _after_blank(text, at)):
            yield {roleplay.LINES: [value, *_lines(text, at)]}
            return
        yield value
    else:
        at = _after_blank(text, at + 1)
        while text[at : at + 1] != "]":
            value, at = _read(text, at)
            yield value
            at = _after_comma(text, at)
        at += 1
    if _after_blank(text, at) < len(text):
        raise BadFile("There is extra data after the end.")


def _lines(text: str, at: int) -> Iterator[Any]:
    """Yields the values after the first in a file of JSON lines."""
    while (at := _after_blank(text, at)) < len(text):
        value, at = _read(text, at)
        yield value


def _after_comma(text: str, at: int) -> int:
    at = _after_blank(text, at)
    if text[at : at + 1] == ",":
        return _after_blank(text, at + 1)
    if text[at : at + 1] != "]":
        raise BadFile("It is incomplete or isn't JSON.")
    return at


def _read(text: str, at: int) -> tuple[Any, int]:
    try:
        return _decoder.raw_decode(text, at)
    except RecursionError as error:
        raise BadFile("It is nested too deeply.") from error
    except ValueError as error:
        raise BadFile("It is incomplete or isn't JSON.") from error


def _after_blank(text: str, at: int) -> int:
    found = BLANK.match(text, at)
    return found.end() if found else at


def _refuse(name: str) -> None:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_constant=_refuse)
