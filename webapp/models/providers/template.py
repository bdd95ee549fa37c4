"""Learns the bytes around the text in a server's usual message, so that the text is found without parsing. Pure."""

from collections.abc import Callable

from webapp.models.upstream.bounded_json import DECODER
from webapp.streaming.events import Delta, Text

# A server whose messages never match is tried less and less often, at least once in this many blocks.
MOST_PATIENCE = 1024

Plain = Callable[[bytes], Text | None]


class Template:
    """The bytes before and after the text in a block that contains only text; `kind` is the type of that text.

    A block with the same bytes and a single JSON string between them differs only in its text, whatever the bytes mean: parsing
    it would return that text. Every other block has to be parsed.
    """

    def __init__(self) -> None:
        self.kind: type[Text] = Delta
        self._head = self._tail = b""
        self._misses, self._patience = 0, 1

    def text_in(self, block: bytes) -> str:
        """Returns the text of a block; empty if it has to be parsed."""
        head, tail = self._head, self._tail
        start, end = len(head), len(block) - len(tail)
        if not (head and start < end and block.startswith(head) and block.endswith(tail)):
            return ""
        try:
            text = _unescaped(block[start:end].decode())
        except ValueError:
            return ""
        if text:
            self._patience = 1
        return text

    def missed(self, block: bytes, plain: Plain) -> None:
        """Learns from some of the blocks that had to be parsed; `plain` returns the text of a block that has only text."""
        self._misses += 1
        if self._misses >= self._patience:
            self._misses, self._patience = 0, min(2 * self._patience, MOST_PATIENCE)
            self._learn(block, plain)

    def _learn(self, block: bytes, plain: Plain) -> None:
        event = plain(block)
        if not event or not _is_itself_in_json(event.text):
            return
        head, _, tail = block.partition(f'"{event.text}"'.encode())
        # The same words can occur elsewhere in the block: the place is right only if other words put there are returned
        # instead.
        other = f"{event.text} and more"
        if plain(head + f'"{other}"'.encode() + tail) == type(event)(other):
            self.kind, self._head, self._tail = type(event), head + b'"', b'"' + tail


def _unescaped(string: str) -> str:
    """Decodes the inside of a JSON string; returns an empty string if the JSON string ends earlier."""
    if string.isprintable() and '"' not in string and "\\" not in string:
        return string
    text: str
    text, length = DECODER.raw_decode(f'"{string}"')
    return text if length == len(string) + 2 else ""


def _is_itself_in_json(text: str) -> bool:
    return text.isascii() and text.isprintable() and not set(text) & set('"\\/')
