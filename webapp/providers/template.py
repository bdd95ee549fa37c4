"""The shape of a reply's usual message, learnt from its bytes, so that the text in it is found without parsing the rest. Pure."""

from collections.abc import Callable

from webapp.streaming.events import Delta, Text
from webapp.upstream.foreign_json import DECODER

# A server whose messages never look the same twice is asked ever more rarely.
MOST_PATIENCE = 1024

Plain = Callable[[bytes], Text | None]


class Template:
    """What stands before and after the text in a block that brings this text and nothing else; `kind` says which text it is.

    A block with the same bytes there and one JSON string between them differs in its text alone, whatever the bytes mean:
    parsing it would give that text. Everything else is left to the parser.
    """

    def __init__(self) -> None:
        self.kind: type[Text] = Delta
        self._head = self._tail = b""
        self._misses, self._patience = 0, 1

    def text_in(self, block: bytes) -> str:
        """The text of a block; nothing when it has to be parsed."""
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
        """Learns from a block that had to be parsed, now and then; `plain` parses one, for its text if that is all it brings."""
        self._misses += 1
        if self._misses >= self._patience:
            self._misses, self._patience = 0, min(2 * self._patience, MOST_PATIENCE)
            self._learn(block, plain)

    def _learn(self, block: bytes, plain: Plain) -> None:
        told = plain(block)
        if not told or not _is_itself_in_json(told.text):
            return
        head, _, tail = block.partition(f'"{told.text}"'.encode())
        # The words may stand elsewhere too: only where other words in this place come out instead is it the right one.
        other = f"{told.text} and more"
        if plain(head + f'"{other}"'.encode() + tail) == type(told)(other):
            self.kind, self._head, self._tail = type(told), head + b'"', b'"' + tail


def _unescaped(string: str) -> str:
    """What stands between the quotes of a JSON string means; nothing when the string ends sooner and something else follows."""
    if string.isprintable() and '"' not in string and "\\" not in string:
        return string
    text: str
    text, length = DECODER.raw_decode(f'"{string}"')
    return text if length == len(string) + 2 else ""


def _is_itself_in_json(text: str) -> bool:
    return text.isascii() and text.isprintable() and not set(text) & set('"\\/')
