"""Extracts the passage that a search has found: it cuts out the text around the first match before any other work. Pure.

The full-text index's own stemmer decides which words match, and sees only these few characters: the cost doesn't depend on the
length of the text or the number of matches in it.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from webapp.rendering.text import plain

BEFORE_CHARS, AFTER_CHARS = 100, 200
FEW_CHARS = 20
# How many matches are tried when a word only starts like a search term.
MOST_MATCHES = 4
# How many parts of a text are indexed at once when no place in it begins like a search term.
PARTS_AT_ONCE = 100
# Control characters, which no one types.
OPENS, CLOSES = "\x02", "\x03"
MARKS = str.maketrans("", "", OPENS + CLOSES)


@dataclass(frozen=True, slots=True)
class PassagePiece:
    """A part of a passage; marked if it matches a search term."""

    text: str
    is_marked: bool


def passage(text: str, words: Sequence[str], *, is_cut: bool = False) -> tuple[PassagePiece, ...]:
    """Returns the text around the first match; the last word can be a prefix.

    `is_cut` means that `text` is itself cut off at its beginning.
    """
    cuts = [_cut_out(text, position, is_cut=is_cut) for position in _match_positions(text, words)]
    marked = next(iter(_marked(cuts, words)), "") or _marked_anywhere(text, words, is_cut=is_cut) or cuts[0]
    return tuple(_pieces(_without_signs(marked)))


def from_first_match(pieces: Sequence[PassagePiece]) -> tuple[PassagePiece, ...]:
    """Returns a passage with only a few characters before its first match, for a narrow place."""
    if not pieces or pieces[0].is_marked or len(pieces[0].text) <= FEW_CHARS:
        return tuple(pieces)
    few = pieces[0].text[-FEW_CHARS:]
    return (PassagePiece(f"…{few.partition(' ')[2] or few}", is_marked=False), *pieces[1:])


def _match_positions(text: str, words: Sequence[str]) -> list[int]:
    """Returns possible positions of the words: first where a word begins with a search term, then with its first half."""
    halves = [word[: max(3, (len(word) + 1) // 2)] for word in words]
    positions = [
        position for beginnings in (words, halves) for position in islice(_beginning_with(beginnings, text), MOST_MATCHES)
    ]
    return positions or [0]


def _beginning_with(beginnings: Sequence[str], text: str) -> Iterator[int]:
    either = "|".join(re.escape(beginning) for beginning in beginnings)
    end = 0
    for match in re.finditer(rf"(?<![^\W_])(?:{either})", text, re.IGNORECASE):
        # Closer matches are in the same passage.
        if match.start() >= end:
            yield match.start()
            end = match.start() + AFTER_CHARS


def _cut_out(text: str, position: int, *, is_cut: bool) -> str:
    start = text.rfind(" ", 0, max(0, position - BEFORE_CHARS)) + 1 if position > BEFORE_CHARS else 0
    start, end = max(start, position - 2 * BEFORE_CHARS, 0), position + AFTER_CHARS
    is_inside = start > 0 or is_cut
    return f"{'…' if is_inside else ''}{text[start:end].translate(MARKS)}{'…' if end < len(text) else ''}"


def _marked(cuts: Sequence[str], words: Sequence[str]) -> list[str]:
    """Marks the matches in these texts, using the same tokenizer and stemmer as the search index."""
    query = " OR ".join(f'"{word}"' for word in words) + "*"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE cuts USING fts5(cut, tokenize='porter unicode61 remove_diacritics 2')")
        connection.executemany("INSERT INTO cuts (cut) VALUES (?)", [(cut,) for cut in cuts])
        marked = "SELECT highlight(cuts, 0, ?, ?) FROM cuts WHERE cuts MATCH ? ORDER BY rowid"
        return [row[0] for row in connection.execute(marked, (OPENS, CLOSES, query))]


def _marked_anywhere(text: str, words: Sequence[str], *, is_cut: bool) -> str:
    """Returns the first marked part of the whole text: words with other accents have other letters than the search terms."""
    starts = range(0, len(text), AFTER_CHARS)
    for some in (starts[first : first + PARTS_AT_ONCE] for first in range(0, len(starts), PARTS_AT_ONCE)):
        if marked := _marked([_cut_out(text, start, is_cut=is_cut) for start in some], words):
            return marked[0]
    return ""


def _without_signs(passage: str) -> str:
    """Removes the markdown from a passage, unless a marked word would be lost with it."""
    words = plain(passage)
    return words if words.count(OPENS) == passage.count(OPENS) else passage


def _pieces(passage: str) -> list[PassagePiece]:
    pieces: list[PassagePiece] = []
    for part in passage.split(OPENS):
        marked, _, rest = part.rpartition(CLOSES)
        pieces += [PassagePiece(marked.replace(CLOSES, ""), True), PassagePiece(rest, False)]
    return [piece for piece in pieces if piece.text]
