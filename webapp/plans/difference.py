"""What has changed from one plan to the next, line by line of their texts. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Change = Literal["same", "old", "new"]
# More would hold up everybody while it is compared.
MOST_LINES = 1500


@dataclass(frozen=True, slots=True)
class Line:
    change: Change
    text: str


def difference(old: str, new: str) -> list[Line]:
    """The lines of both: what is the same, what was there, what is there now."""
    before, after = old.splitlines()[:MOST_LINES], new.splitlines()[:MOST_LINES]
    return [line for line in _lines(before, after) if line.text.strip()]


def _lines(before: list[str], after: list[str]) -> Iterator[Line]:
    for what, start, end, new_start, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            yield from (Line("same", text) for text in before[start:end])
        else:
            yield from (Line("old", text) for text in before[start:end])
            yield from (Line("new", text) for text in after[new_start:new_end])
