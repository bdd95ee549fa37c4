"""Dialect 2: `message` events with text or HTML, and blocks if requested, then `complete`; each fits in a packet. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from webapp.api.streaming.encoding import PACKET_BYTES, TEXT_BYTES, DialectFrame, StreamState, json_bytes, pieces, shortened
from webapp.base.untrusted_json import JsonObject
from webapp.guests.dialects.text import TextEncoder
from webapp.streaming.events import Notice, Usage

Block = JsonObject
# What of an event is not its JSON: `event: complete`, an id of up to twenty digits, `data: `, and the line ends.
FRAMING_BYTES = len(f"event: complete\nid: {'9' * 20}\ndata: \n\n")
MOST_NOTICES, NOTICE_BYTES = 4, 180
# The HTML of a part of a block, which also has its numbers.
BLOCK_BYTES = TEXT_BYTES - 100
# The longest entity has about this many characters.
ENTITY_CHARS = 32


class AnswerHtml(Protocol):
    """The HTML of an answer by its blocks: finished ones from number `first` on, the last ones after the end, or the rest."""

    def blocks(self, first: int) -> list[tuple[int, str]]: ...
    def last_blocks(self, first: int) -> list[tuple[int, str]]: ...
    def rest(self, first: int) -> str: ...


@dataclass(frozen=True, slots=True)
class Quick:
    """The chat and answer of a stream; `html` is for clients that want its blocks or, with `is_html`, nothing else."""

    chat_id: str
    message_id: str
    html: AnswerHtml | None = None
    is_html: bool = False
    # Those about the request.
    notices: Sequence[Notice] = ()


class QuickEncoder(TextEncoder):
    def __init__(self, about: Quick) -> None:
        super().__init__(about.notices)
        self._about, self._sent_blocks = about, 0

    def opening(self, state: StreamState) -> list[DialectFrame]:
        return []

    def _text(self, text: str) -> list[DialectFrame]:
        if not text:
            return []
        if self._about.html and self._about.is_html:
            return self._html("".join(html for _, html in self._finished_blocks(self._about.html)))
        return _messages(pieces(text), self._new_blocks())

    def _html(self, html: str) -> list[DialectFrame]:
        return _messages(html_pieces(html))

    def _new_blocks(self) -> list[Block]:
        html = self._about.html
        if html is None or self._about.is_html:
            return []
        return list(_parts(html.last_blocks(self._sent_blocks) if self._course.ended else self._finished_blocks(html)))

    def _finished_blocks(self, html: AnswerHtml) -> list[tuple[int, str]]:
        blocks = html.blocks(self._sent_blocks)
        self._sent_blocks += len(blocks)
        return blocks

    def _end(self) -> list[DialectFrame]:
        html, blocks, failure, complete = self._about.html, self._new_blocks(), self._course.failure, self._complete()
        rest = self._html(html.rest(self._sent_blocks)) if html and self._about.is_html and self._course.ended else []
        if blocks and _fits(whole := {**complete, "blocks": blocks}):
            complete, blocks = whole, []
        error_data = {"error": shortened(failure.message, TEXT_BYTES), "code": failure.code} if failure else {}
        error = [DialectFrame(error_data, "error")] if error_data else []
        return [*rest, *_messages([], blocks), *error, DialectFrame(complete, "complete")]

    def _complete(self) -> JsonObject:
        course, quick = self._course, self._about
        status = "failed" if course.failure else "stopped" if course.was_stopped else "completed"
        return {
            "status": status,
            "chatId": quick.chat_id,
            "messageId": quick.message_id,
            "usage": usage(course.transcript.usage),
            "demo": course.transcript.is_demo,
            "notices": _most_of(course.notices),
        }


def html_pieces(html: str, most_bytes: int = TEXT_BYTES) -> Iterator[str]:
    """Cuts rendered HTML like `pieces`, but not within a tag or an entity, unless a tag is longer than a piece."""
    start = 0
    while start < len(html):
        piece = pieces(html[start : start + most_bytes], most_bytes)[0]
        if start + len(piece) < len(html):
            tag = html[start : html.find(">", start, start + most_bytes) + 1]
            piece = piece[: _last_whole(piece)] or (tag if tag and json_bytes(tag) <= most_bytes else piece)
        yield piece
        start += len(piece)


def _last_whole(piece: str) -> int:
    """Returns where to cut so that no tag or entity begins before and ends after; in attributes, `>` is always escaped."""
    tag, entity = piece.rfind("<"), piece.rfind("&", -ENTITY_CHARS)
    if tag > piece.rfind(">"):
        return tag
    return entity if entity > 0 and ";" not in piece[entity:] else len(piece)


def usage(usage: Usage | None) -> JsonObject | None:
    """Returns the token usage; unknown numbers are null, never 0."""
    if not usage:
        return None
    return {"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens, "cost": usage.cost}


def _parts(blocks: Iterable[tuple[int, str]]) -> Iterator[Block]:
    """Yields blocks as they are sent; one that is too long for an event in numbered parts."""
    for n, html in blocks:
        parts = list(html_pieces(html, BLOCK_BYTES))
        for part, piece in enumerate(parts):
            yield {"n": n, "html": piece, **({"part": part, "parts": len(parts)} if len(parts) > 1 else {})}


def _messages(texts: Iterable[str], blocks: Iterable[Block] = ()) -> list[DialectFrame]:
    """Returns the texts, then the blocks: as many as fit with the last text, the others with an empty one."""
    messages = [JsonObject(content=text) for text in texts]
    for block in blocks:
        last = messages[-1] if messages else {}
        if last and _fits(more := {**last, "blocks": [*last.get("blocks", ()), block]}):
            messages[-1] = more
        else:
            messages.append({"content": "", "blocks": [block]})
    return [DialectFrame(message, "message") for message in messages]


def _fits(event: JsonObject) -> bool:
    return json_bytes(event) + FRAMING_BYTES <= PACKET_BYTES


def _most_of(notices: list[dict[str, str]]) -> list[dict[str, str]]:
    """Returns the notices if they fit in the last event, else the last ones in short."""
    if json_bytes(notices) <= MOST_NOTICES * NOTICE_BYTES:
        return notices
    return [{**notice, "message": shortened(notice["message"], NOTICE_BYTES - 60)} for notice in notices[-MOST_NOTICES:]]
