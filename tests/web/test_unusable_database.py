"""For an unusable database the operator is told the cause, and given no advice that would not help."""

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from tests.conftest import MakeApp
from tests.support.browser import Browser
from tests.support.server import ROOT

NAME = "millrace.sqlite3"


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket_of_nobody(path: Path) -> None:
    os.mknod(path, 0o140600)


@pytest.fixture
def database(migrated: dict[str, str], tmp_path: Path) -> Path:
    return tmp_path / NAME


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """A function that limits the size of files, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def prepared(app: Flask) -> Result:
    result = app.test_cli_runner().invoke(args=["prepare"])
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith("Error: ")
    return result


@pytest.mark.parametrize("make", [a_folder, a_pipe, a_socket_of_nobody])
def test_what_is_no_file_is_called_so(database: Path, make_bare_app: MakeApp, make: Callable[[Path], None]) -> None:
    database.unlink()
    make(database)

    result = prepared(make_bare_app())

    assert f"{database} is not a file" in result.output
    assert "responding" not in result.output


@pytest.mark.parametrize("make", [a_folder, a_socket_of_nobody])
@pytest.mark.parametrize("command", ["check", "users list"])
def test_a_file_that_cannot_be_opened_is_called_so(
    database: Path, make_bare_app: MakeApp, make: Callable[[Path], None], command: str
) -> None:
    database.unlink()
    make(database)
    app = make_bare_app()

    said = app.test_cli_runner().invoke(args=command.split())

    assert (said.exit_code, "can't be opened" in said.output) == (1, True)
    ready = Browser(app).get("/readyz")
    assert (ready.status_code, "can't be opened" in ready.json["detail"]) == (503, True)


@pytest.mark.parametrize("forget", ["DELETE FROM alembic_version", "DROP TABLE alembic_version"])
def test_tables_without_a_version_are_left_alone(database: Path, make_bare_app: MakeApp, forget: str) -> None:
    with closing(sqlite3.connect(database)) as opened:
        opened.execute(forget)
        opened.commit()

    result = prepared(make_bare_app())

    assert "doesn't say of which version" in result.output
    assert "flask prepare" not in result.output
    assert not (database.parent / "backups").exists()


@pytest.mark.slow
def test_a_migration_that_fails_says_why(tmp_path: Path, make_bare_app: MakeApp, small_files: Callable[[int], None]) -> None:
    app = make_bare_app()
    small_files(100_000)

    result = prepared(app)

    assert "couldn't be migrated" in result.output
    assert "flask prepare" not in result.output


@pytest.mark.slow
def test_a_pipe_does_not_hold_up_the_start(database: Path) -> None:
    """Opening a named pipe for reading would block until there is a writer."""
    asked = [sys.executable, "-m", "webapp.operations.starting.ready"]
    environ = {**os.environ, "DATA_DIR": str(database.parent), "PORT": "8123"}
    database.unlink()
    os.mkfifo(database)
    (database.parent / "compiled").mkdir()
    (database.parent / "compiled" / "prepared").write_text("", "utf-8")

    assert subprocess.run(asked, cwd=ROOT, env=environ, timeout=60).returncode == 1
