"""What of an answer is read aloud, in which pieces. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from webapp.rendering.text import spoken_lines

# A longer sentence is cut between words. Pages cut at the same length (aloud.js).
MOST_SENTENCE = 500
ENDS = re.compile(r"(?<=[.!?…])\s+")
PARTS = re.compile(rf"\S.{{0,{MOST_SENTENCE - 1}}}(?=\s|$)|\S{{{MOST_SENTENCE}}}")


def sentences(text: str) -> list[str]:
    """Returns the sentences of a Markdown text, without its code; a row of a table is one."""
    lines = (" ".join(line.split()) for line in spoken_lines(text))
    return [part for line in lines for sentence in ENDS.split(line) for part in PARTS.findall(sentence)]


def beginning(spoken: Sequence[str], most_chars: int) -> list[str]:
    """Returns the first sentences, up to so many characters."""
    return [sentence for sentence, end in zip(spoken, accumulate(map(len, spoken)), strict=True) if end <= most_chars]


def pieces(spoken: Iterable[str], *, most_chars: int, first_chars: int) -> Iterator[str]:
    """Joins sentences to pieces of so many characters; the first is shorter, as it is waited for."""
    piece, most = "", first_chars
    for sentence in spoken:
        if piece and len(piece) + 1 + len(sentence) > most:
            yield piece
            piece, most = "", most_chars
        piece = f"{piece} {sentence}".strip()
    if piece:
        yield piece
