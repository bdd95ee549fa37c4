"""Dialect 4: unnamed flat events of seven types, `stream_end` always the last. Pure."""

from collections.abc import Callable
from typing import Any

from webapp.api.encoders.base import Frame, State
from webapp.api.encoders.course import DEMO, STOPPED, Course
from webapp.streaming.events import TRIED, Delta, Ended, Notice, Started
from webapp.streaming.topics import Entry


class AssistantEncoder:
    """`elapsed_ms` says how long it has taken so far."""

    takes_snapshots = False

    def __init__(self, session_id: str, message_id: str, elapsed_ms: Callable[[], int]) -> None:
        self._session_id, self._message_id, self._elapsed_ms = session_id, message_id, elapsed_ms
        self._course = Course()

    def opening(self, state: State) -> list[Frame]:
        return [_frame("session_info", session_id=self._session_id, status="processing")]

    def encode(self, entry: Entry) -> list[Frame]:
        self._course.fold(entry.event)
        match entry.event:
            case Delta(text):
                return _token(text)
            case Started(demo=True):
                return [_warning(DEMO)]
            case Notice(code=code) if code != TRIED:
                return [_warning(entry.event)]
            case Ended():
                return self._end()
        return []

    def closing(self) -> list[Frame]:
        """What is still owed to one who leaves before the end."""
        return [] if self._course.ended else self._end()

    def _end(self) -> list[Frame]:
        failure, frames = self._course.failure, []
        if self._course.was_stopped:
            frames.append(_warning(Notice("stopped", STOPPED)))
        if failure:
            frames.append(_frame("error", message=failure.message, code=failure.code))
        else:
            frames.append(_frame("done", message="Streaming complete"))
        # A text that broke off is saved as well; of one that never came there is nothing to tell.
        if self._course.ended and self._course.ended.status != "failed":
            frames.append(self._saved())
        return [*frames, _frame("stream_end")]

    def _saved(self) -> Frame:
        saved = {"message_id": self._message_id, "processing_time_ms": self._elapsed_ms()}
        return _frame("response_saved", **saved, sources=self._course.sources)


def _token(text: str) -> list[Frame]:
    return [_frame("token", content=text)] if text else []


def _warning(notice: Notice) -> Frame:
    return _frame("warning", message=notice.message, code=notice.code)


def _frame(type: str, **data: Any) -> Frame:
    return Frame({"type": type, **data})
