"""Events are sent by the greenlet that publishes them; a client that does not read occupies only its own greenlet."""

import socket
import time
from collections.abc import Iterator

import gevent
import pytest
from gevent import socket as green
from gevent.event import Event

from webapp.engine.watching.push import MOST_QUEUED, NonBlockingWriter, Push, PushSignal, writer_of

TOLD = b"data: told\n\n"
CHUNK = b"C\r\ndata: told\n\n\r\n"


@pytest.fixture
def pair() -> Iterator[tuple[NonBlockingWriter, socket.socket]]:
    ours, theirs = green.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    yield NonBlockingWriter(ours), theirs
    ours.close()
    theirs.close()


def asleep(push_signal: PushSignal, push: Push) -> gevent.Greenlet:
    push_signal.push = push
    sleeper = gevent.spawn(push_signal.wait, 30)
    gevent.sleep(0.01)
    return sleeper


def test_a_push_wakes_nobody() -> None:
    push_signal, pushed = PushSignal(Event()), []
    sleeper = asleep(push_signal, lambda: not pushed.append(TOLD))

    push_signal.set()
    push_signal.set()
    assert not pushed
    gevent.sleep(0.01)
    push_signal.set()
    gevent.sleep(0.01)

    assert pushed == [TOLD, TOLD]
    assert not sleeper.ready()
    push_signal.push = None
    push_signal.set()
    assert sleeper.get(timeout=30)


@pytest.mark.parametrize("failure", [None, ValueError("ours")])
def test_what_cannot_be_pushed_wakes_the_watcher(failure: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    tries = []

    def push() -> bool:
        tries.append(1)
        if failure:
            raise failure
        return False

    push_signal = PushSignal(Event())
    sleeper = asleep(push_signal, push)
    push_signal.set()
    push_signal.set()

    assert sleeper.get(timeout=30)
    assert tries == [1]
    assert bool(failure) == ("could not be sent" in caplog.text)


def test_nothing_is_pushed_to_who_has_been_woken() -> None:
    signal = Event()
    push_signal = PushSignal(signal)
    sleeper = asleep(push_signal, lambda: pytest.fail("why it was woken may be that it must not be told any more"))
    signal.set()
    push_signal.set()

    assert sleeper.get(timeout=30)


def test_an_outlet_frames_what_it_sends(pair: tuple[NonBlockingWriter, socket.socket]) -> None:
    outlet, theirs = pair

    assert outlet.offer(TOLD)
    assert theirs.recv(100) == CHUNK


def test_what_does_not_fit_is_sent_to_its_end_by_its_own_greenlet(pair: tuple[NonBlockingWriter, socket.socket]) -> None:
    outlet, theirs = pair
    long, heard = b"x" * 1_000_000, b""

    assert not outlet.offer(long)
    finishing = gevent.spawn(outlet.finish)
    with gevent.Timeout(30):
        while len(heard) < len(long) + len(b"F4240\r\n\r\n"):
            heard += theirs.recv(65536)

    finishing.get(timeout=30)
    assert heard == b"F4240\r\n" + long + b"\r\n"
    assert outlet.offer(TOLD)


def test_a_broken_connection_is_the_affair_of_its_own_greenlet(pair: tuple[NonBlockingWriter, socket.socket]) -> None:
    outlet, theirs = pair
    theirs.close()

    assert not outlet.offer(TOLD)
    with pytest.raises(OSError, match=r"\w"):
        outlet.finish()


@pytest.mark.parametrize(
    ("environ", "has_one"),
    [
        ({}, True),
        ({"REQUEST_METHOD": "HEAD"}, False),
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, False),
        ({"gunicorn.socket": None}, False),
    ],
)
def test_only_what_the_server_sends_in_chunks_has_an_outlet(environ: dict[str, object], has_one: bool) -> None:
    usual = {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", "gunicorn.socket": object()}

    assert bool(writer_of({**usual, **environ})) is has_one


def test_those_who_were_rung_first_do_not_wait_for_all() -> None:
    pushed: list[int] = []
    bells = [PushSignal(Event()) for _ in range(MOST_QUEUED + 1)]
    for number, push_signal in enumerate(bells):
        push_signal.push = lambda number=number: not pushed.append(number)
        push_signal.set()

    assert pushed == list(range(MOST_QUEUED))
    gevent.sleep(0.01)
    assert pushed == list(range(MOST_QUEUED + 1))


def test_many_pushes_let_clocks_go_on_in_between() -> None:
    pushed = []

    def push() -> bool:
        until = time.thread_time() + 0.001
        while time.thread_time() < until:
            pass
        return not pushed.append(TOLD)

    bells = [PushSignal(Event()) for _ in range(MOST_QUEUED - 1)]
    for push_signal in bells:
        push_signal.push = push
        push_signal.set()
    gevent.sleep(0.001)

    assert 0 < len(pushed) < len(bells)
    with gevent.Timeout(30):
        while len(pushed) < len(bells):
            gevent.sleep(0.001)
