"""Matches the braces of a text, including blocks such as `{{if x}}…{{else}}…{{/if}}`. Pure."""

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

BRACES = re.compile(r"\{\{(?!\{)|\}\}")
# The sign before a name (`#` or `/`), the name, and the separator after it.
HEAD = re.compile(r"(\s{0,9}[#/]?\s{0,9})(//|[a-z][a-z0-9_]{0,40}(?=(\s?::?|\s|\Z)))\3?", re.IGNORECASE | re.ASCII)
# Macros that can be written as a block, `{{name}}…{{/name}}`, and how many arguments each takes before the body, which becomes
# its last argument.
SCOPES = {"if": 1, "setvar": 1, "addvar": 1, "setglobalvar": 1, "addglobalvar": 1, "reverse": 0, "trim": 0, "//": 0, "comment": 0}
# Braces nested deeper than this stay as written on the outside; the macros inside them are still replaced.
MOST_DEPTH = 12


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
        return 1 + self._rest(head).count("::") + sum(each.count("::") for each in self.parts[1:] if isinstance(each, str))


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

    def _end(self, closer: Macro, place: int) -> None:
        opener, body = self.parts[place], self.parts[place + 1 : -1]
        height = 1 + _height(self.parts[place:])
        if not isinstance(opener, Macro) or height > MOST_DEPTH:
            # A block around this one would be too deep as well.
            self.scopes.clear()
            return
        del self.parts[place + 1 :]
        for places in self.scopes.values():
            while places and places[-1] > place:
                places.pop()
        where = next((at for at, each in enumerate(body) if isinstance(each, Macro) and each.is_else), None)
        splits = where is not None and opener.scope == "if"
        opener.body, opener.otherwise = (body[:where], body[(where or 0) + 1 :]) if splits else (body, [])
        opener.closer, opener.end, opener.height = closer.start, closer.end, height


def parsed(text: str, is_within: Callable[[], bool]) -> tuple[list[Part], int]:
    """Returns the texts and macros in order, and the offset where parsing ended, early if `is_within` returned False."""
    whole, opened, at = _Open(), deque[_Open](), 0
    for found in BRACES.finditer(text):
        if not is_within():
            break
        here = opened[-1] if opened else whole
        here.parts.append(text[at : found.start()])
        at = found.end()
        if found[0] == "{{":
            opened.append(_Open(found.start()))
            if len(opened) > MOST_DEPTH:
                whole.parts += opened.popleft().flat
        elif opened:
            closed = opened.pop().closed(at)
            (opened[-1] if opened else whole).take(closed)
        else:
            here.parts.append("}}")
    for each in opened:
        whole.parts += each.flat
    return whole.parts, at


def _height(parts: Iterable[Part]) -> int:
    return max((each.height for each in parts if isinstance(each, Macro)), default=0)
