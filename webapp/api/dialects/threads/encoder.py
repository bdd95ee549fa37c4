"""Dialect 3: unnamed events, each with its type, data and time of sending. Pure."""

from collections.abc import Callable
from typing import Any

from webapp.api.dialects.encoding import DialectFrame, State
from webapp.api.dialects.text import TextEncoder

Clock = Callable[[], str]


def frame_of(type: str, data: dict[str, Any], at: str) -> DialectFrame:
    return DialectFrame({"type": type, "data": data, "timestamp": at})


class ThreadsEncoder(TextEncoder):
    """Encodes the threads dialect; `message` is the person's, as saved, `now` returns the time as ISO 8601 text."""

    def __init__(self, thread_id: str, message: dict[str, Any], now: Clock) -> None:
        super().__init__()
        self._thread_id, self._message, self._now = thread_id, message, now

    def opening(self, state: State) -> list[DialectFrame]:
        connected = self._frame("connected", {"threadId": self._thread_id})
        return [connected, self._frame("message_saved", {"message": self._message})]

    def _piece(self, text: str) -> DialectFrame:
        return self._frame("ai_response", {"content": text, "isComplete": False})

    def _end(self) -> list[DialectFrame]:
        course, failure = self._course, self._course.failure
        done = {"success": not failure, "stopped": course.was_stopped, "messageId": course.answer_id, "notices": course.notices}
        if failure:
            before = self._frame("error", {"error": failure.message, "code": failure.code})
        else:
            whole = {"accumulated": course.transcript.text, "sources": course.sources}
            before = self._frame("ai_response", {"content": "", "isComplete": True, **whole})
        return [before, self._frame("done", done)]

    def _frame(self, type: str, data: dict[str, Any]) -> DialectFrame:
        return frame_of(type, data, self._now())
