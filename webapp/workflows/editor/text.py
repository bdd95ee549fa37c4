"""The text in the editor: where its faults are, and the correction of one. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from webapp.workflows.definition.parsing import WorkflowFault

WORD = re.compile(r"[\w.-]+|\S|\Z")


@dataclass(frozen=True, slots=True)
class PlacedFault:
    """A fault with the part of the text that it is about, counted as browsers do, in UTF-16."""

    line: int
    column: int
    message: str
    hint: str
    wrong: str
    meant: str
    start: int
    end: int


def placed(source: str, faults: Sequence[WorkflowFault]) -> list[PlacedFault]:
    lines = source.split("\n")
    return [_placed(source, lines, fault) for fault in faults]


def _placed(source: str, lines: list[str], fault: WorkflowFault) -> PlacedFault:
    start = _index(lines, fault.line, fault.column)
    match = WORD.search(source, start)
    end = start + len(fault.wrong) if fault.wrong else match.end() if match else start
    places = (in_utf16(source[:place]) for place in (start, end))
    return PlacedFault(fault.line, fault.column, fault.message, fault.hint, fault.wrong, fault.meant, *places)


def _index(lines: list[str], line: int, column: int) -> int:
    """Returns the index of a position; one behind the end of its line, or of the text, is that end."""
    row = min(max(line, 1), len(lines)) - 1
    return sum(len(text) + 1 for text in lines[:row]) + (min(max(column, 1) - 1, len(lines[row])) if row == line - 1 else 0)


def in_utf16(text: str) -> int:
    """Returns the length of a text as browsers count it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def corrected(source: str, line: int, column: int, wrong: str, meant: str) -> str:
    """Returns the text with this word at this position replaced; unchanged if another one is there by now."""
    start = _index(source.split("\n"), line, column)
    return source[:start] + meant + source[start + len(wrong) :] if wrong and source.startswith(wrong, start) else source
