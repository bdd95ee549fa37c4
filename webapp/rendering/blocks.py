"""Limits for one block: a block that is too long is parsed as several. Pure.

A growing text can still change only in its last block, which is rendered again as it grows. Limiting the block limits that
work; the same limits apply to a text that does not grow, so that both give the same result. A code fence is not limited: it
costs little.
"""

from bisect import bisect_left

from markdown_it.rules_block import StateBlock, fence
from markdown_it.rules_block.table import table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from webapp.rendering.prose import prose_tokens

# From `LONG` characters on, a block is split where its next item begins; from `MAX` on, at any line.
LONG_BLOCK_CHARS = 5_000
MAX_BLOCK_CHARS = 10_000
# A line costs as much time as this many characters, however short it is.
LINE_CHARS = 10
# Longer inline texts are shown without markup: they are no prose, and brackets in one cost ten seconds per megabyte.
MAX_INLINE_CHARS = 5_000
# For each opening bracket the parser scans to the end of the text: 3,000 of them in 5,000 characters take a third of a second.
MAX_BRACKETS = 300
# 13 KB of table can become 664 KB of HTML. Each cell costs 10 microseconds, and each row as much as `ROW_CELLS` more.
MAX_TABLE_CHARS = 24_000
MAX_COLUMNS = 100
MAX_CELLS_PER_TABLE = 4_000
MAX_CELLS = 20_000
ROW_CELLS = 4
UNLIMITED = {"fence", "table_open"}


def blocks(state: StateCore) -> None:
    """Replaces the core rule `block`: parses one top-level block at a time, or plain prose at once.

    A block without tokens, such as a link definition, gets a `definition` token, so that it can be sealed as well.
    """
    state.env.setdefault("references", {})
    if prose := prose_tokens(state.src, MAX_INLINE_CHARS):
        state.tokens.extend(prose)
    else:
        one_by_one(state)


def one_by_one(state: StateCore) -> None:
    """Parses the blocks by the rules."""
    block = StateBlock(state.src, state.md, state.env, state.tokens)
    line = block.skipEmptyLines(0)
    while line < block.lineMax:
        _one_block(block, line)
        line = block.skipEmptyLines(block.line)


def inlines(state: StateCore) -> None:
    """Replaces the core rule `inline`: parses what is not parsed yet, and within the limits on length and brackets."""
    for token in state.tokens:
        if token.children:
            continue
        if token.type == "inline" and is_writing(token.content):
            token.children = []
            state.md.inline.parse(token.content, state.md, state.env, token.children)
        elif token.type == "inline":
            token.children = [Token("text", "", 0, content=token.content)]


def is_writing(content: str) -> bool:
    """Returns whether a text is within the limits for inline parsing."""
    return len(content) <= MAX_INLINE_CHARS and content.count("[") <= MAX_BRACKETS


def table_within_limits(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Wraps the block rule `table`: a table that is too wide becomes a paragraph, and so do the rows beyond the limit."""
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
    """Parses a block up to the limit, or, if it continues there, up to its next item."""
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
    # The list rule advances from `block.line` past an empty item.
    end, block.line = block.lineMax, line
    limits = {fence: end, table_within_limits: _line_at(block, line, MAX_TABLE_CHARS)}
    for rule in block.md.block.ruler.getRules(""):
        # Some rules read `lineMax`, others their argument.
        block.lineMax = limits.get(rule, limit)
        if rule(block, line, block.lineMax, False):
            break
    block.lineMax = end


def _next_item(block: StateBlock, start: int, limit: int) -> int:
    """Returns the first line from the limit on that begins like the block, or the line where `MAX_BLOCK_CHARS` are reached."""
    end = _short_of(block, start, MAX_BLOCK_CHARS)
    return next((line for line in range(limit, end) if _kind(block, line) == _kind(block, start)), end)


def _short_of(block: StateBlock, start: int, chars: int) -> int:
    """Returns the line like `_line_at`, or an earlier one after as many lines as cost the same time."""
    return min(_line_at(block, start, chars), start + chars // LINE_CHARS)


def _line_at(block: StateBlock, start: int, chars: int) -> int:
    """Returns the first line that begins at least this many characters after the start of line `start`."""
    return max(start + 1, bisect_left(block.bMarks, block.bMarks[start] + chars, hi=block.lineMax))


def _kind(block: StateBlock, line: int) -> tuple[int, str]:
    first = block.src[block.bMarks[line] + block.tShift[line] : block.eMarks[line]][:1]
    return block.sCount[line], "1" if first.isdecimal() else first
