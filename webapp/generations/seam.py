"""The place where an answer was cut and goes on: what a model repeats there is left out. Pure."""

from collections.abc import Iterator

from webapp.streaming.events import Delta, Event

# Shorter repetitions are ordinary language, not a model that begins its sentence again.
SHORTEST = 16
LONGEST = 400


def without_overlap(beginning: str, events: Iterator[Event]) -> Iterator[Event]:
    """The events without the words that repeat the end of the beginning; text is held only while it may be such."""
    held, is_open = "", len(beginning) >= SHORTEST
    for event in events:
        if is_open and isinstance(event, Delta):
            held += event.text
            if _may_overlap(beginning, held):
                continue
            event, held, is_open = Delta(_trimmed(beginning, held)), "", False
        yield event
    if held:
        yield Delta(_trimmed(beginning, held))


def _may_overlap(beginning: str, text: str) -> bool:
    """Whether more text could still turn this into a repetition."""
    return len(text) < LONGEST and text in beginning[-LONGEST:]


def _trimmed(beginning: str, text: str) -> str:
    end = beginning[-LONGEST:]
    for size in range(min(len(end), len(text)), SHORTEST - 1, -1):
        if end.endswith(text[:size]):
            return text[size:]
    return text
