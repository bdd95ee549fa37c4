"""A log that no process reads, as with a stopped terminal or pager, blocks only the log itself."""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import KEYS
from tests.support.inserted import add_member
from tests.support.person import Person
from tests.support.server import prepared
from webapp.base import logs
from webapp.base.config import load

# Nothing that the log would redact because of a secret of an earlier test, such as a one-letter key.
LINE = " and so on" * 30


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


@pytest.fixture
def handler(pipe: tuple[int, int], tmp_path: Path) -> Iterator[logs.LineHandler]:
    with os.fdopen(os.dup(pipe[1]), "w") as stream:
        yield logs.LineHandler(load({**KEYS, "DATA_DIR": str(tmp_path)}), stream)


def record(number: int) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "a", "levelno": logging.INFO, "levelname": "INFO", "msg": f"line-{number} {LINE}"})


def taken(end: int) -> str:
    """Returns everything that is in the pipe."""
    os.set_blocking(end, False)
    parts = []
    while True:
        try:
            parts.append(os.read(end, 65_536))
        except BlockingIOError:
            return b"".join(parts).decode()


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_lines_wait_for_a_reader_and_too_many_are_counted(handler: logs.LineHandler, pipe: tuple[int, int]) -> None:
    for number in range(5_000):
        handler.handle(record(number))
    read = ""
    while more := taken(pipe[0]):
        read += more
        handler.flush()
    handler.handle(record(5_000))
    read += taken(pipe[0])

    *first, told, last = read.splitlines()
    assert [line.split()[3] for line in first] == [f"line-{number}" for number in range(len(first))]
    assert all(line.endswith(LINE) for line in first)
    assert f"log_lines_lost count={5_000 - len(first)}" in told
    assert "line-5000 " in last
    assert len(first) > 200


@pytest.mark.timeout(60)
def test_a_reader_that_has_gone_is_not_missed(handler: logs.LineHandler, pipe: tuple[int, int]) -> None:
    os.close(pipe[0])

    for number in range(5_000):
        handler.handle(record(number))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_behind_a_stopped_pager_serves_on(tmp_path: Path) -> None:
    with prepared(tmp_path) as server:
        server.may_be_held = "its log is a pipe, which can't be read here"
        add_member(server, "ann@example.org")
        log = tmp_path / "server.log"
        os.mkfifo(log)
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
        server.start()
        _fill(log)
        guest = Person(server.url)

        for _ in range(3):
            # A failed sign-in writes to the log.
            assert guest.post("/login", email="nobody@example.org", password="a wrong one").status == 422
            assert guest.page("/login")
        server.kill()
        os.close(reader)


def _fill(log: Path) -> None:
    """Fills the log's pipe completely."""
    end = os.open(log, os.O_WRONLY | os.O_NONBLOCK)
    for size in (4_096, 1):
        with suppress(BlockingIOError):
            while os.write(end, b"x" * size):
                pass
    os.close(end)
