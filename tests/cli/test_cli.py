"""The command-line commands, run as an operator runs them."""

import base64
import fcntl
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask_migrate import downgrade
from sqlalchemy import select

from tests.conftest import MakeApp
from tests.engine.test_full_disk import fill, small_disk
from tests.support.marks import on_both_databases
from tests.support.people import PASSWORD
from tests.support.preparing import environ_of, flask as flask_command, prepared_once
from webapp.base.audit import AuditEntry
from webapp.base.config import ROOT
from webapp.base.current import CONFIG
from webapp.base.database.revisions import TOO_OLD
from webapp.base.database.state import trouble_with_database
from webapp.base.db import db
from webapp.base.version import VERSION
from webapp.operations.health.backups import files_of
from webapp.people.accounts import service
from webapp.people.accounts.tables import User

Command = Callable[..., Result]
__all__ = ["small_disk"]


def commands(app: Flask) -> Command:
    def run(*words: str, input: str = "") -> Result:
        return app.test_cli_runner().invoke(args=list(words), input=input)

    return run


@pytest.fixture
def flask(app: Flask) -> Command:
    return commands(app)


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def refusal(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert result.output.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in result.output
    return result.output


# Accounts


def test_it_adds_an_account_that_can_sign_in(app: Flask, flask: Command) -> None:
    assert "ann@example.org" in said(
        flask("users", "add", "Ann@example.org", "--role", "admin", "--password-stdin", input=PASSWORD)
    )

    with app.app_context():
        assert service.sign_in("ann@example.org", PASSWORD)


@pytest.mark.parametrize(
    ("typed", "kept"), [("two words \n", "two words "), ("two words\r\n", "two words"), ("two words\n\n", "two words\n")]
)
def test_only_the_end_of_the_line_is_not_part_of_a_password(app: Flask, flask: Command, typed: str, kept: str) -> None:
    said(flask("users", "add", "ann@example.org", "--password-stdin", input=typed))

    with app.app_context():
        assert service.sign_in("ann@example.org", kept)


@pytest.mark.slow
def test_it_changes_a_password_and_ends_the_sessions(app: Flask, flask: Command) -> None:
    said(flask("users", "add", "ann@example.org", "--password-stdin", input=PASSWORD))
    with app.app_context():
        secret = service.sign_in("ann@example.org", PASSWORD)
    said(flask("tokens", "add", "ann@example.org", "--name", "script"))

    password = ("users", "password", " ANN@example.org", "--password-stdin")
    assert "API tokens keep working" in said(flask(*password, input="another quiet river\n"))
    assert "API tokens" not in said(flask(*password, "--revoke-tokens", input="another quiet river\n"))

    with app.app_context():
        assert service.session_user(secret) is None
        assert service.sign_in("ann@example.org", "another quiet river")


def test_it_disables_an_account_and_changes_its_role(app: Flask, flask: Command) -> None:
    said(flask("users", "add", "olive@example.org", "--role", "owner", "--password-stdin", input=PASSWORD))
    said(flask("users", "add", "ann@example.org", "--password-stdin", input=PASSWORD))
    with app.app_context():
        secret = service.sign_in("ann@example.org", PASSWORD)

    assert "ann@example.org is disabled" in said(flask("users", "disable", "Ann@example.org"))
    with app.app_context():
        assert service.session_user(secret) is None
    assert "ann@example.org  member  disabled" in said(flask("users", "list"))
    said(flask("users", "enable", "ann@example.org"))
    assert "ann@example.org is admin now." in said(flask("users", "role", "ann@example.org", "admin"))
    assert "ann@example.org  admin  never" in said(flask("users", "list"))

    assert "There must always be an owner" in refusal(flask("users", "disable", "olive@example.org"))
    assert "There must always be an owner" in refusal(flask("users", "role", "olive@example.org", "member"))
    assert "Role must be one of" in refusal(flask("users", "role", "ann@example.org", "king"))
    with app.app_context():
        told = db.session.execute(select(AuditEntry.action, AuditEntry.actor).order_by(AuditEntry.id.desc()).limit(3)).all()
    assert told == [
        ("changed a role", "command line"),
        ("enabled an account", "command line"),
        ("disabled an account", "command line"),
    ]


def test_it_lists_tokens_without_showing_them(flask: Command) -> None:
    for name in ("ann", "ben"):
        said(flask("users", "add", f"{name}@example.org", "--password-stdin", input=PASSWORD))
        token = said(flask("tokens", "add", f"{name}@example.org", "--name", f"{name}'s script", "--scopes", "chat")).strip()

    lines = said(flask("tokens", "list")).splitlines()
    assert [line.split("  ")[:2] for line in lines] == [["ann@example.org", "ann's script"], ["ben@example.org", "ben's script"]]
    assert said(flask("tokens", "list", "ben@example.org")) == f"ben@example.org  ben's script  …{token[-4:]}  chat  never used\n"


def test_refusals_are_one_line(flask: Command) -> None:
    assert "at least 8" in refusal(flask("users", "add", "ann@example.org", "--password-stdin", input="short\n"))
    assert "Role" in refusal(flask("users", "add", "ann@example.org", "--role", "king", "--password-stdin", input=PASSWORD))
    assert "There is no account" in refusal(flask("users", "password", "nobody@example.org", "--password-stdin", input=PASSWORD))
    assert "--password-stdin" in refusal(flask("users", "add", "ann@example.org"))


# Settings and keys


def test_settings_are_listed_read_set_and_unset(flask: Command) -> None:
    assert "stream.stall_seconds = 60  (default)" in said(flask("settings", "list"))
    assert said(flask("settings", "set", "stream.stall_seconds", "2")) == "stream.stall_seconds = 2\n"
    assert said(flask("settings", "get", "stream.stall_seconds")) == "2\n"
    assert "stream.stall_seconds = 2  (stored)" in said(flask("settings", "list"))
    assert said(flask("settings", "unset", "stream.stall_seconds")) == "stream.stall_seconds = 60  (default)\n"
    assert "from 10 to 10000" in refusal(flask("settings", "set", "stream.journal_ms", "1"))
    assert "Did you mean" in refusal(flask("settings", "get", "stream.stall_second"))


def test_a_generated_key_is_a_fernet_key_and_nothing_else(flask: Command) -> None:
    first, second = (said(flask("keys", "generate")) for _ in range(2))

    assert len(base64.urlsafe_b64decode(first.strip())) == 32
    assert first != second


# Preparing


def prepared(make_bare_app: MakeApp, **environ: str) -> tuple[Flask, str]:
    app = make_bare_app(**environ)
    # Compiling all templates takes a core more than a second; tests/web/test_template_cache.py tests that.
    shutil.copytree(prepared_once()[0] / "compiled", CONFIG.of(app).data_dir / "compiled", dirs_exist_ok=True)
    return app, said(commands(app)("prepare"))


@pytest.mark.slow
@on_both_databases
def test_preparing_makes_everything_and_prints_the_owners_link(
    make_bare_app: MakeApp, empty_database: dict[str, str], tmp_path: Path
) -> None:
    app, output = prepared(make_bare_app, **empty_database)

    assert "http://127.0.0.1:8000/setup?token=" in output
    with app.app_context():
        assert trouble_with_database() == ""
    token = output.partition("token=")[2].split()[0]
    with app.app_context():
        assert service.create_owner(token, "owner@example.org", "Olive", PASSWORD).role == "owner"
    again = said(commands(app)("prepare"))
    assert "http://127.0.0.1:8000" in again
    assert "token" not in again
    assert not (tmp_path / "backups").exists()
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.sqlite3")} <= {0o600}


@pytest.mark.slow
def test_preparing_makes_the_keys_once(make_bare_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "ENCRYPTION_KEY"):
        monkeypatch.delenv(name, raising=False)
    _, output = prepared(make_bare_app)
    paths = [tmp_path / "secret_key", tmp_path / "encryption_key"]
    keys = [path.read_text() for path in paths]

    assert all(f"Created {path}" in output for path in paths)
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert not any(key.strip() in output for key in keys)
    prepared(make_bare_app)
    assert [path.read_text() for path in paths] == keys


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({"PUBLIC_URL": "https://chat.example.org"}, "https://chat.example.org"),
        ({"HOST": "0.0.0.0", "PORT": "8123"}, "http://127.0.0.1:8123"),
        ({"HOST": "::"}, "http://[::1]:8000"),
        ({"HOST": "fd00::7"}, "http://[fd00::7]:8000"),
        ({"HOST": "10.1.2.3"}, "http://10.1.2.3:8000"),
    ],
)
@pytest.mark.mostly_deep(2)
def test_the_link_leads_to_where_it_can_be_reached(make_bare_app: MakeApp, environ: dict[str, str], address: str) -> None:
    _, output = prepared(make_bare_app, **environ)

    assert f"Address: {address}\n" in output
    assert f" {address}/setup?token=" in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environ", "is_told"),
    [({"HOST": "0.0.0.0", "PORT": "8123"}, True), ({"HOST": "::", "PUBLIC_URL": "http://mill.example.org"}, False), ({}, False)],
)
@pytest.mark.mostly_deep(2)
def test_who_serves_others_is_told_what_to_set(make_bare_app: MakeApp, environ: dict[str, str], is_told: bool) -> None:
    _, output = prepared(make_bare_app, **environ)

    assert ("set PUBLIC_URL, for example PUBLIC_URL=http://" in output) is is_told
    assert output.endswith(":8123\n") is is_told


@pytest.mark.slow
def test_an_older_database_is_copied_before_it_is_changed(app: Flask, flask: Command, tmp_path: Path) -> None:
    with app.app_context():
        downgrade(str(ROOT / "migrations"), revision="base")

    output = said(flask("prepare"))

    copies = list((tmp_path / "backups").iterdir())
    assert [f"before this migration: {path}" in output for path in copies] == [True]
    with closing(sqlite3.connect(copies[0])) as copy:
        assert copy.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall() == [("alembic_version",)]
    with app.app_context():
        assert trouble_with_database() == ""


def test_a_database_of_a_newer_version_is_left_alone(app: Flask, flask: Command, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "millrace.sqlite3")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'of the future'")
        database.commit()

    assert "newer version" in refusal(flask("prepare"))
    assert not (tmp_path / "backups").exists()


@pytest.mark.parametrize("revision", ["0014", "0315"])
def test_a_database_from_before_the_base_is_told_how_to_upgrade_and_left_alone(
    app: Flask, flask: Command, make_bare_app: MakeApp, tmp_path: Path, revision: str
) -> None:
    file, other = tmp_path / "millrace.sqlite3", tmp_path / "other"
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = list(database.iterdump())
    why = TOO_OLD.format(revision)
    copy = str(shutil.copy(file, tmp_path / "copy.sqlite3"))

    for words in (["prepare"], ["rehearse", copy], ["restore", copy], ["backup", "postgresql://nobody@127.0.0.1:9/nowhere"]):
        assert f"Error: {why}\n" in refusal(flask(*words)), words
    for words in (["db", "upgrade"], ["db", "current"], ["db", "downgrade"], ["db", "stamp"]):
        result = flask(*words)
        assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.output
    with app.app_context():
        assert trouble_with_database() == why
    assert app.test_client().get("/readyz").json["detail"] == why
    with closing(sqlite3.connect(file)) as database:
        assert list(database.iterdump()) == before
    assert not (tmp_path / "backups").exists()
    # What can take it in is left alone, too.
    refusal(commands(make_bare_app(DATA_DIR=str(other)))("restore", copy))
    assert not (other / "millrace.sqlite3").exists()


@pytest.mark.slow
def test_what_is_written_is_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)

    flask_command(environ_of(folder, 8123), "prepare")

    made = [folder, *folder.rglob("*")]
    assert len(made) > 5
    assert [path for path in made if path.stat().st_mode & 0o077] == []


# Backups


def emails(app: Flask) -> list[str]:
    with app.app_context():
        return sorted(db.session.scalars(select(User.email)))


def add(app: Flask, email: str) -> None:
    with app.app_context():
        service.add_user(email, "member", PASSWORD)


def test_a_backup_can_be_restored(app: Flask, flask: Command, tmp_path: Path) -> None:
    add(app, "ann@example.org")
    file = tmp_path / "backup of today.sqlite3"
    said(flask("backup", str(file)))
    add(app, "bob@example.org")

    output = said(flask("restore", str(file)))

    assert emails(app) == ["ann@example.org"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = next(path for path in (tmp_path / "backups").iterdir() if path.suffix == ".sqlite3")
    assert str(kept) in output
    said(flask("restore", str(kept)))
    assert emails(app) == ["ann@example.org", "bob@example.org"]


@on_both_databases
def test_a_folder_keeps_the_newest_backups_with_their_files(app: Flask, flask: Command, tmp_path: Path) -> None:
    folder, others = tmp_path / "nightly", ["millrace-old.sqlite3", "millrace-20250101-000000.sqlite3.txt"]
    old = [folder / f"millrace-2025010{day}-020000.sqlite3" for day in range(1, 4)]
    sent = CONFIG.of(app).files_dir / "ab" / "abc"
    left = folder / "millrace-20240101-020000.sqlite3.files"
    for path in (sent, *old, *(folder / name for name in others), *(files_of(backup) / "ab" / "x" for backup in old), left / "x"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("something")

    assert "Removed 2 older backups." in said(flask("backup", str(folder), "--keep", "2"))

    kept = sorted(path.name for path in folder.iterdir())
    made = next(name for name in kept if name.endswith(".sqlite3") and name not in [*others, old[2].name])
    assert kept == sorted([*others, old[2].name, f"{old[2].name}.files", made, f"{made}.files"])
    assert (folder / f"{made}.files" / "ab" / "abc").is_file()
    assert "--keep goes with a FOLDER" in flask("backup", str(tmp_path / "none"), "--keep", "2").output


@on_both_databases
def test_an_empty_database_is_not_backed_up(make_bare_app: MakeApp, empty_database: dict[str, str], tmp_path: Path) -> None:
    told = refusal(commands(make_bare_app(**empty_database))("backup", str(tmp_path / "copy")))

    assert "That database is empty. Nothing was backed up." in told
    assert not list(tmp_path.glob("copy*")) + list(tmp_path.glob("*.sqlite3"))


@pytest.mark.parametrize("words", ["prepare", "settings set models.titles off", "keys rotate", "backup copy.sqlite3", "check"])
def test_what_writes_names_its_database_first(
    flask: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(tmp_path)

    result = flask(*words.split())

    assert result.stderr.splitlines()[0] == f"Database: SQLite {tmp_path}/millrace.sqlite3"
    assert "Database: " not in result.stdout


def test_it_names_a_mistyped_variable(flask: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_STREAM", "7")
    assert "Did you mean MAX_STREAMS?" in flask("prepare").stderr


def test_it_tells_its_version(flask: Command) -> None:
    assert said(flask("version")).startswith(f"Millrace {VERSION}")


def test_a_broken_database_can_be_replaced_and_is_kept(app: Flask, flask: Command, tmp_path: Path) -> None:
    add(app, "ann@example.org")
    file, database = tmp_path / "backup.sqlite3", tmp_path / "millrace.sqlite3"
    said(flask("backup", str(file)))
    database.write_bytes(b"no database any more" * 1000)

    said(flask("restore", str(file)))

    assert emails(app) == ["ann@example.org"]
    kept = [path for path in (tmp_path / "backups").iterdir() if path.suffix == ".sqlite3"]
    assert [path.read_bytes()[:11] for path in kept] == [b"no database"]


def test_a_backup_overwrites_nothing(flask: Command, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("a poem")

    assert "already exists" in refusal(flask("backup", str(file)))
    assert file.read_text() == "a poem"


def test_what_is_no_backup_is_not_restored(app: Flask, flask: Command, tmp_path: Path) -> None:
    add(app, "ann@example.org")
    (tmp_path / "poem").write_text("not a database, however long it may be " * 100)
    with closing(sqlite3.connect(tmp_path / "other")) as other:
        other.execute("CREATE TABLE other (id)")

    for name in ("poem", "other"):
        assert str(tmp_path / name) in refusal(flask("restore", str(tmp_path / name)))
    assert emails(app) == ["ann@example.org"]


def test_nothing_is_restored_while_a_server_runs(app: Flask, flask: Command, tmp_path: Path) -> None:
    file = tmp_path / "backup.sqlite3"
    said(flask("backup", str(file)))
    (tmp_path / "workers").mkdir()
    with (tmp_path / "workers" / "alive").open("w") as worker:
        fcntl.flock(worker, fcntl.LOCK_EX)
        assert "running" in refusal(flask("restore", str(file)))

    said(flask("restore", str(file)))


def test_a_place_that_cannot_be_written_to_is_named_in_one_line(flask: Command, make_bare_app: MakeApp, tmp_path: Path) -> None:
    there = tmp_path / "poem"
    there.write_text("a file")

    assert "/nowhere/at all.unfinished: No such file or directory." in refusal(flask("backup", "/nowhere/at all"))
    assert "Not a directory." in refusal(flask("backup", str(there / "copy")))
    assert "/proc/nowhere: No such file or directory." in refusal(commands(make_bare_app(DATA_DIR="/proc/nowhere"))("prepare"))


def test_a_backup_for_which_there_is_no_room_leaves_nothing_behind(flask: Command, tmp_path: Path) -> None:
    (tmp_path / "copy.unfinished").symlink_to("/dev/full")

    assert "SQLite failed" in refusal(flask("backup", str(tmp_path / "copy")))
    assert not list(tmp_path.glob("copy*"))


def test_a_full_disk_leaves_the_check_its_facts(make_bare_app: MakeApp, migrated_file: Path, small_disk: Path) -> None:
    shutil.copy(migrated_file, small_disk / "millrace.sqlite3")
    app = make_bare_app(DATA_DIR=str(small_disk), OPENROUTER_API_KEY="sk-x")
    # As with a server that runs, the files of SQLite are there.
    with closing(sqlite3.connect(small_disk / "millrace.sqlite3")) as server:
        server.execute("SELECT count(*) FROM users").fetchall()
        fill(small_disk)
        result = commands(app)("check")

    told = result.output
    assert result.exit_code == 1
    for words in ("Database\n", "Server\n", "Safety\n", "Not tested: The result of a test can't be stored."):
        assert words in told


@pytest.mark.parametrize(
    "words", ["users list", "users add a@example.org --password-stdin", "settings list", "keys rotate", "seed"]
)
def test_without_a_prepared_database_every_command_says_what_to_do(make_bare_app: MakeApp, words: str) -> None:
    told = refusal(commands(make_bare_app())(*words.split(), input=PASSWORD))

    assert told.endswith("run: flask prepare\n")
    assert "argon2" not in told


def test_without_a_data_folder_a_command_does_not_say_that_it_is_busy(make_bare_app: MakeApp, tmp_path: Path) -> None:
    app = make_bare_app(DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/millrace.sqlite3")
    told = refusal(commands(app)("users", "add", "a@example.org", "--password-stdin", input=PASSWORD))

    assert "can't be opened" in told
