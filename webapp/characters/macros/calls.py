"""Parses and replaces macro calls: `{{name}}`, `{{name::one::two}}`, `{{name:one}}`, `{{name one}}`. Pure."""

import re
import textwrap
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from webapp.characters.macros.tree import Macro, Part, parsed

BETWEEN, COMMA = re.compile("::"), re.compile(r"(?<!\\),")
NEWLINES = "\r\n"
# Shorthands for variables, `{{.name}}` and `{{$name}}` with an optional operator; `DOES` and `ENDS` are the two halves of the
# names of the macros that they expand to.
SHORT = re.compile(
    r"\s{0,9}([.$])\s{0,9}([a-z](?:[\w-]{0,98}\w)?)\s{0,9}(\+\+\s*\Z|--\s*\Z|\+=|=(?!=)|\Z)", re.IGNORECASE | re.ASCII
)
DOES = {"": "get", "=": "set", "+=": "add", "++": "inc", "--": "dec"}
ENDS = {".": "var", "$": "globalvar"}
COMMENTS = ("//", "comment")
FALSE = frozenset(("", "false", "0", "off", "no"))


class Piece(NamedTuple):
    """A piece of text. Only written text is split into arguments, never the output of a macro."""

    text: str
    is_written: bool = False


# The output of `{{trim}}`: `joined` removes the line breaks on both sides of it.
TRIM = Piece("")
SEPARATOR = Piece("::", is_written=True)


class Call(NamedTuple):
    """A macro call: its name in lower case, its offset in the text, and its arguments, or None if it has none."""

    name: str
    start: int
    pieces: Sequence[Piece] | None

    @property
    def text(self) -> str:
        """All arguments as one text."""
        return joined(self.pieces or ())

    @property
    def parts(self) -> list[str]:
        """The arguments between `::`, without surrounding whitespace."""
        return [joined(each).strip() for each in _split(self.pieces or (), BETWEEN)] if self.pieces else []

    @property
    def most_choices(self) -> int:
        """An upper bound on the number of choices, without splitting the text."""
        return 1 + sum(each.text.count("::") + each.text.count(",") for each in self.pieces or ())

    def choice(self, draw: Callable[[int], int]) -> str:
        """Draws one of the arguments between `::` or, without any `::`, between commas not escaped by a backslash."""
        if len(parts := _split(self.pieces or (), BETWEEN)) > 1:
            return joined(parts[draw(len(parts))])
        parts = _split(self.pieces or (), COMMA)
        return joined(_with_commas(parts[draw(len(parts))])).strip()


# Returns the replacement of a macro call; None leaves it as written.
Meaning = Callable[[Call], Piece | None]


def replaced(
    text: str, meaning: Meaning, *, is_within: Callable[[], bool], rest: Callable[[str], str], named: Container[str] = ()
) -> str:
    """Replaces the macros of a text, inner ones first; once `is_within` returns False, the remaining text is passed to `rest`.

    A condition that is one of `named` counts as empty if the macro has no value.
    """
    parts, end = parsed(text, is_within)
    return joined((*_Replacing(text, meaning, named).pieces(parts), Piece(rest(text[end:]))))


def joined(pieces: Iterable[Piece]) -> str:
    """Joins the pieces into one text."""
    found, is_trimmed = list[str](), False
    for piece in pieces:
        if piece is TRIM:
            _trim_end(found)
            is_trimmed = True
        elif text := piece.text.lstrip(NEWLINES) if is_trimmed else piece.text:
            found.append(text)
            is_trimmed = False
    return "".join(found)


class _Replacing:
    def __init__(self, text: str, meaning: Meaning, named: Container[str]) -> None:
        self._text, self._meaning, self._names = text, meaning, named

    def pieces(self, parts: Iterable[Part]) -> Iterator[Piece]:
        for each in parts:
            yield Piece(each, is_written=True) if isinstance(each, str) else self._replaced(each)

    def _replaced(self, macro: Macro) -> Piece:
        if macro.scope == "if" and macro.body is not None:
            return self._chosen(macro)
        if macro.scope in COMMENTS and macro.body is not None:
            return Piece("")
        pieces = [*self.pieces(macro.parts)]
        call = _call(macro, pieces)
        if macro.body is not None:
            return self._around(macro, call, pieces)
        given = self._meaning(call) if call else None
        return Piece(f"{{{{{joined(pieces)}}}}}") if given is None else given

    def _chosen(self, macro: Macro) -> Piece:
        """Returns the branch that an `if` takes; the other one is not evaluated, so it has no side effects."""
        call = _call(macro, [*self.pieces(macro.parts)])
        chosen = macro.body if call and self._is_true(call) else macro.otherwise
        return Piece(_trimmed(macro, joined(self.pieces(chosen or ()))))

    def _around(self, macro: Macro, call: Call | None, pieces: list[Piece]) -> Piece:
        body = joined(self.pieces(macro.body or ()))
        inner = Piece(_trimmed(macro, body))
        if not call or call.name == "trim":
            return inner
        given = self._meaning(call._replace(pieces=[*call.pieces, SEPARATOR, inner] if call.pieces else [inner]))
        as_written = f"{{{{{joined(pieces)}}}}}{body}{self._text[macro.closer : macro.end]}"
        return Piece(as_written) if given is None else given

    def _is_true(self, call: Call) -> bool:
        pieces, text = call.pieces or (), call.text.strip()
        is_turned = bool(pieces) and pieces[0].text.lstrip().startswith("!")
        text = text[1:].strip() if is_turned else text
        # The output of a macro is never read as the name of one.
        if all(each.is_written for each in pieces) and (named := _named(text, call.start)):
            given = self._meaning(named)
            text = given.text.strip() if given else "" if named.pieces or named.name in self._names else text
        return (text.lower() in FALSE) == is_turned


def _named(text: str, start: int) -> Call | None:
    """Returns the macro that a condition names without braces, if it names one."""
    call = _call(Macro(start, start, [text]), [Piece(text, is_written=True)])
    return call if call and (not call.pieces or text[0] in ENDS) else None


def _call(macro: Macro, pieces: Sequence[Piece]) -> Call | None:
    first, *others = pieces
    head = macro.head
    if not head or (head[1] and macro.body is None):
        return _short(macro.start, pieces)
    if others and head.end() == len(first.text) and not head[3] and head[2] != "//":
        return None
    rest = [Piece(first.text[head.end() :], is_written=True), *others]
    return Call(head[2].lower(), macro.start, rest if head[3] or head[2] == "//" else None)


def _short(start: int, pieces: Sequence[Piece]) -> Call | None:
    first, *others = pieces
    found = SHORT.match(first.text) if first.is_written else None
    does = found[3].strip() if found else ""
    if not found or (others and does not in ("=", "+=")):
        return None
    name = Piece(found[2], is_written=True)
    given = [SEPARATOR, Piece(first.text[found.end() :]), *others] if does in ("=", "+=") else []
    return Call(f"{DOES[does]}{ENDS[found[1]]}", start, [name, *given])


def _trimmed(macro: Macro, text: str) -> str:
    """Removes the line breaks and indentation around the body of a block, unless its opening braces have a `#`."""
    head = macro.head
    return text if head and "#" in head[1] else textwrap.dedent(text.strip("\r\n")).strip()


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
