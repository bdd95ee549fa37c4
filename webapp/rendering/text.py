"""Strips Markdown to plain text, for search, titles and announcements. Pure."""

import re
from collections.abc import Iterable, Iterator

from markdown_it.token import Token

from webapp.rendering.blocks import is_writing
from webapp.rendering.markdown_rules import parser

TITLE_READS_CHARS = 2_000

_markdown = parser()
# A fast path for most titles and many questions: one line that begins with a letter and contains no markup characters.
_unmarked = re.compile(r"[^\W\d_](?:[^\W_]|[ ,.?!'])*")


def plain(text: str) -> str:
    """Returns the words of a Markdown text, one line per block, including code and the labels of images."""
    if _unmarked.fullmatch(text):
        return text.strip()
    return "\n".join(_lines(text, between_cells=" ", with_code=True))


def spoken_lines(text: str) -> list[str]:
    """Returns what of a Markdown text can be read aloud, one line per block, without code."""
    return _lines(text, between_cells=", ", with_code=False)


def inline_words(text: str) -> str:
    """Returns the words of a text within a block, such as a table's cell, without markup."""
    if _unmarked.fullmatch(text) or not is_writing(text):
        return text.strip()
    children: list[Token] = []
    _markdown.inline.parse(text, _markdown, {"references": {}}, children)
    return _words(children).strip()


def title(text: str, limit: int = 60) -> str:
    """Returns the first words of a message; empty if it has none."""
    return first_words(plain(text[:TITLE_READS_CHARS]), limit)


def first_words(text: str, most_chars: int) -> str:
    """Returns a text without markup in one line, or its first words with an ellipsis."""
    words = " ".join(text.split())
    if len(words) <= most_chars:
        return words
    head, space, _ = words[:most_chars].rpartition(" ")
    return (head if space else words[: most_chars - 1]).rstrip(" ,;:–—-…") + "…"


def _lines(text: str, *, between_cells: str, with_code: bool) -> list[str]:
    lines = (line.strip() for line in _blocks(_markdown.parse(text), between_cells, with_code))
    return [line for line in lines if line]


def _blocks(tokens: Iterable[Token], between_cells: str, with_code: bool) -> Iterator[str]:
    row: list[str] | None = None
    for token in tokens:
        if token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            yield between_cells.join(row or [])
            row = None
        elif token.type == "inline" and row is not None:
            row.append(_words(token.children or []))
        elif token.type == "inline":
            yield _words(token.children or [])
        elif with_code and token.type in {"fence", "code_block"}:
            yield token.content


def _words(children: Iterable[Token]) -> str:
    return "".join(_word(child) for child in children)


def _word(child: Token) -> str:
    if child.type == "image":
        return _words(child.children or [])
    return " " if child.type in {"softbreak", "hardbreak"} else child.content
