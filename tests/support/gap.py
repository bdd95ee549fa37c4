"""How long the loop was held in one go: a greenlet ticks beside what is tried."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent

from tests.support.garbage import left_alone

TICK_SECONDS = 0.01
MOST_SECONDS = 0.5


class Ticker:
    """The longest time between two ticks that the loop itself was computing, whatever else the machine did."""

    def __init__(self) -> None:
        self.longest_seconds, self._last = 0.0, time.thread_time()

    def tick(self) -> None:
        now = time.thread_time()
        self.longest_seconds, self._last = max(self.longest_seconds, now - self._last), now

    def run(self) -> None:
        while True:
            self.tick()
            gevent.sleep(TICK_SECONDS)


@contextmanager
def nobody_waits(most_seconds: float = MOST_SECONDS) -> Iterator[None]:
    """Fails when what is done inside held everybody else up for longer."""
    with left_alone():
        ticker = Ticker()
        running = gevent.spawn(ticker.run)
        gevent.sleep(TICK_SECONDS)
        try:
            yield
            ticker.tick()
        finally:
            running.kill()
    assert ticker.longest_seconds < most_seconds, f"the others waited for {ticker.longest_seconds:.2f} s"
