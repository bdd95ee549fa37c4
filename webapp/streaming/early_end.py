"""Ends an answer before its model does. Pure."""

from collections.abc import Iterator
from typing import Protocol

from webapp.streaming.events import Delta, Ended, Event
from webapp.streaming.failure import ProviderError


class Cutter(Protocol):
    """Decides where an arriving text ends: `more` returns the text that can be sent now, and whether that is all."""

    def more(self, text: str) -> tuple[str, bool]: ...
    def rest(self) -> str:
        """Returns the text held back until it was clear whether it is sent; nothing follows it."""
        ...


def cut(events: Iterator[Event], cutter: Cutter, reason: str) -> Iterator[Event]:
    """Yields the events up to where the cutter ends them; held text is released before a failure, too."""
    failure = None
    try:
        for event in events:
            if isinstance(event, Delta):
                rest, is_over = cutter.more(event.text)
                if rest:
                    yield Delta(rest)
                if is_over:
                    yield Ended("completed", reason)
                    return
            elif isinstance(event, Ended):
                yield Delta(cutter.rest())
                yield event
                return
            else:
                yield event
    except ProviderError as error:
        failure = error
    finally:
        if close := getattr(events, "close", None):
            close()
    yield Delta(cutter.rest())
    if failure:
        raise failure
