"""The tail of a growing text, which can still change: rendered again or, where that gives the same, only appended to. Pure."""

import re
from html import escape

from markdown_it.token import Token

from webapp.rendering.elements import CURSOR
from webapp.rendering.prose import PLAIN

# ADDABLE: characters that cannot change the markup of the line they are added to. SETTLED: those that can precede the cursor.
ADDABLE = re.compile(f"{PLAIN}+")
SETTLED = re.compile(r"[^\W_]|[,;'\"?!.(‘’“”–—…]")
# These plain characters can still complete earlier markup: the number of a list item, possibly nested in another,
ENDING = re.compile(r"[.);]")
NUMBER = re.compile(r"(?:[\s>*+-]|\d+[.)](?=\s))*+\d*[.)]?")
# the URL of a link, or a named character reference.
BEGUN = ((")", "]("), (";", "&"))
HEAVY_MARKUP = 8
CLOSERS = {"em_close", "strong_close", "s_close"}


class Tail:
    """The text and the HTML of the last, unfinished block.

    `calm_chars` and `growth` limit the work on one huge list or table: above that size it is rendered again only after it has
    grown by that factor. The same applies when its HTML exceeds `HEAVY_MARKUP` times that size.
    """

    def __init__(self, *, calm_chars: int, growth: float) -> None:
        self.length = 0
        self._calm_chars, self._growth = calm_chars, growth
        self._pieces: list[str] = []
        self._parts = [""]
        self._drawn_chars = self._drawn_markup = 0
        self._fence: re.Pattern[str] | None = None
        self._line: list[str] = []
        # Markdown drops blanks at the end of a line, so they are held back until the next word.
        self._blanks = ""

    @property
    def text(self) -> str:
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    @property
    def markup(self) -> str:
        return "".join(self._parts)

    def grow(self, piece: str) -> None:
        self._pieces.append(piece)
        self.length += len(piece)

    def cut(self, chars: int) -> None:
        """Drops the first characters, which have been sealed."""
        self._pieces = [self.text[chars:]]
        self.length -= chars

    def fits(self, piece: str) -> bool:
        """Returns whether the last piece can be added at the cursor as plain text."""
        if not self._has_cursor:
            return False
        if self._fence:
            return not self._closes_fence(piece)
        return self._is_plain(piece) or self._is_calm()

    def add(self, piece: str) -> str:
        """Adds text at the cursor and returns its markup."""
        text = self._blanks + piece
        shown = text if self._fence else text.rstrip(" ")
        self._blanks = text[len(shown) :]
        return self.put(escape(shown, quote=False))

    def put(self, markup: str) -> str:
        """Adds markup at the cursor."""
        self._parts.insert(-2, markup)
        return markup

    def may_wait(self) -> bool:
        """Returns whether rendering the last piece can be postponed."""
        return not self._has_cursor and self._is_calm()

    def draw(self, markup: str, fence: Token | None) -> None:
        """Sets the new HTML of the whole tail; `fence` is the open code fence that it ends with."""
        before, cursor, after = markup.partition(CURSOR)
        self._parts = [before, cursor, after] if cursor else [before]
        self._drawn_chars, self._drawn_markup = self.length, len(markup)
        self._fence = _closing(fence.markup) if fence else None
        self._line = [self.text.rpartition("\n")[2]]
        self._blanks = "" if fence else self.text[len(self.text.rstrip(" ")) :]

    @property
    def _has_cursor(self) -> bool:
        return len(self._parts) > 1

    def _is_calm(self) -> bool:
        is_big = self.length > self._calm_chars or self._drawn_markup > HEAVY_MARKUP * self._calm_chars
        return is_big and self._drawn_chars <= self.length < self._drawn_chars * self._growth

    def _is_plain(self, piece: str) -> bool:
        if "_" in piece or not ADDABLE.fullmatch(piece):
            return False
        return not ENDING.search(piece) or not self._may_end(piece)

    def _may_end(self, piece: str) -> bool:
        """Returns whether the last piece can complete markup that began before it."""
        text = self.text
        line = text.rpartition("\n")[2]
        has_begun = any(end in piece and beginning in text for end, beginning in BEGUN)
        return has_begun or _number_end(line) > len(line) - len(piece)

    def _closes_fence(self, piece: str) -> bool:
        start, newline, rest = piece.partition("\n")
        self._line.append(start)
        if not newline or not self._fence:
            return False
        lines = ["".join(self._line), *rest.split("\n")]
        self._line = [lines.pop()]
        return any(self._fence.match(line) for line in lines)


def _closing(fence: str) -> re.Pattern[str]:
    return re.compile(rf" {{0,3}}{re.escape(fence)}{re.escape(fence[0])}*[ \t]*\Z")


def mark_cursor(tokens: list[Token], source: str, closing: int = 0) -> Token | None:
    """Puts a cursor after the last letter of a text if that is plain text or code; returns the open fence, if any.

    The last `closing` characters only close open marks for now: the cursor precedes them. With -1 there is no cursor.
    """
    if tokens and tokens[-1].type == "fence" and not tokens[-1].level and is_open(tokens[-1]) and "\n" in source:
        tokens[-1].meta["cursor"] = CURSOR
        return tokens[-1]
    source = "" if closing < 0 else source[: len(source) - closing].rstrip(" ")
    line = source.rpartition("\n")[2]
    if SETTLED.match(source[-1:]) and _number_end(line) < len(line):
        _mark_text(tokens, source, closing)
    return None


def is_open(fence: Token) -> bool:
    """Returns whether a fence has no closing line: then it spans only its code and its opening line."""
    first, end = fence.map or [0, 0]
    return end - first <= 1 + len(fence.content.removesuffix("\n").split("\n")) * bool(fence.content)


def _number_end(line: str) -> int:
    """Returns the end of the list item number, finished or not, that the line begins with; 0 without one."""
    match = NUMBER.match(line)
    return match.end() if match else 0


def _mark_text(tokens: list[Token], source: str, closing: int) -> None:
    last = next((token for token in reversed(tokens) if may_be_last(token)), None)
    if not last:
        return
    if last.type == "fence" and source.endswith(last.content[-12:].strip() or "\n"):
        last.meta["cursor"] = CURSOR
    children = last.children or []
    end = len(children)
    while closing and end and (children[end - 1].type in CLOSERS or not children[end - 1].content + children[end - 1].tag):
        end -= 1
    text = children[end - 1] if end else None
    # Mere punctuation can still belong to the link or the mark before it.
    if text and text.type == "text" and source.endswith(text.content[-12:]) and any(map(str.isalnum, text.content)):
        children.insert(end, Token("html_inline", "", 0, content=CURSOR))


def may_be_last(token: Token) -> bool:
    """Returns whether the text can end in this token; not in an empty table cell, because rows are padded with those."""
    if token.type == "inline":
        return bool(token.content)
    return token.nesting >= 0 and token.type not in {"td_open", "th_open"}
