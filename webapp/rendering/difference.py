"""The line-by-line difference between two texts. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Change = Literal["same", "old", "new"]
# Comparing more would block the event loop for too long. So would lines that occur again and again, but SequenceMatcher ignores
# them in its search for matches.
MOST_LINES = 800


@dataclass(frozen=True, slots=True)
class DiffLine:
    change: Change
    text: str


def difference(old: str, new: str) -> list[DiffLine]:
    """Returns the lines of both texts, each marked as unchanged, removed or added."""
    before, after = old.splitlines()[:MOST_LINES], new.splitlines()[:MOST_LINES]
    return [line for line in _lines(before, after) if line.text.strip()]


def _lines(before: list[str], after: list[str]) -> Iterator[DiffLine]:
    for what, start, end, new_start, new_end in SequenceMatcher(None, before, after).get_opcodes():
        if what == "equal":
            yield from (DiffLine("same", text) for text in before[start:end])
        else:
            yield from (DiffLine("old", text) for text in before[start:end])
            yield from (DiffLine("new", text) for text in after[new_start:new_end])
