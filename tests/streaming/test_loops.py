"""Loops: none runs when nothing is to be done, and none dies of one failure."""

import gevent

from webapp.streaming.loops import Ticker, supervise


def test_a_ticker_ends_with_its_work_and_begins_again():
    left = [3]

    def work() -> bool:
        left[0] -= 1
        return left[0] > 0

    ticker = Ticker("test", work, every=lambda: 0.001, spawn=gevent.spawn, pause=gevent.sleep)
    ticker.wake()
    ticker.wake()
    gevent.sleep(0.1)
    assert ticker.ticks == 3

    left[0] = 2
    ticker.wake()
    gevent.sleep(0.1)
    assert ticker.ticks == 5


def test_a_failure_is_logged_and_the_work_goes_on(caplog):
    tries = []

    def work() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("no")

    supervise("test", work, pause=lambda seconds: None)

    assert len(tries) == 3
    assert caplog.text.count("the test loop failed") == 2
