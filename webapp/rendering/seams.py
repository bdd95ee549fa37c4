"""Seams, where an answer was cut and continued, shown between the blocks of its text. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape

BLANK = " \t\n"


@dataclass(frozen=True, slots=True)
class Seam:
    """A seam; `at` counts the characters of the raw text before the cut, `moment` is when it continued, in UTC."""

    at: int
    label: str
    moment: datetime | None = None


class Stitching:
    """Returns each seam of a text once, after the block that contains the last visible character before the cut.

    Positions are those of the text with normalised line ends; a seam is `placed` when the text before it is known.
    """

    def __init__(self, seams: Iterable[Seam]) -> None:
        self._ahead = deque(sorted(seams, key=lambda seam: seam.at))
        self._placed: deque[Seam] = deque()
        self._all: list[Seam] = []

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
        return "".join(_markup(seam) for seam in (*self._placed, *self._ahead))

    def _due(self, position: int, source: str, start: int) -> Iterator[str]:
        while self._placed and not source[position - start : max(0, self._placed[0].at - start)].strip(BLANK):
            yield _markup(self._placed.popleft())


def _markup(seam: Seam) -> str:
    return f'<div class="seam">{escape(seam.label)}{_time(seam.moment) if seam.moment else ""}</div>\n'


def _time(moment: datetime) -> str:
    return f' <time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}" data-clock="">{moment:%H:%M} UTC</time>'
