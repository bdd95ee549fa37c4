"""Strips the speaker's name from the beginning of an answer: a model whose prompt names all speakers often writes one too."""

from collections.abc import Iterator
from contextlib import closing

from webapp.engine.engine import Source
from webapp.streaming.events import Delta, Event
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

# Limits the whitespace buffered around the name, in case a model sends nothing else.
MOST_SPACE = 100


class PrefixStripper:
    """Wraps a source and strips a leading "Name:"; buffers text as long as it could still become that prefix."""

    def __init__(self, name: str, source: Source) -> None:
        self._opening, self._source = f"{name}:", source

    def events(self, stop: Stop) -> Iterator[Event]:
        buffer, is_beginning = "", True
        with closing(self._source.events(stop)) as events:  # type: ignore[type-var]  # every source is a generator
            try:
                for event in events:
                    if is_beginning and isinstance(event, Delta):
                        buffer += event.text
                        if self._may_become_it(buffer):
                            continue
                        is_beginning, event, buffer = False, Delta(self._without(buffer)), ""
                    elif buffer and not isinstance(event, Delta):
                        # Flushes the buffer before any other event, such as the end.
                        is_beginning, answer, buffer = False, self._without(buffer), ""
                        yield from [Delta(answer)] if answer else []
                    yield event
            except ProviderError:
                # Text received before the error belongs to the answer.
                yield from [Delta(answer)] if (answer := self._without(buffer)) else []
                raise

    def check_timeout(self) -> str:
        return self._source.check_timeout()

    def _may_become_it(self, buffer: str) -> bool:
        text = buffer.lstrip()
        if len(buffer) > len(self._opening) + MOST_SPACE:
            return False
        return self._opening.startswith(text) or (text.startswith(self._opening) and not text[len(self._opening) :].strip())

    def _without(self, buffer: str) -> str:
        text = buffer.lstrip()
        return text[len(self._opening) :].lstrip() if text.startswith(self._opening) else buffer
