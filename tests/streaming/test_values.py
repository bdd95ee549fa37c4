"""Events, transcripts and characters: the small pure pieces."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from tests.support.events import any_event
from webapp.streaming.characters import Characters
from webapp.streaming.events import (
    GENERATION_EVENTS,
    Delta,
    Reasoning,
    Started,
    Usage,
    from_json,
    to_json,
)
from webapp.streaming.transcript import Transcript


@pytest.mark.mostly_slow
@pytest.mark.parametrize("kind", GENERATION_EVENTS.values(), ids=GENERATION_EVENTS)
@given(st.data())
def test_an_event_survives_json(kind, data):
    event = data.draw(any_event(kind))
    assert from_json(to_json(event)) == event


@given(st.text(), st.lists(st.integers(0, 100)))
def test_the_cut_of_whole_text_does_not_matter(text, cuts):
    expected = text.replace("\0", "\ufffd")
    units = text.encode("utf-16-le", "surrogatepass")
    edges = sorted({0, len(units), *(2 * cut for cut in cuts if 2 * cut < len(units))})
    characters = Characters()

    pieces = [characters.feed(_half(units[a:b])) for a, b in pairwise(edges)]

    assert "".join(pieces) + characters.finish() == expected


@pytest.mark.slow
@given(st.lists(st.text(st.characters()), max_size=8))
def test_whatever_arrives_can_be_stored(pieces):
    characters = Characters()

    text = "".join(characters.feed(piece) for piece in [*pieces, "\ud83d", "\ude00", "\udc00"]) + characters.finish()

    assert "\0" not in text.encode("utf-8").decode()


def test_a_transcript_is_what_was_said():
    transcript = Transcript()
    for event in (Started("m", "p"), Reasoning("hm"), Delta("a"), Delta("b"), Usage(1, 2, None), Usage(1, 3, "0.1")):
        transcript.fold(event)

    assert (transcript.text, transcript.reasoning, transcript.chars) == ("ab", "hm", 2)
    assert transcript.usage == Usage(1, 3, "0.1")


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ((Usage(upstream_id="g"), Usage(model="m"), Usage(1, 2, "0.1")), Usage(1, 2, "0.1", "m", "g")),
        ((Usage(5, 1), Usage(None, 9), Usage()), Usage(5, 9)),
        ((Usage(5, 1, "0.1"), Usage(5, 0, "0")), Usage(5, 0, "0")),
        ((Usage(5, 1, "0.1", "m", "g"), Usage(upstream_id="h")), Usage(upstream_id="h")),
    ],
    ids=["early", "unknown erases nothing", "nothing is known", "another request"],
)
def test_a_transcript_keeps_what_is_known_of_the_cost(told, known):
    transcript = Transcript()
    for usage in told:
        transcript.fold(usage)

    assert transcript.usage == known


def _half(units: bytes) -> str:
    """Returns text as a JSON parser does: a split surrogate pair becomes two lone surrogates."""
    return units.decode("utf-16-le", "surrogatepass")
