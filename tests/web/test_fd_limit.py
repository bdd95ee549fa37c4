"""On a system with few file descriptors, idle connections do not use up the last ones that page requests need."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.person import Person
from tests.support.server import prepared
from webapp.base.process.fd_limit import RESERVED, connections_within, limit_for

FOR_EVER = resource.RLIM_INFINITY
# The descriptors that a server needs to start, and the connections it can then accept on top.
LEAST, MORE = 100, 150


@pytest.mark.parametrize(
    ("soft", "hard", "asked", "given"),
    [
        (1_024, 524_288, 2_000 + RESERVED, 2_000),
        (1_024, 2_000, 2_000, 1_600),
        (200, 200, 200, 100),
        (1_024, FOR_EVER, 2_000 + RESERVED, 2_000),
        (FOR_EVER, FOR_EVER, FOR_EVER, 2_000),
        (65_536, 65_536, 65_536, 2_000),
    ],
)
def test_it_asks_for_enough_and_makes_do_with_what_it_gets(soft: int, hard: int, asked: int, given: int) -> None:
    assert limit_for(2_000, soft, hard) == asked
    assert connections_within(2_000, asked) == given


@pytest.fixture
def few() -> Iterator[tuple[int, int]]:
    """Lowers the limit of descriptors for a server started in the test; this process keeps what it has open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + LEAST, before[1]))
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.slow
def test_idle_connections_leave_room_for_a_page(tmp_path: Path, few: tuple[int, int]) -> None:
    with prepared(tmp_path) as server, ExitStack() as idle:
        server.lift_limits()
        server.start()
        given, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, few)
        for _ in range(given + MORE):
            idle.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))

        assert Person(server.url).get("/healthz").status == 200
        assert "Too many open files" not in server.log
