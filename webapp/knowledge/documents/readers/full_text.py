"""Collects the text of a file from its parts, and maps positions in it back to pages. Pure."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from webapp.knowledge.documents.readers.part import Part, Refused
from webapp.knowledge.documents.readers.text import BIDI, clean
from webapp.knowledge.documents.splitting import Piece, split

EMPTY = "There is no text in this file."
TOO_LONG = "This file has more than {:,} characters, which is the limit. Try splitting it into several."
MOST_CHARS = 30_000_000


@dataclass(slots=True)
class Run:
    """Consecutive parts that are split into passages as one text."""

    texts: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    numbers: list[int | None] = field(default_factory=list)
    length: int = 0

    def add(self, part: Part) -> None:
        self.starts.append(self.length)
        self.numbers.append(part.number)
        self.texts.append(part.text)
        self.length += len(part.text)

    def pieces(self) -> Iterator[tuple[Piece, int | None]]:
        """Yields the passages, each with the page on which it begins."""
        done = 0
        for piece in split("".join(self.texts)):
            new = piece.text[piece.overlap :]
            begins = done + len(new) - len(new.lstrip())
            yield piece, self.numbers[bisect_right(self.starts, begins) - 1]
            done += len(new)


class FullText:
    """The text of a whole file; raises `Refused` if it is too long."""

    def __init__(self, most: int) -> None:
        self.title, self.length = "", 0
        self._most, self._runs, self._is_apart = min(most or MOST_CHARS, MOST_CHARS), list[Run](), True

    def add(self, part: Part) -> None:
        part = Part(clean(part.text), part.number, part.of, part.title, part.is_apart)
        self.title = self.title or clean(part.title).translate(BIDI).strip()
        if not part.text:
            return
        self.length += len(part.text)
        if self.length > self._most:
            raise Refused(TOO_LONG.format(self._most))
        if part.is_apart or self._is_apart:
            self._runs.append(Run())
        self._runs[-1].add(part)
        self._is_apart = part.is_apart

    def pieces(self) -> Iterator[tuple[Piece, int | None]]:
        for run in self._runs:
            yield from run.pieces()

    def refuse_if_empty(self) -> None:
        if not any(text.strip() for run in self._runs for text in run.texts):
            raise Refused(EMPTY)
