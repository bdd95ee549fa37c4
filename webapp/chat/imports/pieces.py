"""Parses an uploaded file within limits, into pieces that a child process sends and the server stores, chat by chat. Pure."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO, Any
from zipfile import ZipFile

from webapp.base.heavy import zips
from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.chat.files.reference import parted
from webapp.chat.imports import MOST_BYTES, chatgpt, claude, openwebui, own, page, roleplay
from webapp.chat.imports.filed import BadFile, FiledCall, FiledChat, FiledGeneration, FiledMessage, line
from webapp.chat.record.fields import FIELDS
from webapp.chat.record.seam_labels import seams_of
from webapp.rendering import markdown
from webapp.rendering.text import title

MOST_UNPACKED_BYTES = 200 * 1024 * 1024
MOST_CHATS = 20_000
TITLE_CHARS = 80
MOST_HTML_CHARS = 4_000_000
# Limits how many JSON values one text can have: real exports have one per 30 bytes, and each takes up to 200 bytes of memory.
MARKS = (b"[", b"{", b",")
MOST_MARKS = 3_000_000
DAMAGED = "The archive is damaged or password-protected."
UNKNOWN = (
    "It doesn't contain chats. Choose a Millrace export or a saved page of a link, the conversations.json of ChatGPT or Claude, "
    "or a chat export of Open WebUI or SillyTavern."
)
BLANK = re.compile("[ \t\r\n\ufeff]*")
PARSERS: tuple[tuple[Callable[[JsonObject], bool], Callable[[JsonObject], FiledChat]], ...] = (
    (own.is_own, own.parse),
    (page.is_one, page.parse),
    (chatgpt.is_one, chatgpt.parse),
    (claude.is_one, claude.parse),
    (openwebui.is_one, openwebui.parse),
    (roleplay.is_one, roleplay.parse),
)
MOST_ROWS = 100
MOST_CHARS = 200_000
# Limits for rendering, in seconds of CPU time: for one message, and for a whole file. The remaining messages are rendered when
# they are first shown.
MESSAGE_SECONDS, FILE_SECONDS = 2.0, 60.0
FED_CHARS = 16_384
MOMENTS = (
    *("created_at", "changed_at", "pinned_at", "archived_at", "started_at", "first_text_at", "ended_at"),
    *("asked_at", "decided_at"),
)
# A title is made from the beginning of a message.
BEGINNING_CHARS = 2_000


def values_in(file: IO[bytes], *, most_bytes: int = MOST_BYTES) -> Iterator[JsonObject]:
    """Yields each chat of the file as unparsed JSON; raises `BadFile` where the file becomes unreadable."""
    return at_most(MOST_CHATS, (value for text in _texts(file, most_bytes) for value in values_of(text)))


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
        yield from (chat for element in _elements(text) for chat in roleplay.several(dict_of(element)))


def chat_of(value: JsonObject) -> FiledChat:
    """Parses a chat in the format of any supported program."""
    for is_one, parse in PARSERS:
        if is_one(value):
            return parse(value)
    raise BadFile(UNKNOWN)


def title_of(value: JsonObject) -> str:
    """Returns the title by which a person would recognize a chat that cannot be parsed."""
    return line(value.get("title") or value.get("name"), TITLE_CHARS) or line(
        dict_of(value.get("chat")).get("title"), TITLE_CHARS
    )


def _texts(file: IO[bytes], most_bytes: int) -> Iterator[str]:
    start = file.read(4)
    file.seek(0)
    if start == b"PK\x03\x04":
        yield from _unpacked(file, most_bytes)
    else:
        yield decoded_text(file.read(most_bytes + 1), most_bytes)


def _unpacked(file: IO[bytes], most_bytes: int) -> Iterator[str]:
    """Yields the chat files of an archive. Names only decide what to read: nothing is written to disk."""
    try:
        with zips.opened(file) as archive:
            yield from _members(archive, most_bytes)
    except BadFile:
        raise
    except zips.TooManyFiles as error:
        raise BadFile("The archive's list of files is too long.") from error
    except zips.FAULTS as error:
        raise BadFile(DAMAGED) from error


def _members(archive: ZipFile, most_bytes: int) -> Iterator[str]:
    members = [entry for entry in archive.infolist() if _is_chats(entry.filename)]
    if not members:
        raise BadFile("The archive contains no chats.")
    if any(entry.compress_type not in zips.PACKED for entry in members):
        raise BadFile("The archive uses an unsupported compression method. Save it as a standard zip file.")
    bytes_left = MOST_UNPACKED_BYTES
    for entry in members:
        with archive.open(entry) as member:
            # The sizes in the archive's headers are not trusted.
            data = member.read(min(most_bytes, bytes_left) + 1)
        bytes_left -= len(data)
        if bytes_left < 0:
            raise BadFile("The archive is too large when unpacked.")
        yield decoded_text(data, most_bytes)


def _is_chats(name: str) -> bool:
    folder, _, last = name.rpartition("/")
    is_ours = folder.rpartition("/")[2] == "chats" and last.endswith(".json")
    return is_ours or last.endswith(".jsonl") or (last.startswith("conversations") and last.endswith(".json"))


def decoded_text(data: bytes, most_bytes: int) -> str:
    """Returns the text of a file; raises `BadFile` if it is too large, or has too many values to be parsed together."""
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
        value, at = _value_at(text, at)
        if text.startswith("{", _after_blank(text, at)):
            yield {roleplay.LINES: [value, *_lines(text, at)]}
            return
        yield value
    else:
        at = _after_blank(text, at + 1)
        while text[at : at + 1] != "]":
            value, at = _value_at(text, at)
            yield value
            at = _after_comma(text, at)
        at += 1
    if _after_blank(text, at) < len(text):
        raise BadFile("There is extra data after the end.")


def _lines(text: str, at: int) -> Iterator[Any]:
    """Yields the values after the first in a file of JSON lines."""
    while (at := _after_blank(text, at)) < len(text):
        value, at = _value_at(text, at)
        yield value


def _after_comma(text: str, at: int) -> int:
    at = _after_blank(text, at)
    if text[at : at + 1] == ",":
        return _after_blank(text, at + 1)
    if text[at : at + 1] != "]":
        raise BadFile("It is incomplete or isn't JSON.")
    return at


def _value_at(text: str, at: int) -> tuple[Any, int]:
    try:
        return _decoder.raw_decode(text, at)
    except RecursionError as error:
        raise BadFile("It is nested too deeply.") from error
    except ValueError as error:
        raise BadFile("It is incomplete or isn't JSON.") from error


def _after_blank(text: str, at: int) -> int:
    match = BLANK.match(text, at)
    return match.end() if match else at


def _refuse(name: str) -> None:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_constant=_refuse)


@dataclass(frozen=True, slots=True)
class Head:
    """A chat whose messages follow in later pieces; `chat.messages` is empty."""

    chat: FiledChat
    count: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message with its HTML; version 0 means that it has not been rendered."""

    message: FiledMessage
    html: str
    version: int


@dataclass(frozen=True, slots=True)
class RefusedChat:
    title: str
    reason: str


Piece = Head | list[Rendered] | RefusedChat


def pieces(file: IO[bytes], now: Callable[[], float] = time.process_time) -> Iterator[JsonObject]:
    """Yields the file's contents as serialized pieces, which `read` turns back into objects."""
    renderer = Renderer(now)
    try:
        for value in values_in(file):
            yield from pieces_of(value, renderer)
    except BadFile as error:
        yield {"trouble": str(error)}


def read(piece: JsonObject) -> Piece:
    """Deserializes a piece; raises `BadFile` for the one that reports why reading the file stopped."""
    if "trouble" in piece:
        raise BadFile(piece["trouble"])
    if "refused" in piece:
        return RefusedChat(*piece["refused"])
    if "chat" in piece:
        chat = _with_moments(piece["chat"])
        settings = {field.name: chat.pop(field.name) for field in FIELDS if field.name in chat}
        return Head(FiledChat(**chat, settings=settings), piece["count"])
    return [Rendered(_message(value), html, version) for value, html, version in piece["messages"]]


def pieces_of(value: JsonObject, renderer: "Renderer") -> Iterator[JsonObject]:
    """Yields one chat as serialized pieces, or the reason why it is refused."""
    try:
        chat = chat_of(value)
    except BadFile as error:
        yield {"refused": [title_of(value), str(error)]}
        return
    yield {"chat": own.head_value(_headed(chat)), "count": len(chat.messages)}
    for batch in _batches(chat.messages):
        yield {"messages": [[own.message_value(message), *renderer.rendered(message)] for message in batch]}


def _headed(chat: FiledChat) -> FiledChat:
    """Fills in a title and a head if the file has none."""
    ids = {message.id for message in chat.messages}
    first = next((message.content for message in chat.messages if message.role == "user"), "")
    return replace(
        chat,
        title=chat.title or title(first[:BEGINNING_CHARS]),
        title_is_own=bool(chat.title) and chat.title_is_own,
        head=chat.head if chat.head in ids else chat.messages[-1].id,
    )


def _batches(messages: Sequence[FiledMessage]) -> Iterator[list[FiledMessage]]:
    """Yields batches that are small enough to be stored without blocking other writers."""
    batch: list[FiledMessage] = []
    rows = chars = 0
    for message in messages:
        more_rows, more_chars = 1 + len(message.generations) + len(message.calls), message.chars
        if batch and (rows + more_rows > MOST_ROWS or chars + more_chars > MOST_CHARS):
            yield batch
            batch, rows, chars = [], 0, 0
        batch.append(message)
        rows, chars = rows + more_rows, chars + more_chars
    yield batch


@dataclass
class Renderer:
    """Renders messages until the file's time limit is used up."""

    now: Callable[[], float]
    spent: float = field(default=0.0)

    def rendered(self, message: FiledMessage) -> tuple[str, int]:
        """Returns the HTML and its version; an empty string and 0 if rendering takes too long."""
        began = self.now()
        html = self._html(message, began + min(MESSAGE_SECONDS, FILE_SECONDS - self.spent))
        self.spent += self.now() - began
        return ("", 0) if html is None else (html, markdown.VERSION)

    def _html(self, message: FiledMessage, until: float) -> str | None:
        growing = markdown.GrowingMarkdown(seams=seams_of(_cuts(message)), is_watched=False)
        # A person's pictures are shown below the text and not rendered with it.
        content = parted(message.content)[0] if message.role == "user" else message.content
        for start in range(0, len(content), FED_CHARS):
            if self.now() > until:
                return None
            growing.feed(content[start : start + FED_CHARS])
        for _ in growing.finishing():
            if self.now() > until:
                return None
        html = growing.finish().html
        return html if len(html) <= MOST_HTML_CHARS else None


@dataclass(frozen=True, slots=True)
class _Cut:
    """A generation of a file; its id is its index in the message."""

    id: str
    reason: str
    continues_id: str | None
    text_offset: int
    created_at: datetime | None


def _cuts(message: FiledMessage) -> list[_Cut]:
    return [
        _Cut(
            str(index),
            generation.reason,
            None if generation.continues is None else str(generation.continues),
            generation.text_offset,
            generation.created_at,
        )
        for index, generation in enumerate(message.generations)
    ]


def _message(value: JsonObject) -> FiledMessage:
    generations = tuple(map(_generation, value["generations"]))
    calls = tuple(map(_call, value["calls"]))
    return FiledMessage(**_with_moments(value, generations=generations, calls=calls, sources=tuple(value["sources"])))


def _call(value: JsonObject) -> FiledCall:
    lists = {name: tuple(value[name]) for name in ("sources", "outside", "file_ids")}
    return FiledCall(**_with_moments(value, **lists))


def _generation(value: JsonObject) -> FiledGeneration:
    return FiledGeneration(**_with_moments(value, notices=tuple(value["notices"]), attempts=tuple(value["attempts"])))


def _with_moments(value: JsonObject, **others: Any) -> JsonObject:
    moments = {name: datetime.fromisoformat(value[name]) for name in MOMENTS if value.get(name)}
    return {**value, **moments, **others}
