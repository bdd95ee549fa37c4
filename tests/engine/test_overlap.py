"""The text that a model repeats where its answer was cut is removed, and nothing else is."""

from collections.abc import Iterator

import pytest

from webapp.engine.ladder import without_overlap
from webapp.streaming.events import Delta, Ended, Event, Usage
from webapp.streaming.failure import ProviderError

BEGINNING = "The mill stands by the river. It turns when the water comes"
END = Ended("completed", "stop")


def text_before_the_end(events: list[Event]) -> str:
    """Returns the text before the first end: a run ignores later events."""
    return "".join(event.text for event in events[: events.index(END)] if isinstance(event, Delta))


@pytest.mark.parametrize(
    ("said", "added"),
    [
        (["."], "."),
        ([" ", "It", " turns"], " It turns"),
        ([" turns when the water comes", " down", "."], " down."),
        (["It turns when the", " water comes"], ""),
        (["the river"], "the river"),
        ([" down", "."], " down."),
        ([], ""),
    ],
)
def test_only_a_repetition_is_left_out(said: list[str], added: str) -> None:
    events = [*map(Delta, said), Usage(1, 1, None), END]

    heard = list(without_overlap(BEGINNING, iter(events)))

    assert text_before_the_end(heard) == added
    assert heard[-1] == END


def test_a_failure_does_not_swallow_what_was_held() -> None:
    def broken() -> Iterator[Event]:
        yield Delta(" the river")
        raise ProviderError("cut", "The connection was lost.")

    heard = without_overlap(BEGINNING, broken())

    assert next(heard) == Delta(" the river")
    with pytest.raises(ProviderError):
        next(heard)
