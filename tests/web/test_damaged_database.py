"""For a damaged database, the page, the commands and the start all tell the operator what to do."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import MakeApp
from tests.support.browser import Browser
from tests.support.server import ROOT, Server

HINT = "flask restore FILE"


def without_header(file: Path) -> None:
    with file.open("r+b") as database:
        database.write(b"no database at all".ljust(100, b"!"))


def with_nonsense_in_it(file: Path) -> None:
    with file.open("r+b") as database:
        database.seek(100)
        database.write(b"\xff" * (file.stat().st_size - 100))


DAMAGES = [without_header, with_nonsense_in_it]


@pytest.fixture
def damaged(migrated: dict[str, str], tmp_path: Path, damage: Callable[[Path], None]) -> Path:
    damage(tmp_path / "millrace.sqlite3")
    return tmp_path


@pytest.mark.mostly_slow
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.usefixtures("damaged")
def test_the_page_and_the_probe_name_the_way_back(make_bare_app: MakeApp) -> None:
    browser = Browser(make_bare_app())

    ready = browser.get("/readyz")
    assert ready.status_code == 503
    assert HINT in ready.json["detail"]
    page = browser.get("/login")
    assert page.status_code in (200, 503)
    refused = browser.post("/login", email="a@example.org", password="a quiet river")
    assert refused.status_code == 503
    assert refused.says("is damaged")
    assert refused.says("flask restore")


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("words", [["check"], ["prepare"], ["users", "list"]])
@pytest.mark.usefixtures("damaged")
@pytest.mark.mostly_slow
def test_commands_name_the_way_back(make_bare_app: MakeApp, words: list[str]) -> None:
    result = make_bare_app().test_cli_runner().invoke(args=words)

    assert result.exit_code == 1
    assert HINT in result.output
    assert "Traceback" not in result.output


def test_the_check_finds_damage_that_nothing_has_met_yet(make_app: MakeApp, tmp_path: Path) -> None:
    commands, file = make_app().test_cli_runner(), tmp_path / "millrace.sqlite3"
    assert "File: No damage found." in commands.invoke(args=["check"]).output
    with closing(sqlite3.connect(file)) as database:
        [place] = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'grants'").fetchone()
        [size] = database.execute("PRAGMA page_size").fetchone()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as database_file:
        database_file.seek((place - 1) * size)
        database_file.write(b"\xff" * size)

    result = make_app().test_cli_runner().invoke(args=["check"])

    assert result.exit_code == 1
    assert HINT in result.output


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.mostly_deep
def test_the_server_does_not_start_and_says_why(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    server = Server(tmp_path)
    damage(tmp_path / "millrace.sqlite3")

    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"],
        cwd=ROOT,
        env=server._environ,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 4
    assert HINT in ended.stderr
    assert "Traceback" not in ended.stderr
