"""Finds what has a preview in texts; for long ones in a child process, as a text can be crafted to take long. Pure."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO

from markdown_it import MarkdownIt
from markdown_it.token import Token

from webapp.rendering.markdown_rules import parser
from webapp.rendering.previews import PreviewSource, language, number_blocks, own_title
from webapp.rendering.tabular import records
from webapp.rendering.text import first_words, inline_words

# Finds the blocks of a text alone, and numbers those of code and tables.
_BLOCKS: MarkdownIt = parser()
_BLOCKS.core.ruler.enableOnly(["normalize", "block", number_blocks.__name__])
# A line in bold right above something is its heading.
MAX_HEADING_CHARS, MAX_NAME_CHARS = 200, 60
BOLD = re.compile(r"\*\*([^*\n]{1,120})\*\*:?")


def pieces(file: IO[bytes]) -> Iterator[dict[int, PreviewSource]]:
    yield from map(previewed, json.loads(file.read()))


def previewed(text: str) -> dict[int, PreviewSource]:
    """Returns what has a preview in a text, by its number."""
    tokens = _BLOCKS.parse(text, {"references": {}})
    return {number: source(tokens, at, title) for number, at, title in titled_blocks(tokens) if "preview" in tokens[at].meta}


def name_of(preview: PreviewSource) -> str:
    """Returns the title that a preview has in its source, or the heading above it, or of a table its columns; else nothing."""
    if own := own_title(preview) or inline_words(preview.heading):
        return own
    columns = next(records(preview.content), []) if preview.kind == "table" else []
    return first_words(", ".join(cell.strip() for cell in columns if cell.strip()), MAX_NAME_CHARS)


def titled_blocks(tokens: Sequence[Token]) -> Iterator[tuple[int, int, str]]:
    """Yields the number of each table and block of code, its place, and as Markdown the line in bold or heading above it."""
    number, heading = 0, ""
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = tokens[at + 1].content[:MAX_HEADING_CHARS]
        elif "blocks" in token.meta:
            yield number, at, _bold_line(tokens[max(0, at - 3) : at]) or heading
            number += 1


def source(tokens: Sequence[Token], at: int, title: str) -> PreviewSource:
    """Returns what this table or block of code is as a preview; its kind is empty if it has none."""
    if tokens[at].type == "table_open":
        return PreviewSource("table", _as_csv(islice(tokens, at, None)), title)
    return PreviewSource(language(tokens[at].info), tokens[at].content, title)


def _bold_line(before: Sequence[Token]) -> str:
    match = BOLD.fullmatch(before[1].content) if before and before[-1].type == "paragraph_close" else None
    return match[1] if match else ""


def _as_csv(tokens: Iterable[Token]) -> str:
    """Returns the table that begins here, its cells as they are read, without markup."""
    file = io.StringIO()
    writer, row = csv.writer(file, lineterminator="\n"), list[str]()
    for token in tokens:
        if token.type == "inline":
            row.append(inline_words(token.content))
        elif token.type == "tr_close":
            writer.writerow(row)
            row = []
        elif token.type == "table_close":
            break
    return file.getvalue()
