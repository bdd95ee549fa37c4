"""Ends an answer at the stop sequences of its client. Pure."""

from collections.abc import Iterator, Sequence

from webapp.streaming.early_end import cut
from webapp.streaming.events import Event


def until(stops: Sequence[str], events: Iterator[Event]) -> Iterator[Event]:
    """Yields events up to the first stop sequence; text that could be the beginning of one is held back until that is decided."""
    return cut(events, _Stops(stops), "stop")


class _Stops:
    def __init__(self, stops: Sequence[str]) -> None:
        self._stops, self._buffer = stops, ""

    def more(self, text: str) -> tuple[str, bool]:
        text = self._buffer + text
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            return text[: min(found)], True
        waiting = max((size for stop in self._stops for size in range(1, len(stop)) if text.endswith(stop[:size])), default=0)
        self._buffer = text[len(text) - waiting :]
        return text[: len(text) - waiting], False

    def rest(self) -> str:
        return self._buffer
