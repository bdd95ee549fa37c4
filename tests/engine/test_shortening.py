"""A refusal for length is a step of the ladder: the same model is asked again with what fits."""

from typing import Any

import pytest

from tests.engine.test_ladder import HELLO, climbed
from tests.models.providers.received import Received
from webapp.models.providers.base import Turn
from webapp.streaming.events import Notice

TOO_LONG = {
    "status": 400,
    "json": {
        "error": {
            "message": "This model's maximum context length is 4096 tokens. However, you requested 9036 tokens.",
            "code": "context_length_exceeded",
        }
    },
}
TOO_LONG_INSIDE = {"says": "x", "error_after": 0, "error": TOO_LONG["json"]["error"]}
TOO_LONG_SOMEHOW = {"status": 400, "json": {"error": "prompt too long; exceeded max context length by 812 tokens"}}
# A stream that is too long, at a server of llama.cpp: the reply is empty, and its connection closes just after.
EMPTY_THEN_CLOSED = {
    "raw": [
        {"send": "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"sleep": 0.1},
    ]
}
# A chat with 20 earlier messages, of some 300 tokens each.
TALK = tuple(Turn("assistant" if number % 2 else "user", f"{number} {'word ' * 300}") for number in range(20))
HELD = "This model's context holds 4,096 tokens: "


def climbed_long(app, *rungs: tuple[str, bool], turns: tuple[Turn, ...] = (), **how: Any):
    """Climbs with the request of a long chat; also returns what was learned."""
    learned, turns = list[tuple[str, int]](), turns or (*TALK, Turn("user", "And now?"))
    earlier = tuple(range(len(TALK))) if turns[: len(TALK)] == TALK else ()
    received = climbed(app, *rungs, turns=turns, tools=(), earlier=earlier, learn=lambda *what: learned.append(what), **how)
    return received, learned


def fitted_lines(received: Received) -> list[str]:
    return [event.message for event in received.events if isinstance(event, Notice) and event.code == "fitted"]


@pytest.mark.parametrize("refusal", [TOO_LONG, TOO_LONG_INSIDE, {**TOO_LONG, "status": 500}], ids=["400", "inside", "500"])
def test_what_is_too_long_is_sent_again_as_far_as_it_fits(app, fake, refusal):
    fake.behaves([refusal])
    fake.always(HELLO)

    received, learned = climbed_long(app, ("one", True), ("two", True))

    assert (received.text, learned) == ("Hello there", [("one", 4096)])
    asked, again = (entry["body"] for entry in fake.posts())
    assert (asked["model"], again["model"]) == ("one", "one")
    left_out = len(asked["messages"]) - len(again["messages"])
    assert again["messages"] == asked["messages"][left_out:]
    assert fitted_lines(received) == [f"{HELD}the {left_out} earliest messages were not sent."]


def test_a_refusal_that_only_a_request_without_streaming_tells_is_one(app, fake):
    fake.behaves([EMPTY_THEN_CLOSED, EMPTY_THEN_CLOSED, TOO_LONG])
    fake.always(HELLO)

    received, learned = climbed_long(app, ("one", True))

    assert (received.text, learned) == ("Hello there", [("one", 4096)])


def test_what_does_not_say_how_much_fits_is_halved(app, fake):
    fake.behaves([TOO_LONG_SOMEHOW, TOO_LONG_SOMEHOW])
    fake.always(HELLO)

    received, learned = climbed_long(app, ("one", True))

    assert received.text == "Hello there"
    counts = [len(entry["body"]["messages"]) for entry in fake.posts()]
    assert counts[0] == 21
    assert counts[1] <= 11
    assert counts[2] <= 6
    # One line, and what has fitted is remembered.
    assert len(fitted_lines(received)) == 1
    assert [model for model, _ in learned] == ["one"]


def test_one_message_that_is_too_long_is_refused_in_a_sentence(app, fake):
    fake.always(TOO_LONG)

    received, learned = climbed_long(app, ("one", True), turns=(Turn("user", "word " * 9_000),))

    assert (received.end, received.text) == ("invalid", "")
    words = str(received.failure)
    assert words.startswith("This message alone, with its instructions and files, doesn't fit the context of one")
    assert "which holds 4,096 tokens" in words
    assert len(fake.posts()) == 1
    assert learned == [("one", 4096)]


def test_a_model_with_a_longer_context_is_asked_then(app, fake):
    fake.behaves([TOO_LONG])
    fake.always(HELLO)

    received, _ = climbed_long(app, ("one", True), ("two", True), turns=(Turn("user", "word " * 9_000),))

    assert received.text == "Hello there"
    assert [entry["body"]["model"] for entry in fake.posts()] == ["one", "two"]


def test_what_a_program_sends_is_refused_as_it_is(app, fake):
    fake.always(TOO_LONG)

    received = climbed(app, ("one", True), turns=(*TALK, Turn("user", "And now?")), tools=())

    assert received.end == "invalid"
    assert len(fake.posts()) == 1


def test_the_end_of_an_answer_is_enough_to_continue_it(app, fake):
    fake.behaves([TOO_LONG])
    fake.always(HELLO)
    beginning = "".join(f"w{number:06d} " for number in range(3_000))

    received, _ = climbed_long(
        app, ("one", True), turns=(*TALK, Turn("user", "Count."), Turn("assistant", beginning)), is_continuation=True
    )

    assert received.text == "Hello there"
    sent = fake.posts()[1]["body"]["messages"][-2]["content"]
    assert beginning.endswith(sent)
    assert len(sent) < len(beginning)
