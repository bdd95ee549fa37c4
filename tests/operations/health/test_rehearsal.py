"""`flask rehearse`: what it says of migrations that break or lose something, and that it touches nothing."""

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from tests.conftest import MakeApp
from tests.support.browser import Browser
from webapp.base.config import ROOT
from webapp.base.database.revisions import TOO_OLD, newest_revision
from webapp.base.db import utc_now, write
from webapp.base.errors import AppError
from webapp.operations.alerts.tables import AlertRule
from webapp.operations.health import backups, rehearsal
from webapp.operations.health.rehearsal import DATABASE, MARK

MIGRATION = """
import time

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
{more}

def upgrade():
    {does}

def downgrade():
    pass
"""
ADDS = 'op.add_column("chats", sa.Column("colour", sa.String(20)))'
FAILS = "The page /chats answers 503."
BROKEN = {
    "raises": ('raise RuntimeError("the moon is full")', "RuntimeError: the moon is full"),
    "fails in SQL": ('op.execute("DROP TABLE absent")', "OperationalError: (sqlite3.OperationalError) no such table: absent"),
    "drops a column": ('op.drop_column("users", "name")', "Migration 9998 removes the column users.name, in which 1 row had"),
    "drops a table": ('op.execute("DROP TABLE user_sessions")', "Migration 9998 removes the table user_sessions with its 1 row."),
    "loses rows": ('op.execute("DELETE FROM user_sessions")', "Migration 9998 loses 1 row of user_sessions, which had 1."),
    "empties a column": (
        'op.execute("UPDATE alert_rules SET muted_until = NULL")',
        "Migration 9998 empties alert_rules.muted_until in 1 row.",
    ),
    "leaves rows that refer to nothing": (
        """op.execute("UPDATE user_sessions SET user_id = 'nobody'")""",
        "RuntimeError: The migration would leave rows that refer to nothing",
    ),
    "breaks what pages read": ('op.execute("ALTER TABLE chats RENAME COLUMN title TO about")', FAILS),
}


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """This version's migrations, to which others can be added."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for path in (ROOT / "migrations").iterdir():
        if path.is_file():
            (folder / path.name).symlink_to(path)
    for path in (ROOT / "migrations" / "versions").glob("*.py"):
        (folder / "versions" / path.name).symlink_to(path)
    return folder


def add(migrations: Path, does: str, *, revision: str = "9998", before: str = "", more: str = "") -> None:
    file = migrations / "versions" / f"{revision}_added.py"
    # Of the same second and size, a new text would not be compiled.
    for compiled in file.parent.glob(f"__pycache__/{file.stem}.*"):
        compiled.unlink()
    file.write_text(MIGRATION.format(revision=revision, before=before or newest_revision(), does=does, more=more))


@pytest.fixture
def perform(app: Flask, owner: Browser, migrations: Path, make_bare_app: MakeApp, tmp_path: Path) -> Callable[[], list[str]]:
    """Performs a rehearsal on a copy of the test's database, in this process, and returns what it finds."""
    numbers = itertools.count()

    def run() -> list[str]:
        folder, faults = tmp_path / f"case-{next(numbers)}", list[str]()
        folder.mkdir()
        (folder / MARK).touch()
        with app.app_context():
            with write() as session:
                session.execute(update(AlertRule).where(AlertRule.name == "disk").values(muted_until=utc_now()))
            backups.copy_database(folder / DATABASE)
        url = f"sqlite:///{folder / DATABASE}"
        with make_bare_app(DATA_DIR=str(folder), DATABASE_URL=url).app_context():
            try:
                rehearsal.perform(migrations, lambda told: faults.extend(told.get("faults", [])))
            except AppError as error:
                return [*faults, error.message]
            except (RuntimeError, DBAPIError) as error:
                return [*faults, f"{type(error).__name__}: {error}"]
        return faults

    return run


def test_each_broken_migration_is_found(perform: Callable[[], list[str]], migrations: Path) -> None:
    for name, (does, words) in BROKEN.items():
        add(migrations, does)
        faults = perform()
        assert any(fault.startswith(words) for fault in faults), (name, faults)


def test_one_that_adds_or_says_what_it_removes_is_fine(perform: Callable[[], list[str]], migrations: Path) -> None:
    add(migrations, ADDS)
    add(migrations, 'op.drop_column("users", "name")', revision="9999", before="9998", more='removes = ("users.name",)')
    assert [fault for fault in perform() if "removes" in fault] == []


def test_migrations_with_two_heads_and_databases_of_unknown_versions_are_refused(
    perform: Callable[[], list[str]], migrations: Path, tmp_path: Path
) -> None:
    add(migrations, ADDS)
    add(migrations, ADDS, revision="9999")
    assert perform() == ["The migrations have 2 heads: 9998, 9999. One of them has to name the other."]
    for revision in ("9998", "9999"):
        (migrations / "versions" / f"{revision}_added.py").unlink()
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        assert "its schema 9999 is unknown here" in perform()[0]
        database.execute("UPDATE alembic_version SET version_num = '0315'")
        assert perform() == [TOO_OLD.format("0315")]


def test_it_only_runs_in_a_scratch_folder(app: Flask, migrations: Path) -> None:
    result = app.test_cli_runner().invoke(args=["perform-rehearsal", str(migrations)])
    assert (result.exit_code, "only works in the scratch folder" in result.output) == (1, True)


def test_what_a_process_ended_with_is_one_line() -> None:
    error = "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: a"
    trace = f'Traceback …\n  File "x"\n{error}\n[SQL: a]\n(Background on this error at: …)'
    assert rehearsal._reason(trace) == error
    assert rehearsal._reason("Error: That.") == "That."
    assert rehearsal._reason("") == "it ended without a word"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_rehearsal_touches_nothing(app: Flask, owner: Browser, migrations: Path, tmp_path: Path) -> None:
    database = tmp_path / DATABASE
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = database.read_bytes()

    result = app.test_cli_runner().invoke(args=["rehearse"])
    assert (result.exit_code, "Nothing was lost, and the pages answer." in result.output) == (0, True), result.output
    assert "No migration is due" in result.output

    with app.app_context(), rehearsal.fresh_copy(backups.copy_database) as copy:
        add(migrations, ADDS)
        found = rehearsal.rehearse(copy, minutes=5, migrations=migrations)
        assert (found.faults, found.before, found.after, found.steps) == ([], newest_revision(), "9998", 1)
        add(migrations, 'raise RuntimeError("the moon is full")')
        found = rehearsal.rehearse(copy, minutes=5, migrations=migrations)
        assert found.faults == ["Migration 9998 failed: RuntimeError: the moon is full"]
    assert database.read_bytes() == before
    assert not list(tmp_path.rglob("rehearsal-*"))


@pytest.mark.deep
@pytest.mark.timeout(240)
def test_a_migration_that_hangs_is_named(app: Flask, owner: Browser, migrations: Path) -> None:
    add(migrations, "time.sleep(300)")
    with app.app_context(), rehearsal.fresh_copy(backups.copy_database) as copy:
        found = rehearsal.rehearse(copy, minutes=0.5, migrations=migrations)
    assert found.faults == ["Migration 9998 didn't end within 30 seconds, so it was stopped."]


@pytest.mark.parametrize("content", [b"", b"PK" * 5000])
def test_what_is_no_backup_is_not_rehearsed_on(app: Flask, owner: Browser, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    result = app.test_cli_runner().invoke(args=["rehearse", str(tmp_path / "other")])
    assert (result.exit_code, "Millrace database" in result.output or "SQLite database" in result.output) == (1, True)
