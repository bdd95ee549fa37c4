"""`make run` first checks whether the server is prepared, so that it starts without loading the application twice."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from tests.support.preparing import prepared_once
from tests.support.server import ROOT
from webapp.app import FEATURES

OWNER = """
    INSERT INTO users (id, email, name, role, password_hash, created_at)
    VALUES ('a', 'a@b.example', 'A', 'owner', '', '2026-01-01 00:00:00')
"""
READY = "webapp.operations.starting.ready"
LIBRARIES = ("flask", "sqlalchemy", "gevent")
# Imported with the first request to one of their routes, by a server whose routes are prepared.
WITH_A_REQUEST = (
    *(
        "webapp.guests.dialects.assistant",
        "webapp.guests.dialects.plans.views",
        "webapp.api.native.account",
        "webapp.characters.views",
    ),
    *("webapp.knowledge.views", "webapp.operations.sign_on.views", "webapp.plans.pages.views", "webapp.workflows.views"),
)
RARELY = {
    "alembic",
    "cryptography",
    "email.headerregistry",
    "jiter",
    "jsonschema",
    "math_core",
    "numpy",
    "pygments.lexer",
    "pygments.lexers",
    "smtplib",
    "sqlalchemy.dialects.postgresql",
    "statistics",
    "bench",
    "webapp.workspace.exchange.service",
    "webapp.operations.starting.seed",
    "webapp.guests.rasa",
    "xml.etree.ElementTree",
    "yaml",
    *(place.partition(":")[0] for feature in FEATURES for place in feature.commands.values()),
}


def python(*words: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "DATA_DIR": str(folder), "PORT": "8123", **variables}
    return subprocess.run([sys.executable, *words], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=180)


@pytest.mark.slow
def test_it_is_ready_once_everything_is_there(tmp_path: Path) -> None:
    def is_ready() -> bool:
        asked = python("-m", "webapp.operations.starting.ready", folder=tmp_path)
        assert asked.stderr == ""
        assert ("http://127.0.0.1:8123" in asked.stdout) == (asked.returncode == 0)
        return asked.returncode == 0

    assert not is_ready()
    shutil.copytree(prepared_once()[0], tmp_path, dirs_exist_ok=True)
    # Not ready without an owner: `flask prepare` would have to print a fresh link.
    assert not is_ready()
    with closing(sqlite3.connect(tmp_path / "millrace.sqlite3")) as database:
        database.execute(OWNER)
        database.commit()
        assert is_ready()
        database.execute("UPDATE alembic_version SET version_num = '0001'")
        database.commit()
    assert not is_ready()
    (tmp_path / "millrace.sqlite3").write_bytes(b"torn")
    assert not is_ready()


def test_it_leaves_an_invalid_variable_to_the_preparation(tmp_path: Path) -> None:
    asked = python("-m", "webapp.operations.starting.ready", folder=tmp_path, PORT="abc")

    assert (asked.returncode, asked.stdout, asked.stderr) == (1, "", "")


@pytest.mark.slow
def test_it_loads_no_library_of_the_application(tmp_path: Path) -> None:
    asked = f"import sys, {READY}; print({LIBRARIES!r} if not set(sys.modules) & set({LIBRARIES!r}) else 'loaded')"
    assert python("-c", asked, folder=tmp_path).stdout.strip() == str(LIBRARIES)


@pytest.mark.slow
def test_a_server_does_not_hold_what_it_rarely_uses_nor_loads_certificates_before_it_needs_them(tmp_path: Path) -> None:
    asked = (
        f"import wsgi, sys; print({RARELY!r} & {{name for name, module in sys.modules.items() if module}}); "
        "from webapp.models.upstream.sockets import tls_context; print(tls_context.cache_info().currsize)"
    )
    assert python("-c", asked, folder=tmp_path).stdout.split() == ["set()", "0"]


@pytest.mark.slow
def test_a_prepared_server_does_not_hold_pages_that_nobody_opened(tmp_path: Path) -> None:
    shutil.copytree(prepared_once()[0], tmp_path, dirs_exist_ok=True)
    asked = f"import wsgi, sys; print({set(WITH_A_REQUEST)!r} & sys.modules.keys())"
    assert python("-c", asked, folder=tmp_path).stdout.strip() == "set()"


@pytest.mark.slow
def test_what_starts_workers_holds_nothing_that_serves(tmp_path: Path) -> None:
    asked = (
        "import runpy, sys, webapp.web.server.master; runpy.run_path('gunicorn.conf.py'); "
        "print(set(sys.modules) & {'flask', 'gevent'})"
    )
    assert python("-c", asked, folder=tmp_path).stdout.strip() == "set()"


def test_a_server_keeps_working_while_a_newer_version_has_been_here(app: Flask, tmp_path: Path) -> None:
    for revision, status in (("9999", 200), ("0001", 503)):
        with closing(sqlite3.connect(tmp_path / "millrace.sqlite3")) as database:
            database.execute("UPDATE alembic_version SET version_num = ?", [revision])
            database.commit()
        assert app.test_client().get("/readyz").status_code == status
