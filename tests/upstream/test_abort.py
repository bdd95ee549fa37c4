"""Stopping a request: in every state, immediately, and without raising an exception into the caller."""

import gc
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest

from tests.upstream.handle import Upstream as Fake
from webapp.models.upstream import Stopped, Upstream
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop


class Caller:
    """A greenlet that reads a response; `end` is how it ended, `got` what it received."""

    def __init__(self, outgoing: Upstream, stop: Stop, url: str) -> None:
        self.end, self.got, self.stop = "", b"", stop
        self._outgoing, self._url = outgoing, url
        self._greenlet = gevent.spawn(self._read)

    def _read(self) -> None:
        try:
            with self._outgoing.open(
                "POST", self._url, stop=self.stop, headers={}, json={"stream": True}, trust="operator"
            ) as body:
                for chunk in body.chunks():
                    self.got += chunk
            self.end = "plain"
        except Stopped:
            self.end = "stopped"
        # A stop must not interrupt the caller while it saves.
        gevent.sleep(0.02)
        self.end += " and saved"

    def ends(self, seconds: float = 30) -> str:
        self._greenlet.join(seconds)
        assert self._greenlet.successful(), "it did not end in time, or not by itself"
        return self.end

    def until(self, holds: Callable[[], Any]) -> None:
        with gevent.Timeout(30):
            while not holds():
                gevent.sleep(0.005)


@pytest.fixture
def call(fake: Fake, outgoing: Upstream, new_stop: Callable[[], Stop]) -> Callable[..., Caller]:
    return lambda url="": Caller(outgoing, new_stop(), url or f"{fake.base_url}/chat/completions")


def closed(log: list[dict[str, Any]]) -> bool:
    return bool(log) and all(entry["client_closed"] for entry in log)


def test_before_it_begins(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    stop.request("user")

    with pytest.raises(Stopped), outgoing.open("POST", f"{fake.base_url}/chat/completions", stop=stop, headers={}):
        pass
    assert not fake.log()


def test_while_the_name_is_looked_up(call: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def slow(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        gevent.sleep(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    caller = call("http://slow.example/v1")
    caller.until(lambda: asked)
    caller.stop.request("user")

    assert caller.ends() == "stopped and saved"


@contextmanager
def full_port() -> Iterator[int]:
    """A port whose accept queue is full, so that a connection attempt never finishes."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for client in waiting:
            client.close()


def test_while_it_connects(call: Callable[..., Caller]) -> None:
    with full_port() as port:
        caller = call(f"http://127.0.0.1:{port}/v1")
        gevent.sleep(0.05)
        assert not caller.end
        caller.stop.request("user")

        assert caller.ends() == "stopped and saved"


def test_connecting_has_a_limit(stop: Stop) -> None:
    hasty = Upstream(connect_seconds=0.1)

    with (
        full_port() as port,
        pytest.raises(ProviderError, match="couldn't be reached in time") as late,
        hasty.open("POST", f"http://127.0.0.1:{port}/v1", stop=stop, headers={}, trust="operator"),
    ):
        pass
    assert (late.value.code, late.value.of_connection) == ("stall", True)
    hasty.close()


def test_while_it_waits_for_the_head(fake: Fake, call: Callable[..., Caller]) -> None:
    fake.always({"raw": [{"hang": True}]})
    caller = call()
    fake.until(len)
    caller.stop.request("user")

    assert caller.ends() == "stopped and saved"
    fake.until(closed)


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_while_it_waits_for_the_first_byte(fake: Fake, call: Callable[..., Caller], framing: str) -> None:
    fake.always({"steps": [{"hang": True}], "framing": framing})
    caller = call()
    fake.until(len)
    gevent.sleep(0.05)
    caller.stop.request("user")

    assert caller.ends().endswith("and saved")
    fake.until(closed)


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_in_the_middle(fake: Fake, call: Callable[..., Caller], framing: str) -> None:
    fake.counts(1000, pace=0.01, framing=framing)
    caller = call()
    caller.until(lambda: b"w000003" in caller.got)
    asked = time.monotonic()
    caller.stop.request("user")

    assert caller.ends() == "plain and saved"
    entry = fake.until(closed)[0]
    assert entry["client_closed"] - asked < 5
    assert len(entry["tokens"]) < 900


def test_in_a_silence(fake: Fake, call: Callable[..., Caller]) -> None:
    fake.counts(10, stall_after=3)
    caller = call()
    caller.until(lambda: b"w000003" in caller.got)
    caller.stop.request("user")

    assert caller.ends() == "plain and saved"
    fake.until(closed)


def test_after_the_end_it_harms_nobody(fake: Fake, call: Callable[..., Caller]) -> None:
    caller = call()
    assert caller.ends() == "plain and saved"
    caller.stop.request("user")
    caller.stop.request("user")

    assert not fake.log()[0]["client_closed"]


@pytest.mark.slow
def test_at_any_moment(fake: Fake, call: Callable[..., Caller]) -> None:
    fake.counts(20, pace=0.001)
    for number in range(40):
        caller = call()
        gevent.sleep(number / 2000)
        caller.stop.request("user")
        assert caller.ends().endswith("and saved")

    fake.until(lambda log: all(entry["client_closed"] or entry["finished"] for entry in log))


@pytest.mark.slow
def test_before_it_is_sent_it_loses_no_kept_connection(fake: Fake, call: Callable[..., Caller]) -> None:
    for turns in range(12):
        assert call().ends() == "plain and saved"
        caller = call()
        for _ in range(turns):
            gevent.sleep(0)
        caller.stop.request("user")
        caller.ends()

    # Finalizes leaked sockets, each of which issues a warning, and warnings are errors.
    gc.collect()


def test_a_killed_caller_leaves_no_connection(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    fake.always({"raw": [{"hang": True}]})

    def wait() -> None:
        with outgoing.open("POST", f"{fake.base_url}/chat/completions", stop=stop, headers={}, trust="operator"):
            pass

    caller = gevent.spawn(wait)
    fake.until(len)
    caller.kill()

    fake.until(closed)


def test_a_closed_reader_leaves_no_connection(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    fake.counts(1000, pace=0.01)

    with outgoing.open(
        "POST", f"{fake.base_url}/chat/completions", stop=stop, headers={}, json={"stream": True}, trust="operator"
    ) as body:
        next(body.chunks())

    fake.until(closed)
