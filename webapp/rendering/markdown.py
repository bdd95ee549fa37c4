"""Renders Markdown that arrives in pieces: finished blocks are sealed, only the tail can still change. Pure."""

import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Literal, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from webapp.rendering.code import Highlighter
from webapp.rendering.elements import CURSOR
from webapp.rendering.fallback import as_lines, faults, unrendered
from webapp.rendering.footnotes import footnotes_in, scoped
from webapp.rendering.markdown_rules import parser, plain_lines, spent
from webapp.rendering.pictures import Pictures
from webapp.rendering.sanitise import clean
from webapp.rendering.seams import AnySeam, CallsSeam, Seam, Stitching
from webapp.rendering.tail import Tail, is_open, mark_cursor
from webapp.rendering.unfinished import closed

__all__ = [
    "CURSOR",
    "PIECE_CHARS",
    "VERSION",
    "AnySeam",
    "CallsSeam",
    "FinishedText",
    "GrowingMarkdown",
    "HtmlChange",
    "Seam",
    "parser",
    "pieces",
    "render",
    "rendering",
]

# Stored with the HTML; HTML with another version is rendered again.
VERSION = 8
LIMITS = ("cells", "addresses", "formulas", "blocks")
# Limits of one uninterrupted rendering step: a line costs time, however short it is.
PIECE_CHARS, PIECE_LINES = 4_096, 400
LINES = re.compile(rf"(?:[^\n]*\n){{1,{PIECE_LINES}}}")
NO_PICTURES: Pictures = {}
BLANK_LINES = re.compile(r"(?:[ \t]*+\n)++")

MARKDOWN: MarkdownIt = parser()
Parsed = tuple[list[Token], dict[str, Any]]


class HtmlChange(NamedTuple):
    """A change of the HTML: `seal` adds finished blocks, `tail` replaces the tail, `append` adds text at the tail's cursor."""

    kind: Literal["seal", "tail", "append"]
    html: str


@dataclass(frozen=True, slots=True)
class FinishedText:
    """The finished text; `differs` if a late link definition has changed sealed blocks, which `pieced` has as they were."""

    html: str
    differs: bool
    pieced: str


def render(
    text: str,
    seams: Sequence[AnySeam] = (),
    *,
    cited: Iterable[int] = (),
    pictures: Pictures = NO_PICTURES,
    markdown: MarkdownIt = MARKDOWN,
) -> str:
    """Renders a whole text, with the same result as if it had grown.

    `cited` are the numbers of its sources, `pictures` those that it may show, by their addresses.
    """
    stitching = Stitching(seams)
    stitching.place(0, text, 0)
    try:
        known = {"cited": frozenset(cited), "pictures": pictures}
        return _render_all(plain_lines(text), stitching, Highlighter(), markdown, known)
    except faults():
        return unrendered(text) + stitching.rest()


def rendering(
    text: str, seams: Sequence[AnySeam] = (), *, cited: Iterable[int] = (), pictures: Pictures = NO_PICTURES
) -> Generator[None, None, str]:
    """Does the work of `render` in steps and returns its result."""
    growing = GrowingMarkdown(seams, growth=1.25, is_watched=False)
    growing.cite(cited)
    growing.show(pictures)
    for piece in pieces(text):
        growing.feed(piece)
        if len(text) > PIECE_CHARS:
            yield
    for _ in growing.finishing():
        yield
    if len(text) > PIECE_CHARS:
        # The caller has more work to do with the result.
        yield
    return growing.finish().html


def pieces(text: str) -> Iterator[str]:
    """Splits a text into parts that are rendered quickly, at line ends: half a line would be parsed twice."""
    start = 0
    while start < len(text):
        end = start + PIECE_CHARS
        if end < len(text) or text.count("\n", start) > PIECE_LINES:
            match = LINES.match(text, start, end)
            end = match.end() if match else end
        yield text[start:end]
        start = end


class GrowingMarkdown:
    """Renders a text that only grows, with work proportional to its length.

    Only the last top-level block can still change, so everything before it is sealed. Only complete lines decide: half a line
    can still become anything. Ids of footnotes begin with `scope`. `rendered_chars` counts the work. The tail of a text without
    watchers is not rendered, and is parsed only when it is long or the text ends: most tails are parsed once. It never raises:
    where rendering fails, the part that is not sealed yet is shown as plain characters.
    """

    def __init__(
        self,
        seams: Sequence[AnySeam] = (),
        *,
        calm_chars: int = 2_000,
        growth: float = 1.05,
        scope: str = "",
        is_watched: bool = True,
        markdown: MarkdownIt = MARKDOWN,
    ) -> None:
        self.sealed: list[str] = []
        self.has_failed, self._is_watched = False, is_watched
        self._markdown, self._scope = markdown, scope
        self.rendered_chars = 0
        self._sources: list[str] = []
        self._length = self._raw_length = self._sealed_length = self._tried = 0
        # The number of blocks in the tail.
        self._blocks = 0
        self._pending_cr = False
        self._known: dict[str, Any] = {"references": {}, "cited": frozenset(), "pictures": {}}
        self._stitching = Stitching(seams)
        self._highlighter = Highlighter()
        self._tail = Tail(calm_chars=calm_chars, growth=growth)
        self._finished: FinishedText | None = None

    @property
    def has_text(self) -> bool:
        return self._raw_length > 0

    @property
    def tail(self) -> str:
        """The HTML of what can still change, with the cursor if there is a place for it."""
        return self._tail.markup

    def cite(self, numbers: Iterable[int]) -> None:
        """Sets the numbers of the sources; call it before feeding text that cites them."""
        self._known["cited"] = frozenset(numbers)

    def show(self, pictures: Pictures) -> None:
        """Adds pictures that the text may show, by their addresses; call it before feeding text that refers to them."""
        self._known["pictures"] |= pictures

    @property
    def pictures(self) -> Pictures:
        pictures: Pictures = self._known["pictures"]
        return pictures

    def feed(self, piece: str) -> list[HtmlChange]:
        """Takes the next piece of text and returns the changes of the HTML."""
        piece = self._taken(piece)
        if not piece:
            return []
        self._tail.grow(piece)
        if self.has_failed:
            return [HtmlChange("append", self._tail.put(as_lines(piece)))]
        sealed_count = len(self.sealed)
        try:
            return self._fed(piece)
        except faults():
            self._fail()
            return [*(HtmlChange("seal", markup) for markup in self.sealed[sealed_count:]), HtmlChange("tail", self._tail.markup)]

    def interrupt(self, round: int) -> list[HtmlChange]:
        """Adds the place of a round's calls after the text so far; text after it begins a block, so one that is open is ended."""
        self._stitching.add(CallsSeam(self._length, round))
        changes = self.feed("\n\n")
        if not self._tail.text.strip() and (markup := self._clean(self._stitching.before(self._length, "", self._length))):
            self.sealed.append(markup)
            changes.append(HtmlChange("seal", markup))
        return changes

    def snapshot(self) -> str:
        """Returns the HTML so far, for a page that is opened now."""
        return "".join([*self.sealed, self._tail.markup])

    def finish(self) -> FinishedText:
        """Returns the final rendering of the whole text; nothing can be fed after it."""
        for _ in self.finishing():
            pass
        assert self._finished
        return self._finished

    def finishing(self) -> Iterator[None]:
        """Does the work of `finish` in steps, as a link definition makes it render everything again; iterate it to its end."""
        if self._finished:
            return
        if not self.has_failed:
            try:
                yield from self._finishing()
                return
            except faults():
                self._fail()
        html = self.snapshot().replace(CURSOR, "") + self._stitching.rest()
        self._finished = FinishedText(html, differs=False, pieced=html)

    def _fed(self, piece: str) -> list[HtmlChange]:
        if self._tail.fits(piece):
            added = self._tail.add(piece)
            return [HtmlChange("append", added)] if added else []
        if self._tail.may_wait() or (not self._is_watched and len(self._tail.text) < PIECE_CHARS):
            return []
        self._pass_blank_lines()
        before = self._tail.markup
        # If a second block has begun, a new line usually finishes the first, so the whole tail need not be parsed before
        # sealing.
        parsed = None if self._blocks > 1 and "\n" in piece else self._parsed(self._tail.text, self._known)
        may_seal = parsed is None or _finished(parsed[0], self._tail.text)[0] > 0
        sealed = [HtmlChange("seal", markup)] if may_seal and (markup := self._seal(parsed)) else []
        tokens, _ = self._parsed(self._tail.text, self._known) if sealed or not parsed else parsed
        self._blocks = len(_tops(tokens))
        self._draw(tokens)
        return sealed if before == self._tail.markup else [*sealed, HtmlChange("tail", self._tail.markup)]

    def _pass_blank_lines(self) -> None:
        """Drops blank lines from the start of the tail: a hundred thousand of them would be parsed again and again."""
        if blank := BLANK_LINES.match(self._tail.text):
            self._sources.append(blank[0])
            self._sealed_length += blank.end()
            self._tail.cut(blank.end())

    def _fail(self) -> None:
        self.has_failed = True
        self._tail.draw(unrendered(self._tail.text, CURSOR), None)

    def _finishing(self) -> Iterator[None]:
        source = self._tail.text + "\n" * self._pending_cr
        tokens, environment = self._parsed(source, self._known)
        end = _stitched(tokens, source, self._sealed_length, self._stitching, environment) + self._stitching.rest()
        if len(source) > PIECE_CHARS:
            yield
        pieced = "".join(self.sealed) + self._clean(end)
        if not (references := environment["references"] | environment["defined"]):
            self._finished = FinishedText(pieced, differs=False, pieced=pieced)
            return
        parts = []
        for part in self._again([*self._sources, source], references):
            parts.append(part)
            yield
        whole = "".join(parts)
        self._finished = FinishedText(whole, differs=whole != pieced, pieced=pieced)

    def _again(self, sources: Sequence[str], references: dict[str, Any]) -> Iterator[str]:
        """Renders the finished text once more, with every link defined anywhere in it."""
        stitching, start = self._stitching.again(), 0
        parse_env = {"references": references, "cited": self._known["cited"], "pictures": self.pictures}
        for source in sources:
            stitching.place(start, source, start)
            tokens, environment = self._parsed(source, parse_env)
            yield self._clean(_stitched(tokens, source, start, stitching, environment))
            _spend(parse_env, tokens)
            start += len(source)
        yield self._clean(stitching.rest())

    def _taken(self, piece: str) -> str:
        raw = "\r" * self._pending_cr + piece
        self._stitching.place(self._raw_length - self._pending_cr, raw, self._length)
        self._raw_length += len(piece)
        # A CR at the end can be half of a CRLF.
        self._pending_cr = raw.endswith("\r")
        taken = plain_lines(raw.removesuffix("\r"))
        self._length += len(taken)
        return taken

    def _seal(self, parsed: Parsed | None) -> str:
        """Renders and seals the blocks that cannot change any more; `parsed` is the tail, if it was parsed already.

        A partial last line is ignored in that decision.
        """
        text = self._tail.text
        source = text[: text.rfind("\n") + 1]
        if self._sealed_length + len(source) == self._tried:
            return ""
        self._tried = self._sealed_length + len(source)
        tokens, environment = parsed if parsed and source == text else self._parsed(source, self._known)
        count, line = _finished(tokens, source)
        if not count:
            return ""
        chars = _line_starts(source)[line]
        markup = _stitched(tokens[:count], text, self._sealed_length, self._stitching, environment)
        markup = self._clean(markup + self._stitching.before(self._sealed_length + chars, text, self._sealed_length))
        self._learn(tokens[:count], environment["defined"], line)
        self._sealed_length += chars
        self._sources.append(text[:chars])
        self._tail.cut(chars)
        self.sealed.append(markup)
        return markup

    def _learn(self, tokens: Sequence[Token], defined: dict[str, Any], end_line: int) -> None:
        """Records what later blocks depend on: the links defined before the cut, and the used parts of the limits."""
        before = {name: definition for name, definition in defined.items() if definition["map"][0] < end_line}
        self._known["references"].update(before)
        _spend(self._known, tokens)

    def _draw(self, tokens: list[Token]) -> None:
        if not self._is_watched:
            # Keeps only the cursor, with which text added to an open fence need not be parsed.
            fence = mark_cursor(tokens, self._tail.text)
            self._tail.draw(CURSOR if fence else "", fence)
            return
        drawn, closing = closed(self._markdown, tokens, self._tail.text)
        if drawn != self._tail.text:
            tokens, _ = self._parsed(drawn, self._known)
        fence = mark_cursor(tokens, drawn, closing)
        self._tail.draw(self._clean(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})), fence)

    def _clean(self, markup: str) -> str:
        return scoped(clean(markup), self._scope) if self._scope else clean(markup)

    def _parsed(self, source: str, parse_env: dict[str, Any]) -> Parsed:
        """Parses the source; the links that it defines are moved from `references` to `defined` in the environment."""
        self.rendered_chars += len(source)
        references, count = parse_env["references"], len(parse_env["references"])
        environment: dict[str, Any] = parse_env | {"defined": {}, "highlight": self._highlighter.markup}
        try:
            return self._markdown.parse(source, environment), environment
        finally:
            # The first definition of a link wins, so a half-typed one must not remain. Not a copy: there can be a hundred
            # thousand.
            while len(references) > count:
                name, definition = references.popitem()
                environment["defined"][name] = definition


def _spend(parse_env: dict[str, Any], tokens: Sequence[Token]) -> None:
    """Adds what blocks have used of the limits, and their footnotes, to the environment for later blocks."""
    for limit in LIMITS:
        parse_env[limit] = parse_env.get(limit, 0) + spent(tokens, limit)
    parse_env["notes"] = parse_env.get("notes", frozenset()) | footnotes_in(tokens)


def _render_all(text: str, stitching: Stitching, highlighter: Highlighter, markdown: MarkdownIt, known: Mapping[str, Any]) -> str:
    environment = {**known, "references": {}, "highlight": highlighter.markup}
    tokens = markdown.parse(text, environment)
    return clean(_stitched(tokens, text, 0, stitching, environment) + stitching.rest())


def _stitched(tokens: list[Token], source: str, start: int, stitching: Stitching, environment: dict[str, Any]) -> str:
    """Renders the blocks with the seams between them; `start` is the position of the source in the text."""
    lines, parts = _line_starts(source), []
    for first, end in pairwise([*_tops(tokens), len(tokens)]):
        parts.append(stitching.before(start + lines[(tokens[first].map or [0])[0]], source, start))
        parts.append(MARKDOWN.renderer.render(tokens[first:end], MARKDOWN.options, environment))
    return "".join(parts)


def _finished(tokens: list[Token], source: str) -> tuple[int, int]:
    """Returns how many tokens can no longer change, and the line where their text ends."""
    tops = _tops(tokens)
    if tops and (last := tokens[tops[-1]]).type == "paragraph_open" and last.map and source.count("\n") > last.map[1]:
        # Blank lines follow it.
        return len(tokens), source.count("\n")
    if tops and tokens[tops[-1]].type == "fence" and not is_open(tokens[tops[-1]]):
        return len(tokens), (tokens[tops[-1]].map or [0, 0])[1]
    ready = len(tops) - 1
    # The line after a link definition can still become its title.
    if ready > 0 and tokens[tops[ready - 1]].type == "definition":
        ready -= 1
    return (tops[ready], (tokens[tops[ready - 1]].map or [0, 0])[1]) if ready > 0 else (0, 0)


def _tops(tokens: Sequence[Token]) -> list[int]:
    return [index for index, token in enumerate(tokens) if not token.level and token.nesting >= 0]


def _line_starts(source: str) -> list[int]:
    return [0, *accumulate(len(line) + 1 for line in source.split("\n"))]
