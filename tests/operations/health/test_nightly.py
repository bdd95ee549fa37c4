"""The backup of every night: when it is due, what it makes, what it finds, and what is kept."""

import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import gevent
import pytest
from cryptography.fernet import Fernet
from flask import Flask

from tests.api.client import client_of
from tests.conftest import MakeApp, signed_in
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.waiting import until
from webapp.base.config import ROOT
from webapp.base.database.revisions import newest_revision
from webapp.base.db import is_sqlite, utc_now
from webapp.engine.engine import ENGINE
from webapp.models.connections.service import ApplicationSettingsService
from webapp.operations.health import nightly, proof
from webapp.operations.health.nightly import RUNNING, BackupRun, is_due, last_slot, superseded
from webapp.operations.health.proof import FILES, LIST, Order, Pace, with_end

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# When one is due


@pytest.mark.parametrize(
    ("now", "hour", "slot"),
    [
        ("2026-11-27T12:00", 3, "2026-11-27T02:00"),
        ("2026-11-27T01:59", 3, "2026-11-26T02:00"),
        ("2026-11-27T02:00", 3, "2026-11-27T02:00"),
        # The hour that doesn't exist, and the one that comes twice.
        ("2026-03-29T12:00", 2, "2026-03-29T01:00"),
        ("2026-10-25T12:00", 2, "2026-10-25T00:00"),
        ("2026-11-27T23:30", 0, "2026-11-27T23:00"),
    ],
)
def test_the_last_time_is_by_the_clock_of_the_server(now: str, hour: int, slot: str) -> None:
    assert last_slot(at(now), hour, BERLIN) == at(slot)


SLOT = at("2026-11-27T02:00")


def run(began: str, *, is_broken_off: bool = False) -> BackupRun:
    return BackupRun(began=at(began), ended=at(began), is_broken_off=is_broken_off, faults=["…"] if is_broken_off else ())


@pytest.mark.parametrize(
    ("runs", "since", "due"),
    [
        ([], None, False),
        ([], "2026-11-27T09:00", False),
        ([], "2026-11-01T09:00", True),
        ([run("2026-11-26T02:00")], None, True),
        ([run("2026-11-27T02:00")], None, False),
        # By hand, since.
        ([run("2026-11-27T09:00")], None, False),
        ([run("2026-11-27T02:00", is_broken_off=True)], None, True),
        ([run("2026-11-27T02:00", is_broken_off=True)] * 3, None, False),
        ([run("2026-11-26T02:00", is_broken_off=True)] * 3, None, True),
    ],
)
def test_a_night_that_was_missed_or_broken_off_is_made_up_for(runs: list[BackupRun], since: str | None, due: bool) -> None:
    assert is_due(SLOT, runs, at(since) if since else None) is due


# What is kept


def days(*numbers: int) -> list[datetime]:
    return [at("2026-11-29T03:00") - timedelta(days=number) for number in numbers]


@pytest.mark.parametrize(
    ("moments", "gone"),
    [
        ([], []),
        (days(*range(7)), []),
        # 29 November 2026 is a Sunday: the days 0 to 6 are one week.
        (days(*range(14)), days(8, 9, 10, 11, 12, 13)),
        (days(*range(40)), [day for day in days(*range(7, 40)) if day not in days(7, 14, 21)]),
        (days(0, 100, 200), []),
        (
            [at("2026-11-29T03:00"), at("2026-11-29T09:00"), at("2026-11-29T15:00")],
            [at("2026-11-29T09:00"), at("2026-11-29T03:00")],
        ),
    ],
)
def test_seven_days_and_four_weeks_are_kept(moments: list[datetime], gone: list[datetime]) -> None:
    assert superseded(moments) == gone


# What a backup is, and what is found


@pytest.fixture
def order(app: Flask, owner: Browser, tmp_path: Path) -> Order:
    """What to copy: an installation with a person, and a file that a row names."""
    content = b"a picture"
    name = hashlib.sha256(content).hexdigest()
    file = tmp_path / "files" / name[:2] / name
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    change(
        tmp_path / "millrace.sqlite3",
        "INSERT INTO files (id, created_at, name, kind, media_type, hash, bytes, width, height, is_sent)"
        f" VALUES ('f1', '2026-11-27', 'a.png', 'image', 'image/png', '{name}', 9, 1, 1, 1)",
    )
    return Order(
        database=tmp_path / "millrace.sqlite3",
        files_dir=tmp_path / "files",
        copy=tmp_path / "backups" / "nightly-20261127-020000.sqlite3",
        revision=newest_revision(),
        share=1.0,
        spare_bytes=0,
    )


def change(file: Path, statement: str, *, keys: str = "OFF") -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute(f"PRAGMA foreign_keys={keys}")
        database.execute("PRAGMA writable_schema=ON")
        database.execute(statement)


def flip(file: Path) -> None:
    """Flips a byte of the page on which the accounts are."""
    content = bytearray(file.read_bytes())
    content[content.index(b"owner@example.org")] ^= 1
    file.write_bytes(content)


def break_page(file: Path) -> None:
    """Overwrites the head of the last page."""
    content = bytearray(file.read_bytes())
    content[-4096:-4000] = b"\xff" * 96
    file.write_bytes(content)


def only_file(copy: Path) -> Path:
    return next(with_end(copy, FILES).glob("*/*"))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda copy: copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2]), "It has .* not"),
    "a flipped byte": (flip, "other values"),
    "a broken page": (break_page, "damaged|malformed|has"),
    "a missing table": (lambda copy: change(copy, "DROP TABLE tags"), "The table tags is missing"),
    "a missing row": (lambda copy: change(copy, "DELETE FROM users"), "users has 0 rows, not 1"),
    "one row too many": (lambda copy: change(copy, "INSERT INTO keeping_marks VALUES ('x', '2026-01-01')"), "has 1 row, not 0"),
    "a changed value": (lambda copy: change(copy, "UPDATE users SET role = 'member'"), "users has other values"),
    "a missing file": (lambda copy: only_file(copy).unlink(), "1 file is missing"),
    "a changed file": (lambda copy: only_file(copy).write_bytes(b"another"), "1 file has changed"),
    "an empty file": (lambda copy: copy.write_bytes(b""), "It has 0 bytes, not"),
    "not a database": (lambda copy: copy.write_bytes(b"PK" * (copy.stat().st_size // 2)), "can't be read as a database"),
    "no file": (lambda copy: copy.unlink(), "The file is missing"),
    "no list": (lambda copy: with_end(copy, LIST).unlink(), "Its list"),
    "half a list": (lambda copy: with_end(copy, LIST).write_text('{"rows"'), "Its list"),
}


def test_a_backup_that_is_whole_has_no_faults_and_can_be_restored(order: Order, app: Flask) -> None:
    contents, found = proof.make(order, Pace())

    assert (found.faults, found.warnings) == ([], [])
    assert (contents.sums["users"][0], len(contents.files)) == (1, 1)
    assert sorted(path.name for path in order.copy.parent.iterdir()) == [
        order.copy.name,
        f"{order.copy.name}.files",
        f"{order.copy.name}.json",
    ]
    assert app.test_cli_runner().invoke(args=["restore", str(order.copy)]).exit_code == 0


def test_each_broken_backup_is_found(order: Order, tmp_path: Path) -> None:
    proof.make(order, Pace())
    for name, (break_it, words) in BROKEN.items():
        broken = tmp_path / "broken" / order.copy.name
        shutil.copytree(order.copy.parent, broken.parent)
        break_it(broken)

        found = proof.prove_again(broken, Pace())

        assert any(re.search(words, fault) for fault in found.faults), (name, found)
        shutil.rmtree(broken.parent)


def test_each_way_in_which_a_copy_can_fail_leaves_none(order: Order, tmp_path: Path) -> None:
    full = replace(order, spare_bytes=10**18)
    with pytest.raises(proof.Refused, match=r"There isn't enough room: the copy needs .* are free in"):
        proof.make(full, Pace())
    for limit, words in (("200000", "disk|full|large"), ("1", "disk|full|large")):
        # A disk that is full amid the copy.
        command = ["prlimit", f"--fsize={limit}", sys.executable, "-E", "-s", "-m", "webapp.operations.health.proof"]
        done = subprocess.run(command, input=order.written(), cwd=ROOT, env={"PATH": "/usr/bin"}, capture_output=True, text=True)
        assert re.search(words, json.loads(done.stdout)["faults"][0]), done
    gone = replace(order, database=tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        proof.make(gone, Pace())
    assert not list(order.copy.parent.glob("nightly*"))


def test_what_is_wrong_with_the_data_themselves_is_said_and_copied(order: Order) -> None:
    change(order.database, "INSERT INTO chat_files (chat_id, file_id) VALUES ('nobody', 'f1')")
    change(order.database, "UPDATE files SET hash = 'ab' || hash")

    _, found = proof.make(replace(order, revision="9999"), Pace())

    assert found.faults == []
    assert found.warnings[:2] == [
        "Rows of chat_files refer to rows that aren't there.",
        f"Its schema is {newest_revision()}, not 9999. Run flask prepare after restoring it.",
    ]
    assert "1 file that chats name is missing in" in found.warnings[2]
    next(order.files_dir.glob("*/*")).write_bytes(b"rotten")
    _, found = proof.make(replace(order, copy=order.copy.with_name("nightly-20261128-020000.sqlite3")), Pace())
    assert (found.faults, "1 file is damaged in" in found.warnings[-1]) == ([], True)


def test_unchanged_files_take_no_space_again(order: Order) -> None:
    proof.make(order, Pace())
    second = replace(order, copy=order.copy.with_name("nightly-20261128-020000.sqlite3"), links_to=order.copy)

    _, found = proof.make(second, Pace())

    assert (found.faults, only_file(order.copy).stat().st_nlink) == ([], 2)
    proof.remove(order.copy)
    assert only_file(second.copy).read_bytes() == b"a picture"


def test_others_write_while_it_copies_and_it_holds_one_moment(order: Order) -> None:
    class Writing(Pace):
        """Writes a row at each piece of the copy."""

        def rest(self) -> int:
            change(order.database, "INSERT INTO keeping_marks VALUES (hex(randomblob(8)), '2026-01-01')")
            return super().rest()

    contents, found = proof.make(order, Writing())

    assert (found.faults, contents.sums["keeping_marks"][0]) == ([], 0)


def test_it_uses_its_share_of_a_core(order: Order) -> None:
    pace = Pace(0.1)
    proof.make(order, pace)
    pace.rest()

    assert (pace.used <= 0.101, pace.slept > 0) == (True, True)


# What the server does, and what the morning page says


def made(app: Flask) -> BackupRun:
    with app.app_context():
        backup = nightly.make(share=1.0)
    assert backup
    return backup


def test_the_morning_page_says_what_was_made(app: Flask, owner: Browser, tmp_path: Path) -> None:
    assert owner.page("/admin/health").says("None yet.")

    backup = made(app)

    page = owner.page("/admin/health")
    for words in ("Restored and compared: all", "Takes about 1 second, measured on a test copy.", "Last backup: just now."):
        assert page.says(words), words
    assert (tmp_path / "backups" / backup.copy).is_file()
    metrics = app.test_cli_runner().invoke(args=["check"]).stdout
    assert "ok  Last run" in metrics


def test_the_morning_page_says_what_was_found(app: Flask, owner: Browser, order: Order) -> None:
    kept = order.copy.with_name(made(app).copy)
    only_file(kept).write_bytes(b"rotten")
    made(app)
    page = owner.page("/admin/health")
    assert page.says(f"The copy {kept.name} can't be restored: 1 file has changed")

    kept.write_bytes(b"")
    made(app)
    assert owner.page("/admin/health").says(f"The copy {kept.name} can't be restored: It has 0 bytes, not")

    change(order.database, "UPDATE alembic_version SET version_num = '0240'")
    made(app)
    change(order.database, f"UPDATE alembic_version SET version_num = '{newest_revision()}'")
    assert owner.page("/admin/health").says("Its schema is 0240, not")

    change(order.database, "DROP TABLE alembic_version")
    with app.app_context():
        assert nightly.make(share=1.0).faults


def test_what_was_broken_off_is_cleared_away_and_said(app: Flask, owner: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    (folder / "nightly-20261126-020000.sqlite3.unfinished.files" / "ab").mkdir(parents=True)
    (folder / "nightly-20261126-020000.sqlite3.json").write_text("{}")
    for name in ("nightly-20261126-020000.sqlite3.unfinished", "nightly-20261126-020000.sqlite3.unfinished.scratch"):
        (folder / name).write_bytes(b"half")
    (folder / RUNNING).write_text(utc_now().isoformat())
    assert owner.page("/admin/health").says("A backup is running, started")

    with app.app_context():
        nightly.settle()

    assert owner.page("/admin/health").says("It was interrupted when the server stopped, and what it left was removed.")
    assert [path.name for path in folder.glob("nightly-*")] == []


def test_a_server_that_stops_ends_it_and_the_next_one_says_so(app: Flask, owner: Browser, tmp_path: Path) -> None:
    def make() -> BackupRun | None:
        with app.app_context():
            return nightly.make(share=0.002)

    making = gevent.spawn(make)
    with app.app_context():
        until(lambda: list(tmp_path.glob("backups/*.unfinished")), "the copy has begun")

    ENGINE.of(app).finish(seconds=10)

    assert making.get(timeout=60) is None
    with app.app_context():
        nightly.settle()
        assert [backup.is_broken_off for backup in nightly.runs()] == [True]
    assert not list(tmp_path.glob("backups/nightly-*"))


def test_rotation_removes_no_backup_that_was_made_by_hand(app: Flask, order: Order) -> None:
    folder = order.copy.parent
    folder.mkdir()
    by_hand = folder / "millrace-20200101-000000.sqlite3"
    by_hand.write_bytes(b"")
    for day in range(1, 20):
        proof.make(replace(order, copy=folder / f"nightly-202610{day:02}-020000.sqlite3"), Pace())

    made(app)

    with app.app_context():
        assert len(nightly.copies()) == 8
    assert by_hand.exists()


def test_keys_that_no_longer_read_what_is_stored_are_said(make_app: MakeApp) -> None:
    with make_app(ENCRYPTION_KEY=Fernet.generate_key().decode()).app_context():
        ApplicationSettingsService().set_openrouter_api_key("sk-or-v1-0123456789abcdef")
    app = make_app()

    made(app)

    owner = signed_in(app, "owner@example.org", "owner")
    assert owner.page("/admin/health").says("1 stored secret can't be read with the present keys")


def test_one_is_made_now_in_the_background(app: Flask, owner: Browser) -> None:
    owner.page("/admin/health").press("Back up now")

    with app.app_context():
        until(lambda: nightly.runs(), "the backup is made")
        backup = nightly.runs()[0]
    assert (list(backup.faults), backup.share <= 0.11) == ([], True)


def test_a_folder_that_cannot_be_written_to_is_said(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    app = make_app(BACKUP_DIR=str(tmp_path / "taken" / "backups"))
    owner = signed_in(app, "owner@example.org", "owner")

    assert owner.page("/admin/health").says("can't be written to, so no backup can be made. Check BACKUP_DIR")
    client_of(app, owner.email).post("/backups", status=422)


@also_on_postgres
def test_programs_read_what_there_is_and_have_one_made(app: Flask, owner: Browser) -> None:
    admin = client_of(app, owner.email)
    before = admin.get("/backups")
    assert (before["last"], before["copies"], before["problems"]) == (None, [], [])
    with app.app_context():
        if not is_sqlite():
            assert "use pg_dump" in admin.post("/backups", status=422)["detail"]
            return

    admin.post("/backups", status=202)

    with app.app_context():
        until(lambda: nightly.runs(), "the backup is made")
    last = admin.get("/backups")
    assert (last["last"]["faults"], [copy["name"] for copy in last["copies"]]) == ([], [last["last"]["copy_name"]])
