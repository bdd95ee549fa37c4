"""Finds macros in a text, the inner ones first: `{{name}}`, `{{name::one::two}}`, `{{name:one}}`, `{{name one}}`. Pure."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

BRACES = re.compile(r"\{\{(?!\{)|\}\}")
HEAD = re.compile(r"(//|[a-z][a-z0-9_]{0,40}(?=(\s?::?|\s|\Z)))\2?", re.IGNORECASE | re.ASCII)
BETWEEN, COMMA = re.compile("::"), re.compile(r"(?<!\\),")
NEWLINES = "\r\n"
# Deeper ones stay as they were written; what is in them does not.
MOST_DEPTH = 12


class Piece(NamedTuple):
    """A part of a text; one that a macro gave is never taken apart."""

    text: str
    is_written: bool = False


# Takes away the line breaks on both of its sides.
TRIM = Piece("")


class Call(NamedTuple):
    """A macro as it was written at a place: its name in small letters, and what stands behind it, if anything can."""

    name: str
    start: int
    pieces: Sequence[Piece] | None

    @property
    def text(self) -> str:
        """All that stands behind its name."""
        return joined(self.pieces or ())

    @property
    def most_choices(self) -> int:
        """No fewer than there are."""
        return 1 + sum(each.text.count("::") + each.text.count(",") for each in self.pieces or ())

    def choice(self, draw: Callable[[int], int]) -> str:
        """One of what stands between `::` or, without these, between commas, where `\\,` is one of them."""
        if len(parts := _split(self.pieces or (), BETWEEN)) > 1:
            return joined(parts[draw(len(parts))])
        parts = _split(self.pieces or (), COMMA)
        return joined(_with_commas(parts[draw(len(parts))])).strip()


@dataclass(slots=True)
class _Open:
    start: int
    pieces: list[Piece] = field(default_factory=list)


# What a macro becomes; None leaves it as it was written.
Meaning = Callable[[Call], Piece | None]


def replaced(text: str, meaning: Meaning, *, goes_on: Callable[[], bool], rest: Callable[[str], str]) -> str:
    """The text with its macros replaced, in one pass; as soon as it does not go on, what is left is what `rest` makes of it."""
    done, opened, at = list[Piece](), deque[_Open](), 0
    for found in BRACES.finditer(text):
        if not goes_on():
            at = opened[0].start if opened else at
            opened.clear()
            break
        here = opened[-1].pieces if opened else done
        here.append(Piece(text[at : found.start()], is_written=True))
        at = found.end()
        if found[0] == "{{":
            opened.append(_Open(found.start()))
            if len(opened) > MOST_DEPTH:
                done += _unclosed(opened.popleft())
        elif opened:
            closed = opened.pop()
            (opened[-1].pieces if opened else done).append(_replaced(closed, meaning))
        else:
            here.append(Piece("}}", is_written=True))
    for each in opened:
        done += _unclosed(each)
    return joined((*done, Piece(rest(text[at:]))))


def joined(pieces: Iterable[Piece]) -> str:
    """The pieces as one text."""
    found, is_trimmed = list[str](), False
    for piece in pieces:
        if piece is TRIM:
            _trim_end(found)
            is_trimmed = True
        elif text := piece.text.lstrip(NEWLINES) if is_trimmed else piece.text:
            found.append(text)
            is_trimmed = False
    return "".join(found)


def _replaced(macro: _Open, meaning: Meaning) -> Piece:
    call = _call(macro)
    given = meaning(call) if call else None
    return Piece(f"{{{{{joined(macro.pieces)}}}}}") if given is None else given


def _call(macro: _Open) -> Call | None:
    first, *others = macro.pieces
    head = HEAD.match(first.text)
    if not head or (others and head.end() == len(first.text) and not head[2] and head[1] != "//"):
        return None
    rest = [Piece(first.text[head.end() :], is_written=True), *others]
    return Call(head[1].lower(), macro.start, rest if head[2] or head[1] == "//" else None)


def _unclosed(macro: _Open) -> Iterator[Piece]:
    yield Piece("{{", is_written=True)
    yield from macro.pieces


def _split(pieces: Iterable[Piece], between: re.Pattern[str]) -> list[list[Piece]]:
    found: list[list[Piece]] = [[]]
    for piece in pieces:
        if not piece.is_written:
            found[-1].append(piece)
            continue
        first, *others = between.split(piece.text)
        found[-1].append(Piece(first, is_written=True))
        found += [[Piece(each, is_written=True)] for each in others]
    return found


def _with_commas(pieces: Iterable[Piece]) -> Iterator[Piece]:
    for each in pieces:
        yield Piece(each.text.replace(r"\,", ",")) if each.is_written else each


def _trim_end(texts: list[str]) -> None:
    while texts:
        texts[-1] = texts[-1].rstrip(NEWLINES)
        if texts[-1]:
            return
        texts.pop()
