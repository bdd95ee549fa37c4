"""The passage of a text that a search has found: cut out around the first of its words, before anything else is done. Pure.

Which words match is decided by the index's own stemmer, which is asked about these few characters alone: what finding a
passage costs does not depend on how often a text has the words, nor on what stands between them.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from webapp.rendering.text import plain

BEFORE_CHARS, AFTER_CHARS = 100, 200
# How many places are tried where a word only begins like one that was looked for.
MOST_PLACES = 4
# Characters that no keyboard makes.
OPENS, CLOSES = "\x02", "\x03"
MARKS = str.maketrans("", "", OPENS + CLOSES)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a passage; marked where it is one of the words that were looked for."""

    text: str
    is_marked: bool


def passage(text: str, words: Sequence[str], *, is_cut: bool = False) -> tuple[Piece, ...]:
    """What stands around the first of the words, the last of which may be a beginning; `is_cut` where more stands before."""
    cuts = [_cut_out(text, place, is_cut=is_cut) for place in _places(text, words)]
    marked = next((each for each in _marked(cuts, words) if OPENS in each), cuts[0])
    return tuple(_pieces(_without_signs(marked)))


def _places(text: str, words: Sequence[str]) -> list[int]:
    """Where the words may be: first those that begin with one of them, then those with the same first half."""
    halves = [word[: max(3, (len(word) + 1) // 2)] for word in words]
    found = [place for beginnings in (words, halves) for place in islice(_beginning_with(beginnings, text), MOST_PLACES)]
    return found or [0]


def _beginning_with(beginnings: Sequence[str], text: str) -> Iterator[int]:
    either = "|".join(re.escape(each) for each in beginnings)
    end = 0
    for match in re.finditer(rf"(?<![^\W_])(?:{either})", text, re.IGNORECASE):
        # What is nearer is in the same passage.
        if match.start() >= end:
            yield match.start()
            end = match.start() + AFTER_CHARS


def _cut_out(text: str, place: int, *, is_cut: bool) -> str:
    start = text.rfind(" ", 0, max(0, place - BEFORE_CHARS)) + 1 if place > BEFORE_CHARS else 0
    start, end = max(start, place - 2 * BEFORE_CHARS, 0), place + AFTER_CHARS
    is_inside = start > 0 or is_cut
    return f"{'…' if is_inside else ''}{text[start:end].translate(MARKS)}{'…' if end < len(text) else ''}"


def _marked(cuts: Sequence[str], words: Sequence[str]) -> list[str]:
    """The same with marks around the words, as the index of the migration divides and stems them."""
    query = " OR ".join(f'"{word}"' for word in words) + "*"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE cuts USING fts5(cut, tokenize='porter unicode61 remove_diacritics 2')")
        connection.executemany("INSERT INTO cuts (cut) VALUES (?)", [(cut,) for cut in cuts])
        marked = "SELECT highlight(cuts, 0, ?, ?) FROM cuts WHERE cuts MATCH ? ORDER BY rowid"
        return [row[0] for row in connection.execute(marked, (OPENS, CLOSES, query))]


def _without_signs(passage: str) -> str:
    """The words of what is a part of a markdown text, as long as all that is marked is among them."""
    words = plain(passage)
    return words if words.count(OPENS) == passage.count(OPENS) else passage


def _pieces(passage: str) -> list[Piece]:
    pieces: list[Piece] = []
    for part in passage.split(OPENS):
        marked, _, rest = part.rpartition(CLOSES)
        pieces += [Piece(marked.replace(CLOSES, ""), True), Piece(rest, False)]
    return [piece for piece in pieces if piece.text]
