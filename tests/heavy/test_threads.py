"""Slow computations in real threads, and work on the loop that gives way."""

from io import BytesIO

import gevent
import pytest

from tests.support.gap import nobody_waits
from webapp.heavy.threads import offload
from webapp.heavy.turns import Unhurried, by_turns, give_way


@pytest.mark.slow
def test_slow_work_runs_beside_the_rest():
    def compute() -> int:
        return sum(number * number for number in range(10_000_000))

    with nobody_waits():
        assert offload(compute) > 0


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

    assert Unhurried(BytesIO(content)).read() == content
    assert Unhurried(BytesIO(content)).read(10) == content[:10]
