"""Parses and replaces macro calls: `{{name}}`, `{{name::one::two}}`, `{{name:one}}`, `{{name one}}`. Pure."""

import re
import textwrap
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

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
BRACES = re.compile(r"\{\{(?!\{)|\}\}")
# The sign before a name (`#` or `/`), the name, and the separator after it.
HEAD = re.compile(r"(\s{0,9}[#/]?\s{0,9})(//|[a-z][a-z0-9_]{0,40}(?=(\s?::?|\s|\Z)))\3?", re.IGNORECASE | re.ASCII)
# Macros that can be written as a block, `{{name}}…{{/name}}`, and how many arguments each takes before the body, which becomes
# its last argument.
SCOPES = {"if": 1, "setvar": 1, "addvar": 1, "setglobalvar": 1, "addglobalvar": 1, "reverse": 0, "trim": 0, "//": 0, "comment": 0}
# Braces nested deeper than this stay as written on the outside; the macros inside them are still replaced.
MOST_DEPTH = 12


class MacroPiece(NamedTuple):
    """A piece of text. Only written text is split into arguments, never the output of a macro."""

    text: str
    is_written: bool = False


# The output of `{{trim}}`: `joined` removes the line breaks on both sides of it.
TRIM = MacroPiece("")
SEPARATOR = MacroPiece("::", is_written=True)


class MacroCall(NamedTuple):
    """A macro call: its name in lower case, its offset in the text, and its arguments, or None if it has none."""

    name: str
    start: int
    pieces: Sequence[MacroPiece] | None

    @property
    def text(self) -> str:
        """All arguments as one text."""
        return joined(self.pieces or ())

    @property
    def parts(self) -> list[str]:
        """The arguments between `::`, without surrounding whitespace."""
        return [joined(part).strip() for part in _split(self.pieces or (), BETWEEN)] if self.pieces else []

    @property
    def most_choices(self) -> int:
        """An upper bound on the number of choices, without splitting the text."""
        return 1 + sum(piece.text.count("::") + piece.text.count(",") for piece in self.pieces or ())

    def choice(self, draw: Callable[[int], int]) -> str:
        """Draws one of the arguments between `::` or, without any `::`, between commas not escaped by a backslash."""
        if len(parts := _split(self.pieces or (), BETWEEN)) > 1:
            return joined(parts[draw(len(parts))])
        parts = _split(self.pieces or (), COMMA)
        return joined(_with_commas(parts[draw(len(parts))])).strip()


# Returns the replacement of a macro call; None leaves it as written.
Meaning = Callable[[MacroCall], MacroPiece | None]


@dataclass(slots=True, eq=False)
class Macro:
    """A macro from `start` to `end`: the parts between its braces and, if it is a block, its body.

    `otherwise` is the body after `{{else}}`; `closer` is the offset of the closing braces, such as `{{/if}}`.
    """

    start: int
    end: int
    parts: list["Part"]
    body: list["Part"] | None = None
    otherwise: list["Part"] | None = None
    closer: int = 0
    height: int = 1

    @property
    def head(self) -> re.Match[str] | None:
        return HEAD.match(self.parts[0]) if isinstance(self.parts[0], str) else None

    @property
    def scope(self) -> str:
        """The name of the block that these braces can open; empty if they cannot open one."""
        if not (head := self.head) or "/" in head[1] or SCOPES.get(name := head[2].lower()) != self._count(head):
            return ""
        return name

    @property
    def closes(self) -> str:
        return self._alone("/")

    @property
    def is_else(self) -> bool:
        return self._alone("") == "else"

    def _alone(self, sign: str) -> str:
        head = self.head if len(self.parts) == 1 else None
        return head[2].lower() if head and head[1].strip() == sign and not self._rest(head).strip() else ""

    def _rest(self, head: re.Match[str]) -> str:
        return str(self.parts[0])[head.end() :]

    def _count(self, head: re.Match[str]) -> int:
        if len(self.parts) == 1 and ":" not in (head[3] or "") and not self._rest(head).strip():
            return 0
        return 1 + self._rest(head).count("::") + sum(part.count("::") for part in self.parts[1:] if isinstance(part, str))


Part = str | Macro


@dataclass(slots=True)
class _Open:
    """Unclosed braces, or the whole text; `scopes` has the indexes of the parts that could open a block, by name."""

    start: int = 0
    parts: list[Part] = field(default_factory=list)
    scopes: dict[str, list[int]] = field(default_factory=dict)

    @property
    def flat(self) -> list[Part]:
        return ["{{", *self.parts]

    def closed(self, end: int) -> Macro:
        return Macro(self.start, end, self.parts, height=1 + _height(self.parts))

    def take(self, macro: Macro) -> None:
        self.parts.append(macro)
        if name := macro.scope:
            self.scopes.setdefault(name, []).append(len(self.parts) - 1)
        elif (name := macro.closes) and self.scopes.get(name):
            self._end(macro, self.scopes[name].pop())

    def _end(self, closer: Macro, opener_index: int) -> None:
        opener, body = self.parts[opener_index], self.parts[opener_index + 1 : -1]
        height = 1 + _height(self.parts[opener_index:])
        if not isinstance(opener, Macro) or height > MOST_DEPTH:
            # A block around this one would be too deep as well.
            self.scopes.clear()
            return
        del self.parts[opener_index + 1 :]
        for openers in self.scopes.values():
            while openers and openers[-1] > opener_index:
                openers.pop()
        where = next((at for at, part in enumerate(body) if isinstance(part, Macro) and part.is_else), None)
        splits = where is not None and opener.scope == "if"
        opener.body, opener.otherwise = (body[:where], body[(where or 0) + 1 :]) if splits else (body, [])
        opener.closer, opener.end, opener.height = closer.start, closer.end, height


def parsed(text: str, is_within: Callable[[], bool]) -> tuple[list[Part], int]:
    """Returns the texts and macros in order, and the offset where parsing ended, early if `is_within` returned False."""
    whole, opened, at = _Open(), deque[_Open](), 0
    for match in BRACES.finditer(text):
        if not is_within():
            break
        here = opened[-1] if opened else whole
        here.parts.append(text[at : match.start()])
        at = match.end()
        if match[0] == "{{":
            opened.append(_Open(match.start()))
            if len(opened) > MOST_DEPTH:
                whole.parts += opened.popleft().flat
        elif opened:
            closed = opened.pop().closed(at)
            (opened[-1] if opened else whole).take(closed)
        else:
            here.parts.append("}}")
    for braces in opened:
        whole.parts += braces.flat
    return whole.parts, at


def _height(parts: Iterable[Part]) -> int:
    return max((part.height for part in parts if isinstance(part, Macro)), default=0)


def replaced(
    text: str, meaning: Meaning, *, is_within: Callable[[], bool], rest: Callable[[str], str], named: Container[str] = ()
) -> str:
    """Replaces the macros of a text, inner ones first; once `is_within` returns False, the remaining text is passed to `rest`.

    A condition that is one of `named` counts as empty if the macro has no value.
    """
    parts, end = parsed(text, is_within)
    return joined((*_Replacing(text, meaning, named).pieces(parts), MacroPiece(rest(text[end:]))))


def joined(pieces: Iterable[MacroPiece]) -> str:
    """Joins the pieces into one text."""
    parts, is_trimmed = list[str](), False
    for piece in pieces:
        if piece is TRIM:
            _trim_end(parts)
            is_trimmed = True
        elif text := piece.text.lstrip(NEWLINES) if is_trimmed else piece.text:
            parts.append(text)
            is_trimmed = False
    return "".join(parts)


class _Replacing:
    def __init__(self, text: str, meaning: Meaning, named: Container[str]) -> None:
        self._text, self._meaning, self._names = text, meaning, named

    def pieces(self, parts: Iterable[Part]) -> Iterator[MacroPiece]:
        for part in parts:
            yield MacroPiece(part, is_written=True) if isinstance(part, str) else self._replaced(part)

    def _replaced(self, macro: Macro) -> MacroPiece:
        if macro.scope == "if" and macro.body is not None:
            return self._chosen(macro)
        if macro.scope in COMMENTS and macro.body is not None:
            return MacroPiece("")
        pieces = [*self.pieces(macro.parts)]
        call = _call(macro, pieces)
        if macro.body is not None:
            return self._around(macro, call, pieces)
        piece = self._meaning(call) if call else None
        return MacroPiece(f"{{{{{joined(pieces)}}}}}") if piece is None else piece

    def _chosen(self, macro: Macro) -> MacroPiece:
        """Returns the branch that an `if` takes; the other one is not evaluated, so it has no side effects."""
        call = _call(macro, [*self.pieces(macro.parts)])
        chosen = macro.body if call and self._is_true(call) else macro.otherwise
        return MacroPiece(_trimmed(macro, joined(self.pieces(chosen or ()))))

    def _around(self, macro: Macro, call: MacroCall | None, pieces: list[MacroPiece]) -> MacroPiece:
        body = joined(self.pieces(macro.body or ()))
        inner = MacroPiece(_trimmed(macro, body))
        if not call or call.name == "trim":
            return inner
        piece = self._meaning(call._replace(pieces=[*call.pieces, SEPARATOR, inner] if call.pieces else [inner]))
        as_written = f"{{{{{joined(pieces)}}}}}{body}{self._text[macro.closer : macro.end]}"
        return MacroPiece(as_written) if piece is None else piece

    def _is_true(self, call: MacroCall) -> bool:
        pieces, text = call.pieces or (), call.text.strip()
        is_turned = bool(pieces) and pieces[0].text.lstrip().startswith("!")
        text = text[1:].strip() if is_turned else text
        # The output of a macro is never read as the name of one.
        if all(piece.is_written for piece in pieces) and (inner_call := _named(text, call.start)):
            meaning = self._meaning(inner_call)
            text = meaning.text.strip() if meaning else "" if inner_call.pieces or inner_call.name in self._names else text
        return (text.lower() in FALSE) == is_turned


def _named(text: str, start: int) -> MacroCall | None:
    """Returns the macro that a condition names without braces, if it names one."""
    call = _call(Macro(start, start, [text]), [MacroPiece(text, is_written=True)])
    return call if call and (not call.pieces or text[0] in ENDS) else None


def _call(macro: Macro, pieces: Sequence[MacroPiece]) -> MacroCall | None:
    first, *others = pieces
    head = macro.head
    if not head or (head[1] and macro.body is None):
        return _short(macro.start, pieces)
    if others and head.end() == len(first.text) and not head[3] and head[2] != "//":
        return None
    rest = [MacroPiece(first.text[head.end() :], is_written=True), *others]
    return MacroCall(head[2].lower(), macro.start, rest if head[3] or head[2] == "//" else None)


def _short(start: int, pieces: Sequence[MacroPiece]) -> MacroCall | None:
    first, *others = pieces
    match = SHORT.match(first.text) if first.is_written else None
    does = match[3].strip() if match else ""
    if not match or (others and does not in ("=", "+=")):
        return None
    name = MacroPiece(match[2], is_written=True)
    replacement = [SEPARATOR, MacroPiece(first.text[match.end() :]), *others] if does in ("=", "+=") else []
    return MacroCall(f"{DOES[does]}{ENDS[match[1]]}", start, [name, *replacement])


def _trimmed(macro: Macro, text: str) -> str:
    """Removes the line breaks and indentation around the body of a block, unless its opening braces have a `#`."""
    head = macro.head
    return text if head and "#" in head[1] else textwrap.dedent(text.strip("\r\n")).strip()


def _split(pieces: Iterable[MacroPiece], between: re.Pattern[str]) -> list[list[MacroPiece]]:
    arguments: list[list[MacroPiece]] = [[]]
    for piece in pieces:
        if not piece.is_written:
            arguments[-1].append(piece)
            continue
        first, *others = between.split(piece.text)
        arguments[-1].append(MacroPiece(first, is_written=True))
        arguments += [[MacroPiece(text, is_written=True)] for text in others]
    return arguments


def _with_commas(pieces: Iterable[MacroPiece]) -> Iterator[MacroPiece]:
    for piece in pieces:
        yield MacroPiece(piece.text.replace(r"\,", ",")) if piece.is_written else piece


def _trim_end(texts: list[str]) -> None:
    while texts:
        texts[-1] = texts[-1].rstrip(NEWLINES)
        if texts[-1]:
            return
        texts.pop()
