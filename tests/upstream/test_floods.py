"""A server that sends faster than it is read, without a pause, does not block others."""

import time
from collections.abc import Iterator

import gevent
import pytest

from tests.support.turns import nobody_waits
from tests.upstream.handle import Upstream as Fake
from webapp.models.upstream import Stopped, Upstream
from webapp.streaming.stop import Stop

OK = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
FLOODS = {
    "comments": (f"{OK}\r\n", ": x\n"),
    "nothing said": (f"{OK}\r\n", 'data: {"choices":[{"index":0,"delta":{"content":""}}]}\n\n'),
    "trailers": (f"{OK}Transfer-Encoding: chunked\r\n\r\n0\r\n", "X-T: y\r\n"),
    "continues": ("", "HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.fixture
def endless() -> Iterator[Upstream]:
    """A client without a size limit, so that only a stop ends a response, however fast the machine."""
    upstream = Upstream(most_bytes=1 << 50)
    yield upstream
    upstream.close()


@pytest.mark.mostly_slow
@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_lets_clocks_go_on_and_the_wish_to_stop_be_heard(fake: Fake, endless: Upstream, stop: Stop, kind: str) -> None:
    head, block = FLOODS[kind]
    fake.always({"raw": [{"send": head}, {"send": block * 20_000, "for_ever": True}]})
    began = time.monotonic()
    gevent.spawn_later(0.05, stop.request, "user")

    with nobody_waits(1):
        read(endless, stop, f"{fake.base_url}/chat/completions", until=began + 60)

    assert stop
    assert time.monotonic() - began < 30
    fake.until(lambda log: log[-1]["client_closed"])


def read(outgoing: Upstream, stop: Stop, url: str, *, until: float) -> None:
    try:
        with outgoing.open("POST", url, stop=stop, headers={}, json={"stream": True}, trust="operator") as body:
            for _ in body.chunks():
                if time.monotonic() > until:
                    return
    except Stopped:
        pass
