"""Dialect 3: unnamed events, each with its type, data and time of sending. Pure."""

from collections.abc import Callable

from webapp.api.streaming.encoding import DialectFrame, StreamState
from webapp.base.untrusted_json import JsonObject
from webapp.guests.dialects.text import TextEncoder
from webapp.streaming.events import Ended
from webapp.streaming.topics import Entry

Clock = Callable[[], str]


def frame_of(type: str, data: JsonObject, at: str) -> DialectFrame:
    return DialectFrame({"type": type, "data": data, "timestamp": at})


class ThreadsEncoder(TextEncoder):
    """Encodes the threads dialect; `message` is the person's, as saved, `now` returns the time as ISO 8601 text.

    A reader of all entries up to `after` gets what follows. If that cannot be told, as the log is gone, it gets the end, whose
    `accumulated` is the whole text, rather than text that it may have already.
    """

    def __init__(self, thread_id: str, message: JsonObject, now: Clock, *, after: int = 0) -> None:
        super().__init__()
        self._thread_id, self._message, self._now = thread_id, message, now
        self._after, self._is_behind = after, after > 0

    def opening(self, state: StreamState) -> list[DialectFrame]:
        connected = self._frame("connected", {"threadId": self._thread_id})
        return [connected, self._frame("message_saved", {"message": self._message})]

    def encode(self, entry: Entry) -> list[DialectFrame]:
        """Folds every entry, since the end reports all of them, and encodes those after the reader's position."""
        frames = super().encode(entry)
        is_known = self._is_behind or 0 < entry.seq <= self._after
        self._is_behind = self._is_behind and entry.seq != self._after
        return frames if not is_known or isinstance(entry.event, Ended) else []

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

    def _frame(self, type: str, data: JsonObject) -> DialectFrame:
        return frame_of(type, data, self._now())
