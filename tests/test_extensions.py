"""The database under many greenlets: no lost updates, no needless waiting, and readable errors."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import gevent
import gevent.event
import pytest
from flask import Flask
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.support.marks import on_both_databases
from webapp.app import create_app
from webapp.base import db as db_module
from webapp.base.config import ROOT
from webapp.base.current import CONFIG
from webapp.base.db import db, write
from webapp.base.errors import Unavailable
from webapp.base.ids import new_id
from webapp.people.accounts.tables import Invite
from webapp.settings.tables import ApplicationSetting

HOLD_THE_FILE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
print("free", flush=True)
"""
LOCK = text("SELECT pg_advisory_xact_lock(7)")
DRIVER_BEFORE_PATCH = """
import psycopg
from gevent import monkey
monkey.patch_all()
from webapp.app import create_app
from webapp.base.config import load
create_app(load({"DATABASE_URL": "postgresql://nobody@localhost/none", "SECRET_KEY": "x" * 20}))
"""


@pytest.fixture
def in_app(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app


@contextmanager
def held_by_another_process(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Has another process lock the SQLite file until it reads a line, or until the end of the block."""
    command = [sys.executable, "-c", HOLD_THE_FILE, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate("\n" if process.poll() is None else None)


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with held_by_another_process(tmp_path / "millrace.sqlite3") as process:
        yield process


def add_one(app: Flask) -> None:
    """Reads the row, yields to other greenlets, and then increments what the write transaction itself reads."""
    with app.app_context():
        db.session.get(ApplicationSetting, "count")
        gevent.sleep(0)
        with write() as session:
            row = session.scalars(select(ApplicationSetting).where(ApplicationSetting.key == "count").with_for_update()).one()
            row.value = str(int(row.value) + 1)


def value_of(key: str) -> str | None:
    db.session.rollback()
    return db.session.scalar(select(ApplicationSetting.value).where(ApplicationSetting.key == key))


def store(key: str, value: str) -> None:
    with write() as session:
        session.merge(ApplicationSetting(key=key, value=value))


@on_both_databases
def test_no_update_is_lost_among_twenty_greenlets(in_app: Flask) -> None:
    store("count", "0")

    greenlets = [gevent.spawn(add_one, in_app) for _ in range(20)]
    gevent.joinall(greenlets, timeout=30, raise_error=True)

    assert value_of("count") == "20"


def test_a_write_begins_at_once_and_a_read_does_not_claim_the_file(in_app: Flask) -> None:
    statements: list[str] = []
    event.listen(db.engine, "checkout", lambda connection, *_: connection.set_trace_callback(statements.append))

    db.session.scalar(text("SELECT 1"))
    store("a", "1")

    assert [statement for statement in statements if statement.startswith("BEGIN")] == ["BEGIN", "BEGIN IMMEDIATE"]


@on_both_databases
def test_what_fails_in_the_block_is_undone(in_app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), write() as session:
        store_and_divide(session)

    assert value_of("a") is None
    store("a", "2")
    assert value_of("a") == "2"


@on_both_databases
def test_what_was_read_before_is_read_again_inside(in_app: Flask) -> None:
    store("a", "1")
    row = db.session.get_one(ApplicationSetting, "a")
    behind_our_back(in_app, "UPDATE application_settings SET value = '2'")

    with write():
        assert row.value == "2"


@on_both_databases
def test_what_is_kept_is_not_asked_for_again_until_the_next_write(in_app: Flask) -> None:
    with write(keeps_loaded=True) as session:
        row = session.merge(ApplicationSetting(key="a", value="1"))
    behind_our_back(in_app, "UPDATE application_settings SET value = '2'")

    assert row.value == "1"
    with write():
        assert row.value == "2"


@on_both_databases
def test_what_is_not_kept_is_read_as_it_is_then(in_app: Flask) -> None:
    with write() as session:
        row = session.merge(ApplicationSetting(key="a", value="1"))
    behind_our_back(in_app, "UPDATE application_settings SET value = '2'")

    assert row.value == "2"


@on_both_databases
def test_times_keep_their_zone(in_app: Flask) -> None:
    moment = datetime(2026, 3, 1, 9, 5, tzinfo=UTC)
    with write() as session:
        session.add(Invite(id=new_id(), token_hash="x", role="owner", expires_at=moment))

    db.session.expire_all()
    assert db.session.scalars(select(Invite.expires_at)).one() == moment


@on_both_databases
def test_a_greenlet_killed_in_a_write_leaves_nothing_behind(in_app: Flask) -> None:
    is_inside = gevent.event.Event()

    def hang() -> None:
        with in_app.app_context(), write() as session:
            session.add(ApplicationSetting(key="a", value="1"))
            session.flush()
            is_inside.set()
            gevent.sleep(60)

    greenlet = gevent.spawn(hang)
    assert is_inside.wait(30)
    greenlet.kill()

    assert value_of("a") is None
    store("a", "2")


@pytest.mark.slow
def test_many_can_read_at_the_same_time(in_app: Flask) -> None:
    def read() -> None:
        with in_app.app_context():
            db.session.execute(text("SELECT 1"))
            everybody.wait()

    everybody = Barrier(100)
    gevent.joinall([gevent.spawn(read) for _ in range(100)], timeout=60, raise_error=True)
    assert everybody.is_open


def test_it_waits_for_another_process_while_the_rest_goes_on(in_app: Flask, other_process: subprocess.Popen[str]) -> None:
    turns = Turns()
    writer = gevent.spawn(in_context, in_app, lambda: store("a", "1"))
    turns.wait_for(10)
    assert not writer.dead

    let_file_go(other_process)
    writer.get(timeout=30)

    assert value_of("a") == "1"


@pytest.mark.slow
def test_its_patience_ends_in_words(in_app: Flask, other_process: subprocess.Popen[str]) -> None:
    with pytest.raises(Unavailable, match="busy"):
        store("a", "1")

    let_file_go(other_process)
    store("a", "2")
    assert value_of("a") == "2"


@pytest.mark.slow
def test_twenty_writers_give_up_together_and_no_reader_waits(in_app: Flask, other_process: subprocess.Popen[str]) -> None:
    began = time.monotonic()
    writers = [gevent.spawn(in_context, in_app, lambda: store("a", "1")) for _ in range(20)]
    gevent.sleep(0)

    assert value_of("a") is None
    assert time.monotonic() - began < db_module.PATIENCE_SECONDS
    gevent.joinall(writers, timeout=60)

    assert time.monotonic() - began < 5 * db_module.PATIENCE_SECONDS
    assert {type(writer.exception) for writer in writers} == {Unavailable}


def test_what_is_noted_in_passing_waits_neither_for_the_file_nor_for_its_turn(
    in_app: Flask, other_process: subprocess.Popen[str]
) -> None:
    note_without_patience()
    with gevent.Timeout(60):
        waiting = gevent.spawn(in_context, in_app, lambda: store("a", "1"))
        gevent.sleep(0)
        # All within the timeout of the greenlet that waits.
        for _ in range(10):
            note_without_patience()
    assert not waiting.dead
    let_file_go(other_process)
    waiting.get(timeout=30)


def note_without_patience() -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable), write(patience_seconds=db_module.NO_PATIENCE):
        pass
    assert time.monotonic() - began < db_module.PATIENCE_SECONDS


def test_a_file_that_cannot_be_written_is_still_read(in_app: Flask, tmp_path: Path) -> None:
    store("a", "1")
    # Not with file modes, which root can ignore.
    address = f"sqlite:///file:{tmp_path / 'millrace.sqlite3'}?mode=ro&uri=true"
    read_only = create_app(replace(CONFIG.of(in_app), database_url=address))

    with read_only.app_context():
        with pytest.raises(OperationalError, match="readonly"):
            store("a", "2")
        assert value_of("a") == "1"
        db.engine.dispose()


def test_a_full_disk_is_said_and_survived(in_app: Flask) -> None:
    limit = MostPages(in_app)
    limit.set_to_now()
    with pytest.raises(OperationalError, match="full"):
        store("a", "x" * 1_000_000)
    assert value_of("a") is None

    limit.lift()
    store("a", "small")
    assert value_of("a") == "small"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_waiting_for_postgres_lets_others_go_on(in_app: Flask) -> None:
    turns = Turns()

    def wait() -> None:
        db.session.execute(LOCK)

    with db.engine.connect() as holder:
        holder.execute(LOCK)
        waiting = gevent.spawn(in_context, in_app, wait)
        turns.wait_for(turns.count + 50)
        assert not waiting.dead
    waiting.get(timeout=30)


@pytest.mark.slow
def test_it_refuses_a_driver_that_would_stop_all_others() -> None:
    command = [sys.executable, "-c", DRIVER_BEFORE_PATCH]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=180, cwd=ROOT)

    assert "psycopg was imported before gevent patched the process" in outcome.stderr


class Turns:
    """Counts how often another greenlet is scheduled."""

    def __init__(self) -> None:
        self.count = 0
        self._greenlet = gevent.spawn(self._tick)

    def wait_for(self, count: int) -> None:
        with gevent.Timeout(60):
            while self.count < count:
                gevent.sleep(0.005)

    def _tick(self) -> None:
        while True:
            self.count += 1
            gevent.sleep(0.005)


class Barrier:
    """A barrier that opens when all greenlets have arrived."""

    def __init__(self, count: int) -> None:
        self._missing, self._opened = count, gevent.event.Event()

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    def wait(self) -> None:
        self._missing -= 1
        if not self._missing:
            self._opened.set()
        assert self._opened.wait(60)


class MostPages:
    """Simulates a full disk with SQLite's limit on the number of pages."""

    def __init__(self, app: Flask) -> None:
        self._pages = 0
        db.engine.dispose()
        event.listen(db.engine, "checkout", self._limit)

    def set_to_now(self) -> None:
        with db.engine.connect() as connection:
            self._pages = connection.scalar(text("PRAGMA page_count")) or 0
        db.engine.dispose()

    def lift(self) -> None:
        self._pages = 2**30

    def _limit(self, connection: sqlite3.Connection, *_: object) -> None:
        if self._pages:
            connection.execute(f"PRAGMA max_page_count={self._pages}")


def store_and_divide(session: Session) -> None:
    session.add(ApplicationSetting(key="a", value="1"))
    session.flush()
    raise ZeroDivisionError


def behind_our_back(app: Flask, statement: str) -> None:
    def change() -> None:
        with write() as session:
            session.execute(text(statement))

    gevent.spawn(in_context, app, change).get(timeout=30)


def in_context(app: Flask, work: Callable[[], None]) -> None:
    with app.app_context():
        work()


def let_file_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "free\n"
