"""Dialect 1: named events for `EventSource`, a state to begin with, and the end of each generation. Pure."""

from webapp.api.encoders.base import Frame, State
from webapp.api.encoders.course import DEMO, Course
from webapp.streaming.events import TRIED, Delta, Ended, Failed, Notice, Saved, Started
from webapp.streaming.topics import Entry

ENDED = ("completed", "stopped", "interrupted", "failed")


def idle() -> Frame:
    """What one hears who connects while nothing is being written."""
    return Frame({"isStreaming": False, "partialMessage": "", "streamId": None, "seq": 0}, "state")


class RoleplayEncoder:
    """One generation; `message_id` is the answer's, `question_id` the message it answers if that is new.

    `beginning` is the text that this generation goes on from.
    """

    takes_snapshots = True

    def __init__(self, stream_id: str, message_id: str, question_id: str = "", *, beginning: str = "") -> None:
        self._stream_id, self._message_id, self._question_id = stream_id, message_id, question_id
        self._course, self._has_said_error, self._beginning = Course(), False, beginning

    def opening(self, state: State) -> list[Frame]:
        """The text so far; who appends what follows has the whole."""
        values = {"isStreaming": state.status not in ENDED, "partialMessage": self._beginning + state.text}
        frames = [Frame({**values, "streamId": self._stream_id, "seq": max(0, state.seq)}, "state")]
        if self._question_id and not state.is_snapshot:
            frames.append(Frame({"messageId": self._question_id, "role": "user"}, "saved"))
        return frames

    def encode(self, entry: Entry) -> list[Frame]:
        self._course.fold(entry.event)
        match entry.event:
            case Delta(text) if text:
                return [Frame({"content": text, "streamId": self._stream_id, "seq": entry.seq}, "chunk")]
            case Started(demo=True):
                return [_notice(DEMO)]
            case Notice(code=code) if code != TRIED:
                return [_notice(entry.event)]
            case Saved(what="message", id=id, role=role):
                return [Frame({"messageId": id, "role": role}, "saved")]
            case Failed():
                return [self._error(entry.event)]
            case Ended():
                return self._end(entry.event)
        return []

    def closing(self) -> list[Frame]:
        """Nothing: the end of a generation has been said, or it goes on without this listener."""
        return []

    def _end(self, ended: Ended) -> list[Frame]:
        failure = None if self._has_said_error else self._course.failure
        end = {"status": ended.status, "streamId": self._stream_id, "messageId": self._message_id}
        return [*([self._error(failure)] if failure else []), Frame(end, "end")]

    def _error(self, failure: Failed) -> Frame:
        self._has_said_error = True
        return Frame({"code": failure.code, "message": failure.message, "retryable": failure.retryable}, "error")


def _notice(notice: Notice) -> Frame:
    return Frame({"code": notice.code, "message": notice.message}, "notice")
