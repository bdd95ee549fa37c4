"""Where an answer ends because its caller wants no more after certain words. Pure."""

from collections.abc import Iterator, Sequence

from webapp.streaming.events import Delta, Ended, Event
from webapp.streaming.failure import ProviderError


def until(stops: Sequence[str], events: Iterator[Event]) -> Iterator[Event]:
    """The events up to where the first of these texts begins; what may be its beginning is held until that is clear."""
    held, failure = "", None
    try:
        for event in events:
            if isinstance(event, Delta):
                said, held, is_over = _split(held + event.text, stops)
                yield Delta(said)
                if is_over:
                    yield Ended("completed", "stop")
                    return
            elif isinstance(event, Ended):
                yield Delta(held)
                yield event
                return
            else:
                yield event
    except ProviderError as error:
        failure = error
    finally:
        if close := getattr(events, "close", None):
            close()
    yield Delta(held)
    if failure:
        raise failure


def _split(text: str, stops: Sequence[str]) -> tuple[str, str, bool]:
    """What may be said, what has to wait, and whether one of the texts is there."""
    found = [at for stop in stops if (at := text.find(stop)) >= 0]
    if found:
        return text[: min(found)], "", True
    waiting = max((size for stop in stops for size in range(1, len(stop)) if text.endswith(stop[:size])), default=0)
    return text[: len(text) - waiting], text[len(text) - waiting :], False
