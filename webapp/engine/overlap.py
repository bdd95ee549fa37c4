"""Removes text that a model repeats when it continues a cut answer. Pure."""

from collections.abc import Iterator

from webapp.streaming.events import Delta, Event
from webapp.streaming.failure import ProviderError

# Shorter repetitions are ordinary language, not a model that starts its sentence again.
SHORTEST = 16
LONGEST = 400


def without_overlap(beginning: str, events: Iterator[Event]) -> Iterator[Event]:
    """Yields the events without text that repeats the end of `beginning`; text is held back while it can be a repetition.

    Held text is released before any other event, so that neither an end nor a failure loses it.
    """
    buffer, is_open, failure = "", len(beginning) >= SHORTEST, None
    try:
        for event in events:
            if is_open and isinstance(event, Delta):
                buffer += event.text
                is_open = _may_overlap(beginning, buffer)
                if is_open:
                    continue
                event, buffer = Delta(_trimmed(beginning, buffer)), ""
            elif buffer:
                yield Delta(_trimmed(beginning, buffer))
                buffer, is_open = "", False
            yield event
    except ProviderError as error:
        failure = error
    if buffer:
        yield Delta(_trimmed(beginning, buffer))
    if failure:
        raise failure


def _may_overlap(beginning: str, text: str) -> bool:
    """Returns whether more text could still turn this into a repetition."""
    return len(text) < LONGEST and text in beginning[-LONGEST:]


def _trimmed(beginning: str, text: str) -> str:
    end = beginning[-LONGEST:]
    for size in range(min(len(end), len(text)), SHORTEST - 1, -1):
        if end.endswith(text[:size]):
            return text[size:]
    return text
