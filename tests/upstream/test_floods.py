"""A server that sends faster than it is read, and never pauses, holds up nobody else."""

import time
from typing import Any

import gevent
import pytest

from tests.upstream.handle import Upstream as Fake
from webapp.streaming.stop import Stop
from webapp.upstream import Stopped, Upstream

OK = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
FLOODS = {
    "comments": (f"{OK}\r\n", ": x\n"),
    "nothing said": (f"{OK}\r\n", 'data: {"choices":[{"index":0,"delta":{"content":""}}]}\n\n'),
    "trailers": (f"{OK}Transfer-Encoding: chunked\r\n\r\n0\r\n", "X-T: y\r\n"),
    "continues": ("", "HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.mostly_slow
@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_lets_clocks_go_on_and_the_wish_to_stop_be_heard(fake: Fake, outgoing: Upstream, stop: Stop, kind: str) -> None:
    head, block = FLOODS[kind]
    fake.always({"raw": [{"send": head}, {"send": block * 20_000, "for_ever": True}]})
    clock, began = Clock(), time.monotonic()
    # Before all is read that one reply may have.
    gevent.spawn_later(0.05, stop.ask, "user")

    read(outgoing, stop, f"{fake.base_url}/chat/completions", until=began + 9)

    assert stop
    assert time.monotonic() - began < 3
    assert clock.end() < 1


def read(outgoing: Upstream, stop: Stop, url: str, *, until: float) -> None:
    try:
        with outgoing.open("POST", url, stop=stop, headers={}, json={"stream": True}, trust="operator") as body:
            for _ in body.chunks():
                if time.monotonic() > until:
                    return
    except Stopped:
        pass


class Clock:
    """How late somebody is woken who wants it every ten milliseconds, at the worst."""

    def __init__(self) -> None:
        self._worst = 0.0
        self._greenlet: Any = gevent.spawn(self._run)
        gevent.sleep(0)

    def end(self) -> float:
        self._greenlet.kill()
        return self._worst

    def _run(self) -> None:
        while True:
            at = time.monotonic()
            gevent.sleep(0.01)
            self._worst = max(self._worst, time.monotonic() - at)
