"""Collapsible parts: `<details>` and `<summary>` on separate lines, the only HTML that is interpreted. Pure."""

import re

from markdown_it.rules_block import StateBlock

# The possessive `*+` matches blanks without backtracking: a long run of them that is followed by something fails immediately.
OPENING = re.compile(r"<details(?: open)?>[ \t]*+(?:<summary>(.*?)</summary>[ \t]*+)?\Z", re.IGNORECASE)
SUMMARY = re.compile(r"<summary>(.*?)</summary>[ \t]*\Z", re.IGNORECASE)
CLOSING = re.compile(r"</details>[ \t]*\Z", re.IGNORECASE)
MAX_SUMMARY_CHARS = 300
UNNAMED = "Details"


def details(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """The block rule for collapsible parts; an unclosed one extends to the end of its container."""
    first = None if state.is_code_block(start) else OPENING.match(_line(state, start))
    if not first or state.level >= state.md.options["maxNesting"]:
        return False
    if silent:
        return True
    line = _end(state, start + 1, end)
    below = SUMMARY.match(_line(state, start + 1)) if not first[1] and start + 1 < line else None
    opening = state.push("details_open", "details", 1)
    opening.map = [start, min(line + 1, end)]
    _summarise(state, (below or first)[1] or UNNAMED, start)
    _parse(state, start + 1 + bool(below), line)
    state.push("details_close", "details", -1)
    state.line = min(line + 1, end)
    return True


def _end(state: StateBlock, line: int, end: int) -> int:
    """Returns the line that closes the part opened before it, or where the surrounding text ends."""
    depth, is_code = 1, False
    while line < end and (state.isEmpty(line) or state.sCount[line] >= state.blkIndent):
        text = _line(state, line)
        is_code ^= text.startswith(("```", "~~~"))
        depth += 0 if is_code else bool(OPENING.match(text)) - bool(CLOSING.match(text))
        if not depth:
            return line
        line += 1
    return line


def _summarise(state: StateBlock, words: str, line: int) -> None:
    state.push("summary_open", "summary", 1)
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = words.strip()[:MAX_SUMMARY_CHARS], [line, line + 1], []
    state.push("summary_close", "summary", -1)


def _parse(state: StateBlock, start: int, end: int) -> None:
    outside, state.lineMax = state.lineMax, end
    state.md.block.tokenize(state, start, end)
    state.lineMax = outside


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
