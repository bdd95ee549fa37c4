"""Parses the bytes of one streamed reply into events. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from webapp.base.untrusted_json import JsonObject
from webapp.models.providers.error_mapping import error_of
from webapp.models.providers.values import parsed
from webapp.models.upstream.bounded_json import DECODER, MOST_PARTS_OF_A_MESSAGE
from webapp.streaming.codec import LineTooLong, SseDecoder, SseMessage
from webapp.streaming.events import Calling, Delta, Event, Reasoning, Text, Usage
from webapp.streaming.failure import ProviderError

BAD_IN_A_ROW = 3
END = b"\n\n"
# A server whose messages never match is tried less and less often, at least once in this many blocks.
MOST_PATIENCE = 1024

Plain = Callable[[bytes], Text | None]


class BlockTemplate:
    """Parsing takes 12 µs a token, this 2: a tenth of what an answer of the API takes (`flask bench stream api-400`).

    The bytes before and after the text in a block that contains only text; `kind` is the type of that text.

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


class ReplyReader(Protocol):
    """Parses one streamed reply: `finish` is empty until the terminal marker, `is_over` is true when nothing follows it."""

    finish: str

    @property
    def is_over(self) -> bool: ...
    @property
    def usage(self) -> Usage | None: ...
    @property
    def kept(self) -> str:
        """What the server wants back with the calls of this reply; empty without calls."""
        ...

    def take(self, chunk: Mapping[str, Any], /) -> Iterator[Event]: ...

    def plain(self, chunk: Mapping[str, Any], /) -> Text | None:
        """Returns the text of a chunk if `take` would yield only that text, and change no state; else None."""
        ...

    def text_events(self, kind: type[Text], text: str) -> Iterator[Event]:
        """Yields what `take` would yield for such texts, joined."""
        ...


class ReplyStream:
    """Turns the bytes read from a server into events; consecutive text of one kind is joined into one event.

    `refuse` makes the exception for an error object, `nonsense` the one for a stream that is not a reply. A single invalid
    message is ignored; several in a row raise, and so does a stream without any valid message.
    """

    def __init__(
        self, reader: ReplyReader, *, refuse: Callable[[Any], ProviderError], nonsense: Callable[[], ProviderError]
    ) -> None:
        self.is_over, self.yielded_chars = False, 0
        self._reader, self._refuse, self._nonsense = reader, refuse, nonsense
        self._decoder, self._template = SseDecoder(), BlockTemplate()
        # Whether the next byte begins a block; the decoder's buffer is empty then.
        self._is_between = True
        self._good = self._bad = self._bad_in_a_row = 0

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yields the events that the piece completes; none follow once `is_over`."""
        for event in in_one(self._events(piece)):
            if isinstance(event, Text):
                self.yielded_chars += len(event.text)
            elif isinstance(event, Calling):
                self.yielded_chars += len(event.arguments)
            yield event

    @property
    def is_finished(self) -> bool:
        """Whether the terminal marker has been seen."""
        return bool(self._reader.finish)

    def close(self) -> None:
        """Ends the stream; raises an error if none of its messages was valid."""
        if self._bad and not self._good:
            raise self._nonsense()

    def _events(self, piece: bytes) -> Iterator[Event]:
        *blocks, rest = piece.split(END)
        words: list[str] = []
        for block in blocks:
            if text := self._template.text_in(block) if self._is_between else "":
                words.append(text)
                continue
            yield from self._text_events(words)
            words = []
            yield from self._parsed(block + END)
            if self.is_over:
                return
            if self._is_between:
                self._template.missed(block, self._plain)
            self._is_between = True
        yield from self._text_events(words)
        if rest:
            self._is_between = False
            yield from self._parsed(rest)

    def _text_events(self, words: list[str]) -> Iterable[Event]:
        """Returns the events of the texts that were found without parsing."""
        if not words:
            return ()
        self._good, self._bad_in_a_row = self._good + len(words), 0
        return self._reader.text_events(self._template.kind, "".join(words))

    def _parsed(self, piece: bytes) -> Iterator[Event]:
        try:
            for message in self._decoder.feed(piece):
                yield from self._read(message)
                if self.is_over:
                    return
        except LineTooLong:
            raise self._nonsense() from None

    def _plain(self, block: bytes) -> Text | None:
        # After an empty line, because a byte order mark counts as one only at the start of a stream.
        values = [value_of(message) for message in SseDecoder().feed(END + block + END)]
        return self._reader.plain(values[0]) if len(values) == 1 and values[0] else None

    def _read(self, message: SseMessage) -> Iterator[Event]:
        if message.data.strip() == "[DONE]":
            self.is_over = True
            return
        if (value := value_of(message)) is None:
            self._forgive(message)
            return
        self._good, self._bad_in_a_row = self._good + 1, 0
        if (error := error_of(value)) is not None:
            raise self._refuse(error)
        yield from self._reader.take(value)
        self.is_over = self._reader.is_over

    def _forgive(self, message: SseMessage) -> None:
        is_bad = message.event == "message" and bool(message.data.strip())
        self._bad, self._bad_in_a_row = self._bad + is_bad, self._bad_in_a_row + is_bad
        if self._bad_in_a_row == BAD_IN_A_ROW:
            raise self._nonsense()


def value_of(message: SseMessage) -> JsonObject | None:
    """Returns the JSON object of a message; an `error` event is an error whatever it contains."""
    value = parsed(message.data, most_parts=MOST_PARTS_OF_A_MESSAGE)
    if message.event == "error" and (value is None or error_of(value) is None):
        return {"error": value or message.data or "unknown"}
    return value


def in_one(events: Iterator[Event]) -> Iterator[Event]:
    """Joins consecutive texts of one kind, and pieces of one call; a failure is raised only after what came before it."""
    parts: list[Text | Calling] = []
    failure = None
    try:
        for event in events:
            if parts and not _continues(parts[0], event):
                yield _joined(parts)
                parts = []
            if isinstance(event, (Delta, Reasoning, Calling)):
                parts.append(event)
            else:
                yield event
    except ProviderError as error:
        failure = error
    if parts:
        yield _joined(parts)
    if failure:
        raise failure


def _continues(first: Text | Calling, event: Event) -> bool:
    if isinstance(first, Calling):
        return isinstance(event, Calling) and event.number == first.number
    return type(event) is type(first)


def _joined(parts: Sequence[Text | Calling]) -> Text | Calling:
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, Calling):
        return replace(first, arguments="".join(part.arguments for part in parts if isinstance(part, Calling)))
    return type(first)("".join(part.text for part in parts if not isinstance(part, Calling)))
