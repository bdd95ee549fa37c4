"""Seams, shown between the blocks of an answer's text: where it was cut and continued, and where tools were called. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape

from webapp.rendering.footnotes import placeholder

BLANK = " \t\n"


@dataclass(frozen=True, slots=True)
class Seam:
    """A seam; `at` counts the characters of the raw text before the cut, `moment` is when it continued, in UTC."""

    at: int
    label: str
    moment: datetime | None = None

    def markup(self) -> str:
        return f'<div class="seam">{escape(self.label)}{_time(self.moment) if self.moment else ""}</div>\n'


@dataclass(frozen=True, slots=True)
class CallsSeam:
    """The place in the text at which an answer has called tools in a round: an element that pages fill for each reader."""

    at: int
    round: int

    def markup(self) -> str:
        return placeholder("calls", str(self.round)) + "\n"


AnySeam = Seam | CallsSeam


class Stitching:
    """Returns each seam of a text once, after the block that contains the last visible character before the cut.

    Positions are those of the text with normalised line ends; a seam is `placed` when the text before it is known.
    """

    def __init__(self, seams: Iterable[AnySeam]) -> None:
        self._ahead = deque(sorted(seams, key=lambda seam: seam.at))
        self._placed: deque[AnySeam] = deque()
        self._all: list[AnySeam] = []

    def add(self, seam: AnySeam) -> None:
        """Adds one at the end of the text so far, with normalised line ends."""
        self._all.append(seam)
        self._placed.append(seam)

    def place(self, raw_start: int, raw: str, start: int) -> None:
        """Places the seams in a raw piece of text; `start` is its position with normalised line ends."""
        while self._ahead and self._ahead[0].at <= raw_start + len(raw):
            seam = self._ahead.popleft()
            before = raw[: max(0, seam.at - raw_start)]
            self._all.append(replace(seam, at=start + len(before.replace("\r\n", "\n"))))
            self._placed.append(self._all[-1])

    def again(self) -> "Stitching":
        """Returns a copy with the same seams, none placed yet, for the finished text with normalised line ends."""
        return Stitching([*self._all, *self._ahead])

    def before(self, position: int, source: str, start: int) -> str:
        """Renders the seams before the block (or the end) at `position`; `source` is the text from `start` on."""
        return "".join(self._due(position, source, start))

    def rest(self) -> str:
        """Renders the seams at the end of the text, and those whose position is beyond it."""
        return "".join(seam.markup() for seam in (*self._placed, *self._ahead))

    def _due(self, position: int, source: str, start: int) -> Iterator[str]:
        while self._placed and not source[position - start : max(0, self._placed[0].at - start)].strip(BLANK):
            yield self._placed.popleft().markup()


def _time(moment: datetime) -> str:
    return f' <time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}" data-clock="">{moment:%H:%M} UTC</time>'
