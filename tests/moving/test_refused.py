"""Copies that are refused, and why: one sentence, and nothing has changed."""

import fcntl
import sqlite3
from contextlib import closing

import psycopg
import pytest

from tests.cli.test_cli import commands, refusal, said
from tests.moving.filled import fill, rows_of
from tests.support.people import user_with_password

pytestmark = pytest.mark.slow


def test_nobody_is_overwritten(app, make_bare_app, new_database, migrated_database, tmp_path):
    lived_in = new_database(like=migrated_database)
    with make_bare_app(DATABASE_URL=lived_in).app_context():
        user_with_password("ann@example.org", "owner")
    before = rows_of(lived_in)

    assert "already has people or chats. Choose an empty one" in refusal(commands(app)("backup", lived_in))
    file = str(tmp_path / "copy.sqlite3")
    said(commands(app)("backup", file))
    assert "already has people" in refusal(commands(make_bare_app(DATABASE_URL=lived_in))("restore", file))
    assert rows_of(lived_in) == before


@pytest.mark.deep
def test_a_database_that_was_only_prepared_is_empty(app, make_bare_app, new_database, migrated_database):
    address = new_database(like=migrated_database)
    # It adds the shipped characters and the link for the owner.
    said(commands(make_bare_app(DATABASE_URL=address))("prepare"))
    with app.app_context():
        fill(2)

    assert "are equal" in said(commands(app)("backup", address))


def test_tables_of_others_and_of_other_versions_are_left_alone(app, new_database):
    theirs, older = new_database(), new_database()
    for address, table in ((theirs, "CREATE TABLE poems (id int)"), (older, "CREATE TABLE alembic_version (version_num text)")):
        with psycopg.connect(address.replace("+psycopg", "")) as connection:
            connection.execute(table)
            if address == older:
                connection.execute("INSERT INTO alembic_version VALUES ('0001')")

    assert "tables of another program" in refusal(commands(app)("backup", theirs))
    assert "tables of version 0001" in refusal(commands(app)("backup", older))


def test_an_address_that_leads_nowhere_is_said_in_one_line(app, tmp_path):
    # A folder that can't be written to is found before the database is filled.
    files = refusal(commands(app)("backup", "postgresql://millrace:secret@127.0.0.1:9/nowhere", "--files", "/proc/files"))
    assert files.strip().endswith("/proc/files: No such file or directory.")
    said_in = refusal(commands(app)("backup", "postgresql://millrace:secret@127.0.0.1:9/nowhere"))
    assert "The other database can't be opened" in said_in
    assert "secret" not in said_in
    assert commands(app)("backup", f"sqlite:///{tmp_path}/copy").exit_code == 2


@pytest.mark.deep
@pytest.mark.parametrize("backend", ["postgres"])
def test_a_copy_is_not_restored_into_a_running_server_and_a_poem_never(app, tmp_path):
    (tmp_path / "poem").write_text("not a database, however long it may be " * 100)
    assert "readable SQLite database" in refusal(commands(app)("restore", str(tmp_path / "poem")))

    said(commands(app)("backup", str(tmp_path / "copy.sqlite3")))
    assert "already exists" in refusal(commands(app)("backup", str(tmp_path / "copy.sqlite3")))
    (tmp_path / "workers").mkdir()
    with (tmp_path / "workers" / "alive").open("w") as worker:
        fcntl.flock(worker, fcntl.LOCK_EX)
        assert "running" in refusal(commands(app)("restore", str(tmp_path / "copy.sqlite3")))


def test_what_does_not_fit_leaves_nothing_behind(app, new_database, tmp_path):
    with app.app_context():
        fill(2)
    with closing(sqlite3.connect(tmp_path / "millrace.sqlite3")) as database:
        # SQLite does not enforce lengths.
        database.execute("UPDATE chats SET title = ? WHERE rowid = 1", ["long" * 1_000])
        database.commit()

    address = new_database()
    assert "A row of chats doesn't fit: value too long" in refusal(commands(app)("backup", address))
    # The alert rules are inserted by migrations.
    assert not any(found for name, found in rows_of(address).items() if name != "alert_rules")
