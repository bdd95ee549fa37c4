"""Readers share one beat; neither the first words nor a stop wait for it."""

import time
from itertools import groupby
from socket import socketpair

import gevent
import pytest
from gevent.hub import Waiter

from tests.models.providers.received import KEY, request_for
from tests.upstream.handle import Upstream as Fake
from webapp.models.providers.openai import OpenAIProvider
from webapp.models.upstream import Upstream
from webapp.models.upstream.read_beat import Beat
from webapp.streaming.events import Delta
from webapp.streaming.run import next_stroke
from webapp.streaming.stop import Stop

LONG = 600.0


@pytest.mark.parametrize(("now", "stroke"), [(0.0, 0.25), (0.1, 0.25), (0.25, 0.5), (7.3, 7.5)])
def test_strokes_are_at_the_same_moments_for_everybody(now: float, stroke: float) -> None:
    assert next_stroke(now, 0.25) == stroke
    assert next_stroke(now, 0) == now


def test_all_who_wait_go_on_after_one_stroke() -> None:
    beat, strokes, order = Beat(), set[float](), list[str]()

    def wait() -> None:
        strokes.add(next_stroke(time.monotonic(), 0.5))
        order.append("wait")
        beat.wait(0.5, Waiter())
        order.append("go on")

    gevent.joinall([gevent.spawn(wait) for _ in range(100)], timeout=60)

    assert order.count("go on") == 100
    # All readers wake together, once for each beat that any has waited for: usually one.
    assert [name for name, _ in groupby(order)].count("go on") <= len(strokes)


@pytest.mark.slow
def test_what_stands_in_a_queue_comes_after_those_who_read() -> None:
    beat, order = Beat(), list[str]()

    def read() -> None:
        beat.wait(0.5, Waiter())
        order.append("text")

    def work() -> None:
        until = time.monotonic() + 0.005
        while time.monotonic() < until:
            pass
        order.append("work")

    readers = [gevent.spawn(read) for _ in range(20)]
    gevent.sleep(0.01)
    gevent.sleep(next_stroke(time.monotonic(), 0.5) - time.monotonic() - 0.02)
    gevent.joinall([*readers, *(gevent.spawn(work) for _ in range(100))], timeout=30)

    assert order.count("text") == 20
    assert "text" not in order[-50:]


@pytest.mark.slow
def test_a_socket_that_becomes_ready_does_not_wait_for_all_who_read() -> None:
    beat, order = Beat(), list[str]()
    here, there = socketpair()

    def read(number: int) -> None:
        beat.wait(0.5, Waiter())
        if number == 3:
            there.send(b"x")
        order.append("text")

    def listen() -> None:
        here.recv(1)
        order.append("request")

    with here, there:
        gevent.joinall([gevent.spawn(listen), *(gevent.spawn(read, number) for number in range(20))], timeout=30)

    assert order.count("text") == 20
    assert "request" in order[4:7]


@pytest.mark.parametrize("pause", [0.01, 0], ids=["while it waits", "before it waits"])
def test_who_is_woken_by_somebody_else_does_not_wait_for_it(pause: float) -> None:
    waiter = Waiter()
    waiting = gevent.Greenlet(Beat().wait, LONG, waiter)
    if pause:
        waiting.start()
        gevent.sleep(pause)
    gevent.get_hub().loop.run_callback(waiter.switch, None)
    waiting.start()
    waiting.join(30)

    assert waiting.successful()


def test_one_that_is_killed_holds_up_no_other() -> None:
    beat = Beat()
    first, second = (gevent.spawn(beat.wait, 0.2, Waiter()) for _ in range(2))
    gevent.sleep(0.01)
    first.kill()
    second.join(30)
    beat.wait(0.01, Waiter())

    assert second.successful()


def test_without_a_beat_nobody_waits() -> None:
    Beat().wait(0, Waiter())


def test_the_first_words_do_not_wait_and_stop_ends_the_rest(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    # The text up to the hold is too short to be read in two parts.
    fake.always({"counted": 1000, "pace": 0.01, "holds": [10]})
    provider = OpenAIProvider("fake", fake.base_url, KEY, outgoing, trust="operator", beat_seconds=LONG)
    received: list[str] = []

    def read() -> None:
        received.extend(event.text for event in provider.stream(request_for(), stop) if isinstance(event, Delta))

    reading = gevent.spawn(read)
    with gevent.Timeout(30):
        while len("".join(received)) < 32:
            gevent.sleep(0.01)
    told = len(received)
    fake.goes_on()
    fake.until(lambda log: len(log[-1]["tokens"]) > told + 20)
    assert len(received) == told

    stop.request("user")
    reading.join(30)
    assert reading.successful()


@pytest.mark.slow
def test_an_answer_on_the_beat_is_whole_and_told_in_few_pieces(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    fake.always({"counted": 300, "pace": 0.002})
    provider = OpenAIProvider("fake", fake.base_url, KEY, outgoing, trust="operator", beat_seconds=0.2)

    began = time.monotonic()
    events = list(provider.stream(request_for(), stop))
    strokes = (time.monotonic() - began) / 0.2

    received = [event.text for event in events if isinstance(event, Delta)]
    assert "".join(received).split() == [f"w{number:06d}" for number in range(1, 301)]
    # One per beat, however slow the machine is, plus the first words, which do not wait.
    assert len(received) < strokes + 20
