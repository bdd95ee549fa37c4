"""Loops: none runs while there is nothing to do, and none stops because of one failure."""

from time import monotonic

import gevent

from webapp.streaming.loops import Ticker, supervise


def test_a_ticker_ends_with_its_work_and_begins_again():
    left = [3]

    def work() -> bool:
        left[0] -= 1
        return left[0] > 0

    ticker = Ticker("test", work, every=lambda: 0.001, spawn=gevent.spawn, pause=gevent.sleep, now=monotonic)
    ticker.wake()
    ticker.wake()
    assert ticks_in_the_end(ticker, 3) == 3

    left[0] = 2
    ticker.wake()
    assert ticks_in_the_end(ticker, 5) == 5


def test_who_wakes_it_while_it_works_is_not_forgotten():
    woken = []

    def work() -> bool:
        gevent.sleep(0.01)
        if not woken:
            woken.append(True)
            ticker.wake()
        return False

    ticker = Ticker("test", work, every=lambda: 0.001, spawn=gevent.spawn, pause=gevent.sleep, now=monotonic)
    ticker.wake()
    assert ticks_in_the_end(ticker, 2) == 2


def ticks_in_the_end(ticker: Ticker, at_least: int) -> int:
    with gevent.Timeout(30):
        while ticker.ticks < at_least:
            gevent.sleep(0.001)
    # There must not be an extra tick either.
    gevent.sleep(0.05)
    return ticker.ticks


def test_the_time_that_work_takes_does_not_put_off_the_next():
    clock, began = [0.0], []

    def work() -> bool:
        began.append(clock[0])
        clock[0] += (0.1, 0.9, 0.0)[len(began) - 1]
        return len(began) < 3

    def pause(seconds: float) -> None:
        clock[0] += seconds

    Ticker("test", work, every=lambda: 0.25, spawn=lambda run: run(), pause=pause, now=lambda: clock[0]).wake()

    assert began == [0.25, 0.5, 1.525]


def test_a_failure_is_logged_and_the_work_goes_on(caplog):
    tries = []

    def work() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("no")

    supervise("test", work, pause=lambda seconds: None)

    assert len(tries) == 3
    assert caplog.text.count("the test loop failed") == 2
