"""Slow computations in real threads, and work on the event loop that yields."""

import logging
from functools import partial
from io import BytesIO
from threading import Lock, RLock
from typing import Any

import gevent
import pytest
from flask import Flask
from gevent.event import Event
from gevent.monkey import get_original

from tests.support.turns import nobody_waits
from tests.support.waiting import until
from webapp.base.errors import Unavailable
from webapp.base.heavy.threads import COMPUTATIONS, PASSWORDS, READS, ThreadGroup, get_thread_ident, offload, on_loop, set_aside
from webapp.base.heavy.turns import YieldingStream, by_turns, give_way
from webapp.people.accounts import passwords
from webapp.people.accounts.guards import WHOSE

native_lock = get_original("_thread", "allocate_lock")
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


def test_a_thread_has_the_loop_do_what_takes_locks() -> None:
    hub = gevent.get_hub()

    assert offload(on_loop, hub, get_thread_ident) == on_loop(hub, get_thread_ident) == get_thread_ident()
    with pytest.raises(ZeroDivisionError):
        offload(on_loop, hub, lambda: 1 // 0)


@pytest.mark.parametrize("lock", [Lock(), RLock(), logging.Handler().lock])
def test_a_lock_in_a_thread_fails_the_test(lock: Any) -> None:
    def work() -> None:
        with lock:
            pass

    with pytest.raises(AssertionError, match="took a lock"):
        offload(work)


def test_a_thread_that_does_not_come_back_is_replaced_and_told(caplog: pytest.LogCaptureFixture) -> None:
    threads, over = ThreadGroup("tests", 1, lost_seconds=0.05), native_lock()
    over.acquire()

    with pytest.raises(Unavailable):
        threads.run(over.acquire)

    assert [record.message for record in caplog.records] == ["thread_lost"]
    assert (threads.run(lambda: "the next"), threads.free, threads.lost) == ("the next", 1, 1)
    over.release()
    until(lambda: threads.lost == 0, "it is counted as found again")
    assert (threads.run(lambda: "the last"), threads.free) == ("the last", 1)


def test_one_person_has_one_thread_at_a_time(app: Flask) -> None:
    threads, over, order = ThreadGroup("tests", 2), native_lock(), list[str]()
    over.acquire()

    def come(person: str) -> None:
        with app.test_request_context(environ_overrides={WHOSE: person}):
            threads.run(partial(over.acquire, timeout=WAIT_SECONDS) if person == "ada" else lambda: None)
            order.append(person)

    greedy = [gevent.spawn(come, "ada") for _ in range(4)]
    gevent.spawn(come, "ben").join(WAIT_SECONDS)

    assert order == ["ben"]
    for _ in greedy:
        over.release()
        until(over.locked, "the next one has it")
    gevent.joinall(greedy, timeout=WAIT_SECONDS, raise_error=True)


def test_a_slot_stays_taken_until_its_thread_is_free() -> None:
    threads, over = ThreadGroup("tests", 1), native_lock()
    over.acquire()
    with pytest.raises(TimeoutError), gevent.Timeout(0.01, TimeoutError):
        threads.run(over.acquire)

    assert threads.free == 0
    over.release()
    until(lambda: threads.free == 1, "the thread is free")


def test_each_purpose_has_threads_of_its_own() -> None:
    over = native_lock()
    over.acquire()
    taken = [gevent.spawn(pool.run, over.acquire) for pool in (READS, COMPUTATIONS) for _ in range(pool.size)]
    until(lambda: READS.free == COMPUTATIONS.free == 0, "all are taken")

    assert passwords.is_right(passwords.hash_of("a password"), "a password")
    assert gevent.get_hub().threadpool.apply(lambda: "an address") == "an address"

    for _ in taken:
        over.release()
        until(over.locked, "the next one has it")
    gevent.joinall(taken, timeout=WAIT_SECONDS, raise_error=True)
    assert PASSWORDS.free == PASSWORDS.size


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
