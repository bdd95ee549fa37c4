"""Dialect 4: unnamed flat events of seven types, `stream_end` always the last. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

from webapp.api.dialects.text import TextEncoder
from webapp.api.streaming.course import DEMO, STOPPED
from webapp.api.streaming.encoding import DialectFrame, State
from webapp.streaming.events import TRIED, Event, Notice, Started


class AssistantEncoder(TextEncoder):
    """Encodes the assistant dialect; `elapsed_ms` returns the time since the request, and `notices` are about that."""

    def __init__(self, session_id: str, message_id: str, elapsed_ms: Callable[[], int], notices: Sequence[Notice] = ()) -> None:
        super().__init__(notices)
        self._notices = notices
        self._session_id, self._message_id, self._elapsed_ms = session_id, message_id, elapsed_ms

    def opening(self, state: State) -> list[DialectFrame]:
        info = _frame("session_info", session_id=self._session_id, status="processing")
        return [info, *(_warning(each) for each in self._notices)]

    def _piece(self, text: str) -> DialectFrame:
        return _frame("token", content=text)

    def _other(self, event: Event) -> list[DialectFrame]:
        match event:
            case Started(demo=True):
                return [_warning(DEMO)]
            case Notice(code=code) if code != TRIED:
                return [_warning(event)]
        return []

    def _end(self) -> list[DialectFrame]:
        failure, frames = self._course.failure, []
        if self._course.was_stopped:
            frames.append(_warning(Notice("stopped", STOPPED)))
        if failure:
            frames.append(_frame("error", message=failure.message, code=failure.code))
        else:
            frames.append(_frame("done", message="Streaming complete"))
        # The text of a failed answer is saved too; an answer that failed without any text has nothing to report.
        if self._course.ended and (self._course.ended.status != "failed" or self._course.transcript.text):
            frames.append(self._saved())
        return [*frames, _frame("stream_end")]

    def _saved(self) -> DialectFrame:
        saved = {"message_id": self._message_id, "processing_time_ms": self._elapsed_ms()}
        return _frame("response_saved", **saved, sources=self._course.sources)


def _warning(notice: Notice) -> DialectFrame:
    return _frame("warning", message=notice.message, code=notice.code)


def _frame(type: str, **data: Any) -> DialectFrame:
    return DialectFrame({"type": type, **data})
