"""Ends an answer before its model does. Pure."""

from collections.abc import Iterator
from typing import Protocol

from webapp.streaming.events import Delta, Ended, Event
from webapp.streaming.failure import ProviderError


class Cutter(Protocol):
    """Decides while a text comes where it ends: `more` gives what may be said now, and whether that is all."""

    def more(self, text: str) -> tuple[str, bool]: ...
    def rest(self) -> str:
        """What was held until it is clear whether it may be said; nothing follows any more."""


def cut(events: Iterator[Event], cutter: Cutter, reason: str) -> Iterator[Event]:
    """The events up to where the cutter ends them; what is held is said before a failure, too."""
    failure = None
    try:
        for event in events:
            if isinstance(event, Delta):
                said, is_over = cutter.more(event.text)
                if said:
                    yield Delta(said)
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
