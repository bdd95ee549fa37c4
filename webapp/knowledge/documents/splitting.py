"""Splits a text into passages: at headings, then between paragraphs, and inside tables and code between lines. Pure.

Nothing is lost: the passages without their overlaps, concatenated, are the text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from webapp.knowledge.formats import BELOW

ENOUGH = 500
MOST = 1200
OVERLAP = 100
# A longer first line of a table or of code is not repeated before each part.
MOST_HEAD = 300
# These patterns must not backtrack, because a line can have a million characters; so `HEADING` leaves trailing marks to be
# stripped later.
HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)")
MARKS_BEHIND = " \t#"
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
RULE = re.compile(r"[ \t:|]*-[ \t:|-]*$")
SENTENCE = re.compile(r"[.!?…。！？][\"'”’)\]]*\s+|\n|[。！？]")
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A part of a text; `head` is to be put before it, and its first `overlap` characters repeat the end of the last piece."""

    path: Path
    text: str
    head: str = ""
    overlap: int = 0

    @property
    def heading(self) -> str:
        return BELOW.join(self.path)


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Consecutive lines of one kind, with the blank lines after them."""

    kind: str
    lines: list[str]


def split(text: str) -> Iterator[TextPiece]:
    """Yields the passages of a Markdown text in order; none is longer than `MOST`, including its head."""
    waiting: TextPiece | None = None
    for piece in _pieces(_blocks(text.splitlines(keepends=True))):
        joined = _joined(waiting, piece) if waiting else None
        if waiting and not joined:
            yield waiting
        waiting = joined or piece
    if waiting:
        yield waiting


def _joined(first: TextPiece, second: TextPiece) -> TextPiece | None:
    """Merges two pieces if one of them is small and neither has a head or an overlap."""
    is_small = min(len(first.text), len(second.text)) < ENOUGH
    if not is_small or first.head or second.head or second.overlap or len(first.text) + len(second.text) > MOST:
        return None
    is_headings = all(HEADING.match(line) for line in first.text.splitlines() if line.strip())
    path = second.path if is_headings else _common(first.path, second.path)
    return replace(first, path=path, text=first.text + second.text)


def _common(first: Path, second: Path) -> Path:
    shared = [one for one, other in zip(first, second, strict=False) if one == other]
    return first[: len(shared)]


def _blocks(lines: Iterable[str]) -> Iterator[LineBlock]:
    """Groups the lines into headings, code, tables and prose."""
    block, fence = LineBlock("", []), ""
    for line in lines:
        kind = "code" if fence else _kind_of(line)
        opens = kind == "code" and not fence
        if not line.strip() and not fence:
            block.lines.append(line)
            continue
        if block.lines and (opens or _is_new(block, kind, in_code=bool(fence))):
            yield block
            block = LineBlock(kind, [])
        elif not block.kind:
            block = LineBlock(kind, block.lines)
        block.lines.append(line)
        if opens and (match := FENCE.match(line)):
            fence = match.group(1)
        elif fence and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
    if block.lines:
        yield block


def _is_new(block: LineBlock, kind: str, *, in_code: bool) -> bool:
    if in_code:
        return False
    follows_blank = not block.lines[-1].strip()
    return bool(block.kind) and (kind != block.kind or kind == "heading" or follows_blank)


def _kind_of(line: str) -> str:
    if HEADING.match(line):
        return "heading"
    if FENCE.match(line):
        return "code"
    return "table" if line.lstrip().startswith("|") else "prose"


def _pieces(blocks: Iterable[LineBlock]) -> Iterator[TextPiece]:
    path: Path = ()
    levels: list[int] = []
    piece = TextPiece(path, "")
    for block in blocks:
        if block.kind == "heading" and (match := HEADING.match(block.lines[0])):
            if piece.text:
                yield piece
            while levels and levels[-1] >= len(match.group(1)):
                levels.pop()
            path = (*path[: len(levels)], match.group(2).rstrip(MARKS_BEHIND)[:120])
            levels.append(len(match.group(1)))
            piece = TextPiece(path, "")
        text = "".join(block.lines)
        if len(piece.text) + len(text) <= MOST:
            piece = replace(piece, text=piece.text + text)
            continue
        if piece.text:
            yield piece
        piece = TextPiece(path, "")
        if len(text) <= MOST:
            piece = replace(piece, text=text)
        else:
            yield from _cut(path, block)
    if piece.text:
        yield piece


def _cut(path: Path, block: LineBlock) -> Iterator[TextPiece]:
    """Splits a block that is too long: prose with an overlap, tables and code with their head repeated before each part."""
    if block.kind in ("prose", "heading"):
        yield from _cut_prose(path, "".join(block.lines))
        return
    head = _head_of(block)
    text, is_first = "", True
    for line in _short("".join(block.lines), MOST - len(head)):
        if text and len(text) + len(line) > MOST - (0 if is_first else len(head)):
            yield TextPiece(path, text, "" if is_first else head)
            text, is_first = "", False
        text += line
    if text:
        yield TextPiece(path, text, "" if is_first else head)


def _head_of(block: LineBlock) -> str:
    rows = 2 if block.kind == "table" and len(block.lines) > 1 and RULE.match(block.lines[1]) else 1
    head = "".join(block.lines[:rows])
    return head if len(head) <= MOST_HEAD and len(block.lines) > rows else ""


def _short(text: str, most: int) -> Iterator[str]:
    """Yields the lines of a text; lines longer than `most` are split."""
    for line in text.splitlines(keepends=True):
        yield from (line[start : start + most] for start in range(0, len(line), most))


def _cut_prose(path: Path, text: str) -> Iterator[TextPiece]:
    start = overlap = 0
    while start < len(text):
        room = MOST - overlap
        end = len(text) if len(text) - start <= room else start + _end(text[start : start + room])
        yield TextPiece(path, text[start - overlap : end], overlap=overlap)
        start, overlap = end, min(OVERLAP, end)


def _end(text: str) -> int:
    """Returns where to cut: after a sentence in the second half, else after a word, else at the end."""
    half = len(text) // 2
    sentences = [match.end() for match in SENTENCE.finditer(text, half)]
    word = text.rfind(" ", half) + 1
    return sentences[-1] if sentences else word or len(text)
