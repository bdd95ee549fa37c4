"""A system that gives few descriptors: idle connections don't take the last of them from those who ask for a page."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.person import Person
from tests.support.server import prepared
from webapp.descriptors import FILES, enough, fitting

FOR_EVER = resource.RLIM_INFINITY
# What a server needs at its start, and how many more connections than it may then have.
LEAST, MORE = 100, 150


@pytest.mark.parametrize(
    ("soft", "hard", "asked", "given"),
    [
        (1_024, 524_288, 2_000 + FILES, 2_000),
        (1_024, 2_000, 2_000, 1_600),
        (200, 200, 200, 100),
        (1_024, FOR_EVER, 2_000 + FILES, 2_000),
        (FOR_EVER, FOR_EVER, FOR_EVER, 2_000),
        (65_536, 65_536, 65_536, 2_000),
    ],
)
def test_it_asks_for_enough_and_makes_do_with_what_it_gets(soft: int, hard: int, asked: int, given: int) -> None:
    assert enough(2_000, soft, hard) == asked
    assert fitting(2_000, asked) == given


@pytest.fixture
def few() -> Iterator[tuple[int, int]]:
    """What a server that is started meanwhile may have open; this process needs what it has itself, too."""
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
