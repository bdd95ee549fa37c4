"""The limits of one block: a block that is too long is parsed as several. Pure.

Whatever grows can still change in its last block only, and is rendered again as it grows. That is bounded by bounding the
block, and so that the result is the same in one go, a text that does not grow is held to it too. A code fence
is not limited: it costs little.
"""

from bisect import bisect_left

from markdown_it.rules_block import StateBlock, fence
from markdown_it.rules_block.table import table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

# From here on a block is cut where its next item begins, from `MAX` on at any line.
LONG_BLOCK_CHARS = 5_000
MAX_BLOCK_CHARS = 10_000
# A line takes as long as so many characters, however short it is.
LINE_CHARS = 10
# Longer ones are shown as they are: it is not writing, and brackets in it cost ten seconds for a megabyte.
MAX_INLINE_CHARS = 5_000
# Each opening bracket is looked for to the end of its text: three thousand in 5 000 characters take a third of a second.
MAX_BRACKETS = 300
# 13 KB of table can become 664 KB of HTML, and each cell costs 10 microseconds, each row as much as some more.
MAX_TABLE_CHARS = 24_000
MAX_COLUMNS = 100
MAX_CELLS_PER_TABLE = 4_000
MAX_CELLS = 20_000
ROW_CELLS = 4
UNLIMITED = {"fence", "table_open"}


def blocks(state: StateCore) -> None:
    """The core rule `block`, one top-level block at a time; what makes none is marked, as it can be sealed as well."""
    block = StateBlock(state.src, state.md, state.env, state.tokens)
    state.env.setdefault("references", {})
    line = block.skipEmptyLines(0)
    while line < block.lineMax:
        _one_block(block, line)
        line = block.skipEmptyLines(block.line)


def inlines(state: StateCore) -> None:
    """The core rule `inline`, for what is short enough and no heap of brackets."""
    for token in state.tokens:
        if token.type == "inline" and is_writing(token.content):
            token.children = []
            state.md.inline.parse(token.content, state.md, state.env, token.children)
        elif token.type == "inline":
            token.children = [Token("text", "", 0, content=token.content)]


def is_writing(content: str) -> bool:
    """Whether a text is within the limits of what is looked through for marks."""
    return len(content) <= MAX_INLINE_CHARS and content.count("[") <= MAX_BRACKETS


def table_within_limits(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """The block rule `table`; what is too wide is a paragraph, and so are the rows beyond the limit."""
    if not table(state, start, end, True):
        return False
    delimiters = state.src[state.bMarks[start + 1] : state.eMarks[start + 1]]
    columns = len([part for part in delimiters.split("|") if part.strip(" \t>")])
    used = state.env.get("cells", 0)
    rows = min(MAX_CELLS_PER_TABLE // (columns + ROW_CELLS), (MAX_CELLS - used) // max(1, columns))
    if columns > MAX_COLUMNS or rows < 2:
        return False
    if not silent:
        first = len(state.tokens)
        table(state, start, min(end, start + 1 + rows), False)
        cells = columns * (state.line - start - 1)
        state.tokens[first].meta["cells"] = cells
        state.env["cells"] = used + cells
    return True


def _one_block(block: StateBlock, line: int) -> None:
    """Parses up to the limit, and if the block would go on there, up to its next item."""
    tokens, definitions, cells = len(block.tokens), len(block.env["references"]), block.env.get("cells", 0)
    limit, end = _short_of(block, line, LONG_BLOCK_CHARS), block.lineMax
    _parse(block, line, limit)
    is_long = limit <= block.line < end and not (block.tokens[tokens:] and block.tokens[tokens].type in UNLIMITED)
    if is_long and (item := _next_item(block, line, limit)) > limit:
        del block.tokens[tokens:]
        while len(block.env["references"]) > definitions:
            block.env["references"].popitem()
        block.env["cells"] = cells
        _parse(block, line, item)
    if len(block.tokens) == tokens:
        block.tokens.append(Token("definition", "", 0, map=[line, block.line]))


def _parse(block: StateBlock, line: int, limit: int) -> None:
    # An empty list item counts on from here.
    end, block.line = block.lineMax, line
    limits = {fence: end, table_within_limits: _line_at(block, line, MAX_TABLE_CHARS)}
    for rule in block.md.block.ruler.getRules(""):
        # Some rules look at the one, some at the other.
        block.lineMax = limits.get(rule, limit)
        if rule(block, line, block.lineMax, False):
            break
    block.lineMax = end


def _next_item(block: StateBlock, start: int, limit: int) -> int:
    """The first line from the limit on that begins as the block does."""
    end = _short_of(block, start, MAX_BLOCK_CHARS)
    return next((line for line in range(limit, end) if _kind(block, line) == _kind(block, start)), end)


def _short_of(block: StateBlock, start: int, chars: int) -> int:
    """The same, or as many lines further on as take as long."""
    return min(_line_at(block, start, chars), start + chars // LINE_CHARS)


def _line_at(block: StateBlock, start: int, chars: int) -> int:
    """The first line that begins at least so many characters after the start of another."""
    return max(start + 1, bisect_left(block.bMarks, block.bMarks[start] + chars, hi=block.lineMax))


def _kind(block: StateBlock, line: int) -> tuple[int, str]:
    first = block.src[block.bMarks[line] + block.tShift[line] : block.eMarks[line]][:1]
    return block.sCount[line], "1" if first.isdecimal() else first
