"""Ends an answer before its model does. Pure."""

from collections.abc import Iterator
from typing import Protocol

from webapp.streaming.events import Calling, Delta, Ended, Event
from webapp.streaming.failure import ProviderError

# How much more a model can say before it calls a tool.
MOST_IGNORED_CHARS = 2_000


class Cutter(Protocol):
    """Decides where an arriving text ends: `more` returns the text that can be sent now, and whether that is all."""

    def more(self, text: str) -> tuple[str, bool]: ...
    def rest(self) -> str:
        """Returns the text held back until it was clear whether it is sent; nothing follows it."""
        ...


def _calls(events: Iterator[Event]) -> Iterator[Event]:
    """Yields what a model still calls, with the end that belongs to it."""
    chars_left, has_called = MOST_IGNORED_CHARS, False
    for event in events:
        if isinstance(event, Delta):
            chars_left -= len(event.text)
        elif not isinstance(event, Ended):
            has_called = has_called or isinstance(event, Calling)
            yield event
        elif has_called:
            yield event
            return
        if chars_left < 0 and not has_called:
            return


def cut(events: Iterator[Event], cutter: Cutter, reason: str, *, may_call: bool = False) -> Iterator[Event]:
    """Yields the events up to where the cutter ends them; held text is released before a failure, too.

    A model that `may_call` could call a tool after that: the events go on without their text, up to a bound.
    """
    failure = None
    try:
        for event in events:
            if isinstance(event, Delta):
                rest, is_over = cutter.more(event.text)
                if rest:
                    yield Delta(rest)
                if is_over:
                    yield from _calls(events) if may_call else ()
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
