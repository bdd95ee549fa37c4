"""A run ends exactly once, is saved before it is announced, and its text equals the provider's."""

import time

import gevent
import pytest
from gevent.event import Event as Signal

from tests.streaming.conftest import TOPIC, paced, saved_at_once
from webapp.streaming.events import Delta, Ended, Failed, Notice, Phase, Reasoning, Saved, Started
from webapp.streaming.failure import ProviderError
from webapp.streaming.outcome import Outcome
from webapp.streaming.run import Abandoned, Run
from webapp.streaming.stop import Stop

# A run's default.
BEAT_SECONDS = 0.04
BEGUN = Started("m", "p")
DONE = Ended("completed", "stop")


def test_slow_text_is_sent_at_once(room):
    _, done = room.start(paced("abc", 0.05))
    done.join()

    assert room.deltas() == ["a", "b", "c"]


def test_fast_text_is_sent_together(room):
    began = time.monotonic()
    _, done = room.start(paced("x" * 200, 0.001))
    done.join()

    # One delta per beat, however slow the machine is, and one more at either end.
    assert 2 < len(room.deltas()) <= (time.monotonic() - began) / BEAT_SECONDS + 3
    assert room.text() == "x" * 200


def test_who_is_early_for_a_stroke_has_taken_it(room):
    clock = [0.0]

    def events():
        yield BEGUN
        for milliseconds in range(36, 85):
            clock[0] = milliseconds / 1000 + 0.0005
            yield Delta("x")
        yield DONE

    run = Run(TOPIC, room.topics, Stop(Signal), now=lambda: clock[0], schedule_flush=lambda _: None, pause=gevent.sleep)
    run.run(events(), saved_at_once)

    # The second is early for the beat at 80 ms, and the third comes with the end.
    assert room.deltas() == ["x", "x" * 39, "x" * 9]
    assert [round(gap, 4) for gap in run.gaps] == [0.001] * 48


def test_held_text_is_sent_though_the_provider_pauses(room):
    def events(run):
        yield from [BEGUN, Delta("a"), Delta("b")]
        run.stop.wait(10)

    run, done = room.start(events)
    room.until(lambda: room.text() == "ab")
    run.stop.request("user")
    done.join(30)

    assert room.events()[-1] == Ended("stopped", "user")


def test_reasoning_and_answer_are_never_mixed(room):
    _, done = room.start([BEGUN, Reasoning("a"), Reasoning("b"), Delta("c"), Reasoning("d"), DONE])
    done.join()

    texts = [event for event in room.events() if isinstance(event, Delta | Reasoning)]
    assert texts == [Reasoning("a"), Reasoning("b"), Delta("c"), Reasoning("d")]


def test_the_phases_are_said_when_they_begin(room):
    _, done = room.start([BEGUN, Reasoning("a"), Delta("b"), DONE])
    done.join()

    assert [event.name for event in room.events() if isinstance(event, Phase)] == ["thinking", "responding", "saving"]


@pytest.mark.parametrize(
    ("code", "said", "status"),
    [
        ("cut", [], "failed"),
        ("cut", [Delta("half")], "interrupted"),
        ("cut", [Reasoning("only thoughts")], "failed"),
        ("error", [Delta("half")], "interrupted"),
        ("rate", [Delta("half")], "failed"),
        ("auth", [], "failed"),
    ],
)
def test_a_broken_provider_keeps_what_was_said(room, code, said, status):
    def events(run):
        yield BEGUN
        yield from said
        raise ProviderError(code, "It broke.", retryable=True)

    _, done = room.start(events)
    done.join()

    assert room.events()[-1] == Ended(status, code)
    assert Failed(code, "It broke.", True) in room.events()
    assert room.text() == "".join(event.text for event in said if isinstance(event, Delta))


@pytest.mark.parametrize(
    ("reason", "said", "end"),
    [
        ("user", [], Ended("stopped", "user")),
        ("idle_listener", [Delta("a")], Ended("stopped", "idle_listener")),
        ("token_limit", [Delta("a")], Ended("completed", "token_limit")),
        ("stall", [Delta("a")], Ended("interrupted", "stall")),
        ("first_byte", [], Ended("failed", "stall")),
        ("total_time", [], Ended("failed", "total_time")),
        ("server_restart", [], Ended("interrupted", "server_restart")),
    ],
)
def test_a_wish_to_end_has_the_status_of_its_reason(room, reason, said, end):
    def events(run):
        yield BEGUN
        yield from said
        run.stop.request(reason)

    _, done = room.start(events)
    done.join()

    assert room.events()[-1] == end


def test_an_end_without_its_marker_is_a_cut(room):
    _, done = room.start([BEGUN, Delta("half")])
    done.join()

    assert room.events()[-1] == Ended("interrupted", "cut")


def test_a_surprise_is_an_end_too(room):
    def events(run):
        yield BEGUN
        raise ZeroDivisionError

    _, done = room.start(events)
    done.join()

    assert room.events()[-1] == Ended("failed", "error")


def test_it_is_saved_before_it_is_announced(room):
    seen = []

    def save(run, outcome):
        gevent.sleep(0.01)
        seen.append((room.text(), any(isinstance(event, Ended) for event in room.events())))
        return [Saved("message", "7", "assistant")]

    _, done = room.start([BEGUN, Delta("all"), DONE], save)
    done.join()

    assert seen == [("all", False)]
    assert room.events()[-2:] == [Saved("message", "7", "assistant"), DONE]


def test_a_save_that_fails_is_tried_again_and_said_once(room):
    tries = []

    def save(run, outcome):
        tries.append(outcome)
        if len(tries) < 3:
            raise OSError("disk full")
        return []

    _, done = room.start([BEGUN, DONE], save)
    done.join(30)

    assert tries == [Outcome("completed", "stop")] * 3
    assert sum(isinstance(event, Notice) for event in room.events()) == 1
    assert room.events()[-1] == DONE


def test_what_another_worker_has_taken_is_not_announced(room):
    def save(run, outcome):
        raise Abandoned("1")

    _, done = room.start([BEGUN, DONE], save)
    done.join(30)

    assert not any(isinstance(event, Ended) for event in room.events())


@pytest.mark.parametrize("moment", [0, 1, 3, 6, 10, 15, 22])
def test_stopping_at_any_moment_ends_once_and_closes_the_socket(room, moment):
    closed = []

    def events(run):
        with run.stop.aborting(lambda: closed.append(True)):
            yield from list(paced("abcdefgh", 0.003))[:-1]
            gevent.sleep(0.05)

    run, done = room.start(events)
    gevent.sleep(moment / 1000)
    run.stop.request("user")
    run.stop.request("again")
    done.join(30)

    ends = [event for event in room.events() if isinstance(event, Ended)]
    assert ends == [Ended("stopped", "user")]
    assert room.events()[-1] == ends[0]
    assert closed == [True]


def test_an_endless_answer_is_capped_at_the_character(room):
    def events(run):
        yield BEGUN
        while True:
            yield Delta("1234567")

    _, done = room.start(events, limit_chars=30)
    done.join(30)

    assert len(room.text()) == 30
    assert room.events()[-1] == Ended("completed", "cap")


def test_endless_thoughts_are_capped_too(room):
    def events(run):
        yield BEGUN
        while True:
            yield Reasoning("1234567")

    _, done = room.start(events, limit_chars=30)
    done.join(30)

    assert sum(len(event.text) for event in room.events() if isinstance(event, Reasoning)) == 30
    assert room.events()[-1] == Ended("completed", "cap")


@pytest.mark.slow
def test_an_endless_change_between_thoughts_and_text_ends_while_all_of_it_is_known(room):
    def events(run):
        yield BEGUN
        while True:
            yield from (Reasoning("r"), Delta("a"))

    run, done = room.start(events)
    done.join(200)

    assert room.events()[-1] == Ended("completed", "cap")
    assert room.text() == run.transcript.text


def test_a_character_cut_in_two_is_joined_and_a_lone_half_is_mended(room):
    _, done = room.start([BEGUN, Delta("a\ud83d"), Delta("\ude00b\0"), Delta("\udc00"), Delta("z\ud83d"), DONE])
    done.join()

    assert room.text() == "a😀b\ufffd\ufffdz\ufffd"
