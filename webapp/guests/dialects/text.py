"""The base class of encoders for plain text: pieces as they arrive, and one end. Pure."""

from collections.abc import Sequence

from webapp.api.streaming.course import Course
from webapp.api.streaming.encoding import DialectFrame, pieces
from webapp.streaming.events import Delta, Ended, Event, Notice
from webapp.streaming.topics import Entry


class TextEncoder:
    """Base of an encoder that sends text; subclasses define the frames of a piece, of the end and of other events."""

    takes_snapshots = False
    fits_packets = True
    takes_transient = False

    def __init__(self, notices: Sequence[Notice] = ()) -> None:
        """`notices` are those about the request, which precede those of the answer."""
        self._course = Course()
        for notice in notices:
            self._course.fold(notice)

    def encode(self, entry: Entry) -> list[DialectFrame]:
        self._course.fold(entry.event)
        match entry.event:
            case Delta(text):
                return self._text(text)
            case Ended():
                return self._end()
        return self._other(entry.event)

    def closing(self) -> list[DialectFrame]:
        """Returns the end for a reader who is disconnected before it."""
        return [] if self._course.ended else self._end()

    def _text(self, text: str) -> list[DialectFrame]:
        parts = pieces(text) if self.fits_packets else [text]
        return [self._piece(part) for part in parts if part]

    def _piece(self, text: str) -> DialectFrame:
        raise NotImplementedError

    def _end(self) -> list[DialectFrame]:
        raise NotImplementedError

    def _other(self, event: Event) -> list[DialectFrame]:
        return []
