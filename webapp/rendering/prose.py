"""Parses plain prose without the rules of Markdown, none of which would find anything in it. Pure.

Most paragraphs of an answer are one line of letters and punctuation, and trying all rules on it takes ten times as long.
"""

import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

# Characters that begin no markup when they follow a letter of their line. Of these, only _ can mark words within a line.
PLAIN = r"[\w ,;:'\"?!.()‘’“”–—…-]"
PROSE = re.compile(rf"(?:[^\W\d_]{PLAIN}*+(?:\n\n++|\n?+\Z))++")


def prose_tokens(source: str, most_chars: int) -> Sequence[Token]:
    """Returns the tokens of a text of paragraphs that are one line each, at most this long; empty for any other text."""
    if "_" in source or not PROSE.fullmatch(source):
        return ()
    lines = source.split("\n")
    return () if max(map(len, lines)) > most_chars else list(_tokens(lines))


def _tokens(lines: Sequence[str]) -> Iterator[Token]:
    for number, line in enumerate(lines):
        if line:
            text, span = line.rstrip(" "), [number, number + 1]
            yield Token("paragraph_open", "p", 1, map=span, block=True)
            children = [Token("text", "", 0, content=text)]
            yield Token("inline", "", 0, map=span, level=1, children=children, content=text, block=True)
            yield Token("paragraph_close", "p", -1, block=True)
