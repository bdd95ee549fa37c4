"""An incremental JSON parser: the certain part of an unfinished object, in linear time. Pure."""

import math
import re
from collections.abc import Callable
from typing import Any, Literal

from .characters import REPLACEMENT

Path = tuple[str | int, ...]
# White space, then a bracket or a separator, the quote that begins a string, or a word such as a number.
TOKEN = re.compile(r'[ \t\r\n]*+(?:([{}\[\]:,])|(")|([^ \t\r\n"{}\[\]:,]+))')
STRING = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
# A brace followed by a string, or by nothing yet.
BEGIN = re.compile(r'\{[ \t\r\n]*(?:(")|\Z)')
CONTROLS = {code: f"\\u{code:04x}" for code in range(32)}
DEEPEST = 100
SPACE = " \t\r\n"
# Longer than any meaningful number: an unfinished word is parsed again with each piece.
LONGEST_WORD = 1_000


def loads(text: str, partial_mode: Literal["off", "trailing-strings"] = "off") -> Any:
    """Parses a complete JSON text, strictly by the standard; raises ValueError."""
    # Imported with the first plan: it takes half a megabyte.
    import jiter

    return jiter.from_json(text.encode(), allow_inf_nan=False, partial_mode=partial_mode)


class Opening:
    """Finds where the JSON begins: skips prose, code fences and braces that do not open an object."""

    def __init__(self) -> None:
        self.has_begun = False
        self._buffer = ""

    def feed(self, text: str) -> str:
        """Returns the part of the text that is known to belong to the JSON."""
        if self.has_begun:
            return text
        text, self._buffer = self._buffer + text, ""
        begin = BEGIN.search(text)
        if begin and begin[1]:
            self.has_begun = True
            return text[begin.start() :]
        # White space between the brace and a string is not needed.
        self._buffer = "{" if begin else ""
        return ""


class StreamingJSONParser:
    """Parses the first object of a text that arrives in pieces, and tolerates common errors of models.

    `value` is the object so far, always the same growing one: strings appear while they are written, numbers and words when
    they are complete. `finished` lists the paths of all elements that will not change any more, in the order of their ends,
    `live` is the path of the string that is being written. With a clock, pieces are parsed at most once per tick. It never
    raises: text is ignored after a syntax error (`is_broken`), after more values, or items in one list, than allowed, and after
    the end of the object (`is_over`).
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] | None = None,
        tick_seconds: float = 0.1,
        most_values: float = math.inf,
        most_items: float = math.inf,
    ) -> None:
        self._most_values, self._most_items = most_values, most_items
        self.value: dict[str, Any] | None = None
        self.finished: list[Path] = []
        self.live: Path | None = None
        self.is_over = self.is_broken = False
        self._now, self._tick_seconds, self._due = now, tick_seconds, float("-inf")
        self._pending: list[str] = []
        self._opening = Opening()
        self._text, self._resume = "", 0
        self._stack: list[dict[str, Any] | list[Any]] = []
        self._path: list[str | int] = []
        self._key: str | None = None
        self._is_after_colon = self._is_in_string = False
        self._values = 0

    @property
    def open_path(self) -> Path:
        """The path where the text stops: the innermost element that is not complete."""
        return self.live or tuple(self._path)

    def add_chunk(self, text: str) -> dict[str, Any] | None:
        """Takes the next piece of text; returns the object so far, or None if there is nothing new to show."""
        self._pending.append(text)
        if self._now:
            now = self._now()
            if now < self._due:
                return None
            self._due = now + self._tick_seconds
        return self.flush()

    def flush(self) -> dict[str, Any] | None:
        """Parses the pieces that were held for the tick; returns the same as `add_chunk`."""
        text = self._opening.feed("".join(self._pending))
        self._pending.clear()
        if not text or self.is_over or self.is_broken:
            return None
        before = len(self.finished)
        self._text += text
        has_grown = self._read()
        return self.value if has_grown or len(self.finished) > before else None

    def _read(self) -> bool:
        """Parses all that is certain and keeps the rest of the text; returns whether a string has grown or an element began."""
        text, at, began = self._text, 0, False
        if self._is_in_string:
            at = self._string(text, 0)
        while at >= 0 and not self.is_broken and not self.is_over and (token := TOKEN.match(text, at)):
            sign, quote, word = token.groups()
            if sign:
                at = token.end()
                began |= self._sign(sign)
            elif quote:
                self._resume = 0
                at = self._string(text, token.end())
            elif len(word) > LONGEST_WORD:
                self.is_broken = True
            elif token.end() == len(text):
                # The word can continue in the next piece.
                break
            else:
                at = token.end()
                self._word(word)
        if at >= 0:
            self._text = text[at:].lstrip(SPACE)
        return (self._is_in_string and self._show_live()) or began

    def _sign(self, sign: str) -> bool:
        if sign in "{[":
            self._open({} if sign == "{" else [])
            return True
        if sign in "}]":
            self._close(dict if sign == "}" else list)
        elif sign == ",":
            self._key = None
        elif self._key is None or self._is_after_colon:
            self.is_broken = True
        else:
            self._is_after_colon = True
        return False

    def _open(self, container: dict[str, Any] | list[Any]) -> None:
        if not self._stack:
            self.value = container if isinstance(container, dict) else None
        elif (key := self._put(container)) is not None:
            self._path.append(key)
        self.is_broken |= len(self._stack) > DEEPEST
        self._stack.append(container)

    def _close(self, kind: type) -> None:
        """Closes the innermost container of this type, and those left open inside it."""
        if not any(isinstance(container, kind) for container in self._stack):
            self.is_broken = True
            return
        while True:
            ended = self._stack.pop()
            self._key = None
            self.finished.append(tuple(self._path))
            if not self._stack:
                self.is_over = True
                return
            self._path.pop()
            if isinstance(ended, kind):
                return

    def _string(self, text: str, start: int) -> int:
        """Parses a string that begins at `start`, after its quote; returns -1 if its end has not arrived."""
        match = STRING.match(text, start + self._resume)
        end = match.end() if match else start
        if end >= len(text) or text[end] != '"':
            self._is_in_string, self._resume, self._text = True, end - start, text[start:]
            return -1
        self._is_in_string, self._resume = False, 0
        written = _decoded(text[start:end])
        if written is None:
            self.is_broken = True
        elif self._is_key():
            self._key, self._is_after_colon = written, False
        else:
            self._finish(written)
        return end + 1

    def _word(self, word: str) -> None:
        try:
            value = loads(word)
        except ValueError:
            self.is_broken = True
            return
        # A number too large for a float is parsed as infinity, which JSON cannot represent.
        if isinstance(value, float) and not math.isfinite(value):
            self.is_broken = True
        else:
            self._finish(value)

    def _finish(self, value: Any) -> None:
        key = self._put(value)
        if key is not None:
            self.finished.append((*self._path, key))

    def _put(self, value: Any) -> str | int | None:
        """Adds a value to the innermost container; returns its key or index."""
        if not self._stack:
            self.is_broken = True
            return None
        inside = self._stack[-1]
        if isinstance(inside, list):
            if self.live:
                inside.pop()
            inside.append(value)
            self.live = None
            self._count(len(inside))
            return len(inside) - 1
        if self._key is None:
            self.is_broken = True
            return None
        inside[self._key], key = value, self._key
        self._key = self.live = None
        self._count(0)
        return key

    def _count(self, items: int) -> None:
        self._values += 1
        self.is_broken |= self._values > self._most_values or items > self._most_items

    def _is_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1], dict) and self._key is None

    def _show_live(self) -> bool:
        if self._is_key() or not self._stack:
            return False
        written = _begun(self._text)
        inside = self._stack[-1]
        if isinstance(inside, list):
            if not self.live:
                inside.append("")
            key: str | int = len(inside) - 1
        else:
            key = self._key or ""
        has_grown = not self.live or inside[key] != written  # type: ignore[index]
        inside[key] = written  # type: ignore[index]
        self.live = (*self._path, key)
        return has_grown


def _decoded(written: str) -> str | None:
    """Decodes a complete string; line breaks that should have been escaped are accepted."""
    if "\\" not in written:
        return written
    try:
        text: str = loads(f'"{written.translate(CONTROLS)}"')
        return text.replace("\0", REPLACEMENT)
    except ValueError:
        return None


def _begun(written: str) -> str:
    """Decodes the beginning of a string as far as it is certain."""
    if "\\" not in written:
        return written
    try:
        text: str = loads(f'"{written.translate(CONTROLS)}', "trailing-strings")
        return text.replace("\0", REPLACEMENT)
    except ValueError:
        return ""
