"""The difference between two texts, by lines, and by words in lines that were changed. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import Literal

Change = Literal["same", "old", "new"]
# Comparing more would block the event loop for too long. So would lines that occur again and again, but SequenceMatcher ignores
# them in its search for matches.
MOST_LINES = 800
# How many pairs of words are compared for one page: about 30 ms.
MOST_PAIRS = 150_000
# Lines that have less in common than this were rewritten.
LEAST_IN_COMMON = 0.3
WORDS = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")
Pieces = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of either text; `pieces` are its parts, each with whether it is one of the words that were changed."""

    change: Change
    text: str
    pieces: Pieces = ()


def difference(old: str, new: str) -> list[DiffLine]:
    """Returns the lines of both texts, each marked as unchanged, removed or added."""
    before, after = old.splitlines()[:MOST_LINES], new.splitlines()[:MOST_LINES]
    return [line for line in _lines(before, after) if line.text.strip()]


def _lines(before: list[str], after: list[str]) -> Iterator[DiffLine]:
    pairs_left = MOST_PAIRS
    for what, start, end, new_start, new_end in SequenceMatcher(None, before, after).get_opcodes():
        if what == "equal":
            yield from (DiffLine("same", text) for text in before[start:end])
            continue
        old, new = list[DiffLine](), list[DiffLine]()
        for was, now in zip_longest(before[start:end], after[new_start:new_end]):
            words = tuple(WORDS.findall(text) for text in (was or "", now or ""))
            pairs_left -= len(words[0]) * len(words[1])
            was_pieces, now_pieces = _changed_words(*words) if pairs_left >= 0 else ((), ())
            old += [DiffLine("old", was, was_pieces)] if was is not None else []
            new += [DiffLine("new", now, now_pieces)] if now is not None else []
        yield from (*old, *new)


def _changed_words(old: Sequence[str], new: Sequence[str]) -> tuple[Pieces, Pieces]:
    """Returns the pieces of both lines; none if they have too little in common to be the same line.

    By the longest common subsequence, as SequenceMatcher takes cubic time for words that occur again and again.
    """
    lengths = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for row in range(len(old) - 1, -1, -1):
        below, here, word = lengths[row + 1], lengths[row], old[row]
        for column in range(len(new) - 1, -1, -1):
            is_same = word == new[column]
            here[column] = below[column + 1] + 1 if is_same else max(below[column], here[column + 1])
    if lengths[0][0] < LEAST_IN_COMMON * max(len(old), len(new)) or not lengths[0][0]:
        return (), ()
    removed, added, row, column = [True] * len(old), [True] * len(new), 0, 0
    while row < len(old) and column < len(new):
        if old[row] == new[column]:
            removed[row] = added[column] = False
            row, column = row + 1, column + 1
        elif lengths[row + 1][column] >= lengths[row][column + 1]:
            row += 1
        else:
            column += 1
    return _pieces(old, removed), _pieces(new, added)


def _pieces(words: Sequence[str], changed: Sequence[bool]) -> Pieces:
    groups = groupby(zip(words, changed, strict=True), key=lambda pair: pair[1])
    return tuple(("".join(word for word, _ in group), is_changed) for is_changed, group in groups)
