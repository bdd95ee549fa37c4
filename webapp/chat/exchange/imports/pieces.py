"""The pieces of an import that a child process sends and the server stores: heads of chats, then their messages. Pure."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO, Any

from webapp.chat.exchange.imports import files, own
from webapp.chat.exchange.imports.filed import BadFile, FiledChat, FiledGeneration, FiledMessage
from webapp.chat.files.reference import parted
from webapp.chat.record.fields import FIELDS
from webapp.chat.record.seam_labels import seams_of
from webapp.rendering import markdown
from webapp.rendering.text import title

MOST_ROWS = 100
MOST_CHARS = 200_000
# Limits for rendering, in seconds of CPU time: for one message, and for a whole file. The remaining messages are rendered when
# they are first shown.
MESSAGE_SECONDS, FILE_SECONDS = 2.0, 60.0
FED_CHARS = 16_384
MOMENTS = ("created_at", "changed_at", "pinned_at", "archived_at", "started_at", "first_text_at", "ended_at")
# A title is made from the beginning of a message.
BEGINNING_CHARS = 2_000


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
class Refused:
    title: str
    reason: str


Piece = Head | list[Rendered] | Refused


def pieces(file: IO[bytes], now: Callable[[], float] = time.process_time) -> Iterator[dict[str, Any]]:
    """Yields the file's contents as serialized pieces, which `read` turns back into objects."""
    renderer = _Renderer(now)
    try:
        for value in files.values_in(file):
            yield from _of_one(value, renderer)
    except BadFile as error:
        yield {"trouble": str(error)}


def read(piece: dict[str, Any]) -> Piece:
    """Deserializes a piece; raises `BadFile` for the one that reports why reading the file stopped."""
    if "trouble" in piece:
        raise BadFile(piece["trouble"])
    if "refused" in piece:
        return Refused(*piece["refused"])
    if "chat" in piece:
        chat = _with_moments(piece["chat"])
        settings = {each.name: chat.pop(each.name) for each in FIELDS if each.name in chat}
        return Head(FiledChat(**chat, settings=settings), piece["count"])
    return [Rendered(_message(value), html, version) for value, html, version in piece["messages"]]


def _of_one(value: dict[str, Any], renderer: "_Renderer") -> Iterator[dict[str, Any]]:
    try:
        chat = files.chat_of(value)
    except BadFile as error:
        yield {"refused": [files.title_of(value), str(error)]}
        return
    yield {"chat": own.head_value(_headed(chat)), "count": len(chat.messages)}
    for batch in _batches(chat.messages):
        yield {"messages": [[own.message_value(each), *renderer.rendered(each)] for each in batch]}


def _headed(chat: FiledChat) -> FiledChat:
    """Fills in a title and a head if the file has none."""
    ids = {each.id for each in chat.messages}
    first = next((each.content for each in chat.messages if each.role == "user"), "")
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
    for each in messages:
        more_rows, more_chars = 1 + len(each.generations), each.chars
        if batch and (rows + more_rows > MOST_ROWS or chars + more_chars > MOST_CHARS):
            yield batch
            batch, rows, chars = [], 0, 0
        batch.append(each)
        rows, chars = rows + more_rows, chars + more_chars
    yield batch


@dataclass
class _Renderer:
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
        return html if len(html) <= files.MOST_HTML_CHARS else None


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
        _Cut(str(place), each.reason, None if each.continues is None else str(each.continues), each.text_offset, each.created_at)
        for place, each in enumerate(message.generations)
    ]


def _message(value: dict[str, Any]) -> FiledMessage:
    made = tuple(map(_generation, value["generations"]))
    return FiledMessage(**_with_moments(value, generations=made, sources=tuple(value["sources"])))


def _generation(value: dict[str, Any]) -> FiledGeneration:
    return FiledGeneration(**_with_moments(value, notices=tuple(value["notices"]), attempts=tuple(value["attempts"])))


def _with_moments(value: dict[str, Any], **others: Any) -> dict[str, Any]:
    moments = {name: datetime.fromisoformat(value[name]) for name in MOMENTS if value.get(name)}
    return {**value, **moments, **others}
