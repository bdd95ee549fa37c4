"""Slow computations in real threads, and work on the event loop that yields."""

from io import BytesIO

import gevent
import pytest
from gevent.event import Event
from gevent.monkey import get_original

from tests.support.turns import nobody_waits
from webapp.heavy.threads import offload, set_aside
from webapp.heavy.turns import YieldingStream, by_turns, give_way

get_thread_ident = get_original("_thread", "get_ident")
WAIT_SECONDS = 30


@pytest.mark.slow
def test_slow_work_runs_beside_the_rest():
    def compute() -> int:
        return sum(number * number for number in range(10_000_000))

    with nobody_waits():
        assert offload(compute) > 0


def test_what_is_set_aside_from_a_thread_runs_in_another_and_nobody_waits_for_it():
    hub, threads, done = gevent.get_hub(), list[int](), Event()

    def work() -> None:
        threads.append(get_thread_ident())
        hub.loop.run_callback_threadsafe(done.set)

    def begin() -> None:
        set_aside(hub, work)
        threads.append(get_thread_ident())

    offload(begin)

    assert done.wait(WAIT_SECONDS)
    assert len(threads) == 2
    assert get_thread_ident() not in threads


def test_work_in_pieces_lets_others_have_their_turn():
    turns: list[str] = []
    other = gevent.spawn(turns.append, "other")

    for number in by_turns(range(3), seconds=0):
        turns.append(str(number))

    assert turns == ["0", "other", "1", "2"]
    assert other.dead


def test_giving_way_lets_those_go_on_who_wait_for_the_clock():
    woken: list[int] = []
    gevent.spawn_later(0, woken.append, 1)

    for _ in range(10):
        give_way()

    assert woken


def test_an_unhurried_stream_gives_all_that_is_in_it():
    content = bytes(range(256)) * 1_000

    assert YieldingStream(BytesIO(content)).read() == content
    assert YieldingStream(BytesIO(content)).read(10) == content[:10]
