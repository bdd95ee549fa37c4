"""What dialects of plain text have in common: its pieces as they come, and an end that is told once. Pure."""

from webapp.api.encoders.base import Frame
from webapp.api.encoders.course import Course
from webapp.streaming.events import Delta, Ended, Event
from webapp.streaming.topics import Entry


class TextEncoder:
    """A dialect says how it tells a piece and the end, and what else it tells."""

    takes_snapshots = False

    def __init__(self) -> None:
        self._course = Course()

    def encode(self, entry: Entry) -> list[Frame]:
        self._course.fold(entry.event)
        match entry.event:
            case Delta(text):
                return [self._piece(text)] if text else []
            case Ended():
                return self._end()
        return self._other(entry.event)

    def closing(self) -> list[Frame]:
        """What is still owed to one who leaves before the end."""
        return [] if self._course.ended else self._end()

    def _piece(self, text: str) -> Frame:
        raise NotImplementedError

    def _end(self) -> list[Frame]:
        raise NotImplementedError

    def _other(self, event: Event) -> list[Frame]:
        return []
