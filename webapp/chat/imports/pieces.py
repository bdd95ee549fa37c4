"""Parses an uploaded file within limits, into pieces that a child process sends and the server stores, chat by chat. Pure."""

import json
import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO, Any

from webapp.base.heavy import zips
from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.chat.files.reference import parted
from webapp.chat.imports import chatgpt, claude, openwebui, own, page, roleplay
from webapp.chat.imports.assets import Assets
from webapp.chat.imports.elements import Element, TooMuch
from webapp.chat.imports.filed import BadFile, FiledCall, FiledChat, FiledGeneration, FiledMessage, line
from webapp.chat.imports.source import IN_ONE_REQUEST, IN_PIECES, Source, opened, values
from webapp.chat.record.fields import FIELDS
from webapp.chat.record.seam_labels import seams_of
from webapp.rendering import markdown
from webapp.rendering.text import title

TITLE_CHARS = 80
MOST_HTML_CHARS = 4_000_000
UNKNOWN = (
    "It doesn't contain chats. Choose a Millrace export or a saved page of a link, the conversations.json of ChatGPT or Claude, "
    "or a chat export of Open WebUI or SillyTavern."
)
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
# Where the title of a chat that can't be parsed may stand, as some programs write it first.
TITLED = re.compile(rb'"(?:title|name)":\s*("(?:[^"\\]|\\.){1,300}")')
# A title is made from the beginning of a message.
BEGINNING_CHARS = 2_000


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


@dataclass(frozen=True, slots=True)
class Reached:
    """How many chats of the file have been read."""

    count: int


@dataclass(frozen=True, slots=True)
class FileBegun:
    """A file of a message, which comes after it; its bytes follow in parts. `picture` is its type and size, if it is one."""

    message: str
    name: str
    note: str
    picture: JsonObject | None


@dataclass(frozen=True, slots=True)
class FileEnded:
    pass


@dataclass(frozen=True, slots=True)
class LeftOutFile:
    """A file that isn't taken over."""

    name: str
    reason: str


Piece = Head | list[Rendered] | RefusedChat | Reached | FileBegun | bytes | FileEnded | LeftOutFile


def pieces(file: IO[bytes], before: str = "", *, now: Callable[[], float] = time.process_time) -> Iterator[JsonObject]:
    """Yields the file's contents as serialized pieces, which `read` turns back into objects.

    `before` is for an archive that was sent in pieces: how many of its chats have been read before. At first it is 0, and the
    first piece says how many there are.
    """
    renderer, skipped = Renderer(now), int(before or 0)
    try:
        with opened(file, IN_PIECES if before else IN_ONE_REQUEST) as source:
            if before == "0":
                yield {"of": _count(source)}
            yield from _pieces(source, renderer, skipped)
    except BadFile as error:
        yield {"trouble": str(error)}


def _pieces(source: Source, renderer: "Renderer", skipped: int) -> Iterator[JsonObject]:
    assets, most, chats = source.assets(), source.bounds.chats, 0
    for number, element in enumerate(source.elements()):
        if number < skipped:
            continue
        yield {"reached": number}
        try:
            for value in values(element):
                if (chats := chats + 1) + skipped > most:
                    raise BadFile(f"It contains more than {most:,} chats.")
                yield from pieces_of(value, renderer, assets)
        except TooMuch as reason:
            yield {"refused": [_title_in(element), str(reason)]}


def _count(source: Source) -> int:
    """Counts the chats up to where the file may be damaged, which is reported once they have been read."""
    count = 0
    with suppress(*zips.FAULTS):
        for _ in source.elements(are_counted=True):
            count += 1
    return count


def _title_in(element: Element) -> str:
    match = TITLED.search(element.text[:BEGINNING_CHARS])
    try:
        return line(json.loads(match[1]), TITLE_CHARS) if match else ""
    except ValueError:
        return ""


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
    if "messages" in piece:
        return [Rendered(_message(value), html, version) for value, html, version in piece["messages"]]
    return _file_piece(piece)


def _file_piece(piece: JsonObject) -> Reached | FileBegun | bytes | FileEnded | LeftOutFile:
    if "reached" in piece:
        return Reached(piece["reached"])
    if "file" in piece:
        return FileBegun(**piece["file"])
    if "bytes" in piece:
        return b64decode(piece["bytes"])
    return LeftOutFile(*piece["left_out"]) if "left_out" in piece else FileEnded()


def pieces_of(value: JsonObject, renderer: "Renderer", assets: Assets | None = None) -> Iterator[JsonObject]:
    """Yields one chat with its files as serialized pieces, or the reason why it is refused."""
    try:
        chat = chat_of(value)
    except BadFile as error:
        yield {"refused": [title_of(value), str(error)]}
        return
    yield {"chat": own.head_value(_headed(chat)), "count": len(chat.messages)}
    for batch in _batches(chat.messages):
        yield from (piece for message in batch if assets for piece in assets.of(message))
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
        growing = markdown.GrowingMarkdown([*seams_of(_cuts(message)), *_places(message)], is_watched=False)
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


def _places(message: FiledMessage) -> list[markdown.CallsSeam]:
    """Returns where calls are in the text, as `queries.call_places` does of a message that is stored."""
    calls = () if message.is_edited else message.calls
    return [markdown.CallsSeam(at, round) for round, at in {call.round: call.text_at for call in calls if call.text_at}.items()]


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
