"""The worker's connection slots: which connection is closed when there are too few."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from tests.support.turns import turns_of_the_loop
from webapp.web.server.worker import CROWDED, ServingWorker, _requests

PLACES = 100


class Connection:
    """A connection that knows whether it was closed."""

    def __init__(self) -> None:
        self.sock, self.client = socket.socketpair()
        self.client.setblocking(False)

    @property
    def is_open(self) -> bool:
        with suppress(BlockingIOError):
            return bool(self.client.recv(1))
        return True

    def fileno(self) -> int:
        return self.sock.fileno()

    def close(self) -> None:
        self.sock.close()
        self.client.close()


@pytest.fixture
def connect() -> Iterator[Callable[[], Connection]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(Connection()))


def worker(open: int, waiting: dict[Any, float], left: set[Any]) -> Any:
    return SimpleNamespace(worker_connections=PLACES, _open=open, _waiting=waiting, _left=left)


def test_of_too_many_the_one_that_waits_for_longest_has_to_go(connect):
    slow, slower = connect(), connect()
    for open, is_open in ((int(PLACES * CROWDED) - 1, True), (int(PLACES * CROWDED), False)):
        ServingWorker._make_room(worker(open, {slow: 2.0, slower: 1.0}, set()))

        assert (slow.is_open, slower.is_open) == (True, is_open)


def test_a_crowd_that_leaves_in_one_moment_takes_nobody_along(connect):
    stays = connect()

    ServingWorker._make_room(worker(PLACES, {stays: 1.0}, {object() for _ in range(PLACES - 1)}))

    assert stays.is_open


def test_of_requests_that_come_in_one_moment_one_begins_in_each_turn_of_the_loop():
    with turns_of_the_loop() as turn:

        def begin() -> int:
            _requests.enter()
            return turn()

        began = [gevent.spawn(begin) for _ in range(PLACES)]
        gevent.joinall(began, timeout=30, raise_error=True)

    assert len({greenlet.value for greenlet in began}) == PLACES
