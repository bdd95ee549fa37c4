"""A speaker's name in front of an answer is removed from its stream, however it is chunked, and nothing else is."""

from collections.abc import Iterator

import pytest
from gevent.event import Event as Signal

from webapp.chat.group.members import PrefixStripper
from webapp.streaming.events import Delta, Ended, Event, Reasoning, Started, Usage
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

STARTED, USAGE, ENDED = Started("m", "p"), Usage(), Ended("completed", "stop")


class Canned:
    """A source that yields these events and can fail after them."""

    def __init__(self, *events: Event, fails: bool = False) -> None:
        self.said, self.fails, self.is_closed, self.is_between = events, fails, False, False

    def events(self, _stop: Stop) -> Iterator[Event]:
        try:
            yield from self.said
            if self.fails:
                raise ProviderError("cut", "Cut", retryable=True)
        finally:
            self.is_closed = True

    def check_timeout(self) -> str:
        return "late"


def events_of(*events: Event) -> list[Event]:
    return list(PrefixStripper("Bo", Canned(*events)).events(Stop(Signal)))


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Bo: Ahoy.", "Ahoy."),
        ("Bo:\nAhoy.", "Ahoy."),
        (" \n Bo:  Ahoy.", "Ahoy."),
        ("Bo:Bo: Ahoy.", "Bo: Ahoy."),
        ("Ahoy. Bo: no.", "Ahoy. Bo: no."),
        ("  Ahoy.", "  Ahoy."),
        ("Bob: no.", "Bob: no."),
        ("Bo, no.", "Bo, no."),
        ("bo: no.", "bo: no."),
        ("Bo", "Bo"),
        ("B", "B"),
        ("Bo:", ""),
        ("Bo: ", ""),
        ("", ""),
    ],
)
def test_only_the_name_at_the_beginning_goes_however_it_is_cut(said, expected):
    for size in range(1, len(said) + 2):
        pieces = [Delta(said[at : at + size]) for at in range(0, len(said), size)]
        events = events_of(STARTED, Reasoning("Hm."), *pieces, USAGE, ENDED)

        assert text_of(events) == expected, size
        assert [event for event in events if not isinstance(event, Delta)] == [STARTED, Reasoning("Hm."), USAGE, ENDED]
        assert Delta("") not in events


def test_what_cannot_be_the_name_waits_for_nothing():
    source = PrefixStripper("Bo", Canned(Delta("A"), Delta("hoy"))).events(Stop(Signal))
    assert next(source) == Delta("A")


def test_the_source_is_closed_and_its_failure_goes_on():
    canned = Canned(Delta("A"), Delta("hoy"))
    events = PrefixStripper("Bo", canned).events(Stop(Signal))
    next(events)
    events.close()
    assert canned.is_closed
    with pytest.raises(ProviderError):
        list(PrefixStripper("Bo", Canned(Delta("Ahoy"), fails=True)).events(Stop(Signal)))
    broken = PrefixStripper("Bo", Canned(Delta("B"), fails=True)).events(Stop(Signal))
    assert next(broken) == Delta("B")
    assert PrefixStripper("Bo", canned).check_timeout() == "late"


def test_space_without_end_is_not_held():
    assert len(events_of(*[Delta(" ")] * 1_000)) > 800
