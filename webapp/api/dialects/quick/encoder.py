"""Dialect 2: `message` events with text and finished blocks, then `complete`. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.api.dialects.encoding import DialectFrame, State
from webapp.api.dialects.text import TextEncoder
from webapp.streaming.events import Notice, Usage

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Quick:
    """The chat and answer of a stream.

    `blocks(first, is_end)` returns the finished blocks from number `first` on; at the end, also the one that was unfinished.
    """

    chat_id: str
    message_id: str
    blocks: Callable[[int, bool], list[Block]]
    # Those about the request.
    notices: Sequence[Notice] = ()


class QuickEncoder(TextEncoder):
    def __init__(self, about: Quick) -> None:
        super().__init__(about.notices)
        self._about, self._sent_blocks = about, 0

    def opening(self, state: State) -> list[DialectFrame]:
        return []

    def _piece(self, text: str) -> DialectFrame:
        return DialectFrame({"content": text, **self._new_blocks()}, "message")

    def _new_blocks(self) -> dict[str, list[Block]]:
        blocks = self._about.blocks(self._sent_blocks, self._course.ended is not None)
        self._sent_blocks += len(blocks)
        return {"blocks": blocks} if blocks else {}

    def _end(self) -> list[DialectFrame]:
        course, about = self._course, self._about
        failure, transcript = course.failure, course.transcript
        status = "failed" if failure else "stopped" if course.was_stopped else "completed"
        complete: dict[str, Any] = {"status": status, "chatId": about.chat_id, "messageId": about.message_id}
        complete |= {
            "usage": usage(transcript.usage),
            "demo": transcript.is_demo,
            "notices": course.notices,
            **self._new_blocks(),
        }
        error = [DialectFrame({"error": failure.message, "code": failure.code}, "error")] if failure else []
        return [*error, DialectFrame(complete, "complete")]


def usage(known: Usage | None) -> dict[str, Any] | None:
    """Returns the token usage; unknown numbers are null, never 0."""
    if not known:
        return None
    return {"inputTokens": known.input_tokens, "outputTokens": known.output_tokens, "cost": known.cost}
