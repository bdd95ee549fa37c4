"""Dialect 1: named events for `EventSource`, beginning with a state, and with an end for each generation. Pure."""

from webapp.api.streaming.course import DEMO, Course
from webapp.api.streaming.encoding import DialectFrame, StreamState, end_id
from webapp.streaming.events import ATTEMPT_NOTICE, Delta, Ended, Failed, Notice, Saved, Started
from webapp.streaming.topics import Entry

ENDED = ("completed", "stopped", "interrupted", "failed")


def idle(last_id: str) -> DialectFrame:
    """Returns the state for a client that connects while no answer is being written; `last_id` is the last generation's."""
    return DialectFrame({"isStreaming": False, "partialMessage": "", "streamId": None, "seq": 0}, "state", end_id(last_id))


def last_id_of(stream_id: str) -> str:
    """Returns the last event id of a stream that tells one generation only: an `EventSource` that sends it needs nothing more."""
    return f"told-{stream_id}"


class RoleplayEncoder:
    """Encodes one generation; `message_id` is the answer's, `question_id` that of the question if it was just saved.

    `beginning` is the text that this generation continues. `last_id` is the event id of its end if the stream ends there too.
    """

    takes_snapshots = True
    fits_packets = False
    takes_transient = False

    def __init__(self, stream_id: str, message_id: str, question_id: str = "", *, beginning: str = "", last_id: str = "") -> None:
        self._stream_id, self._message_id, self._question_id = stream_id, message_id, question_id
        self._last_id = last_id or end_id(stream_id)
        self._course, self._has_said_error, self._beginning = Course(), False, beginning

    def opening(self, state: StreamState) -> list[DialectFrame]:
        """Returns the text so far; a client that appends the chunks that follow has the whole text."""
        values = {"isStreaming": state.status not in ENDED, "partialMessage": self._beginning + state.text}
        frames = [DialectFrame({**values, "streamId": self._stream_id, "seq": max(0, state.seq)}, "state")]
        if self._question_id and not state.is_snapshot:
            frames.append(DialectFrame({"messageId": self._question_id, "role": "user"}, "saved"))
        return frames

    def encode(self, entry: Entry) -> list[DialectFrame]:
        self._course.fold(entry.event)
        match entry.event:
            case Delta(text) if text:
                return [DialectFrame({"content": text, "streamId": self._stream_id, "seq": entry.seq}, "chunk")]
            case Started(demo=True):
                return [_notice(DEMO)]
            case Notice(code=code) if code != ATTEMPT_NOTICE:
                return [_notice(entry.event)]
            case Saved(what="message", id=id, role=role):
                return [DialectFrame({"messageId": id, "role": role}, "saved")]
            case Failed():
                return [self._error(entry.event)]
            case Ended():
                return self._end(entry.event)
        return []

    def closing(self) -> list[DialectFrame]:
        """Returns nothing: either the end was already sent, or the generation continues without this reader."""
        return []

    def _end(self, ended: Ended) -> list[DialectFrame]:
        failure = None if self._has_said_error else self._course.failure
        end = {"status": ended.status, "streamId": self._stream_id, "messageId": self._message_id}
        return [*([self._error(failure)] if failure else []), DialectFrame(end, "end", self._last_id)]

    def _error(self, failure: Failed) -> DialectFrame:
        self._has_said_error = True
        return DialectFrame({"code": failure.code, "message": failure.message, "retryable": failure.retryable}, "error")


def _notice(notice: Notice) -> DialectFrame:
    return DialectFrame({"code": notice.code, "message": notice.message}, "notice")
