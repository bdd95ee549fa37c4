"""`make dev` on a copy of the code: what is edited shows, and errors are shown with their source."""

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.dev import is_private
from tests.conftest import KEYS
from tests.support.ports import free_port
from tests.support.preparing import environ_of, prepared_once
from tests.support.source import ROOT
from tests.support.waiting import until
from webapp.base.config import load

CODE = ("webapp", "templates", "static", "migrations", "scripts", "wsgi.py", "gunicorn.conf.py")
LOGIN = "templates/people/login.html"


class Dev:
    """`make dev` without make, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "code"
        self.folder.mkdir()
        for name in CODE:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, self.folder / name)
        shutil.copytree(prepared_once()[0], folder / "data")
        self.port, self._log = free_port(), folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scripts.dev"],
                cwd=self.folder,
                env=environ_of(folder / "data", self.port),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def page(self, path: str = "/login") -> tuple[int, str]:
        """Returns status and text; 0 before the server listens."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=60) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(30)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    dev = Dev(tmp_path)
    try:
        until(lambda: dev.page()[0] == 200, "make dev serves", seconds=60)
        yield dev
    finally:
        dev.close()


@pytest.mark.slow
def test_what_is_edited_shows_and_errors_have_their_source(dev: Dev) -> None:
    starts = dev.log.count("worker_started")
    dev.edit(LOGIN, "{% block page %}", "{% block page %}<p>Edited while it runs</p>")
    assert "Edited while it runs" in dev.page()[1]
    assert dev.log.count("worker_started") == starts, "a template needs no restart"

    dev.edit(LOGIN, "Edited while it runs", "{{ nothing.of_that_name }}")
    status, page = dev.page()
    assert status == 500
    assert "Werkzeug" in page
    assert "{{ nothing.of_that_name }}" in dev.log, "the traceback in the terminal has the line of source"
    dev.edit(LOGIN, "{{ nothing.of_that_name }}", "Mended")

    dev.edit("wsgi.py", "import atexit", "def broken(:")
    until(lambda: "The server has ended" in dev.log, "what can't start waits", seconds=60)
    status, page = dev.page()
    assert status == 503
    assert "the terminal says why" in page
    dev.edit("wsgi.py", "def broken(:", "import atexit")
    until(lambda: "Mended" in dev.page()[1], "it starts again after the next change", seconds=60)
    assert dev.page("/nowhere")[0] == 404, "what a person can cause is answered as always"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, True),
        ({"HOST": "127.0.0.1"}, True),
        ({"HOST": "::1"}, True),
        ({"HOST": "0.0.0.0"}, False),
        ({"HOST": "192.168.1.5"}, False),
        ({"HOST": "127.0.0.1", "TRUSTED_PROXIES": "127.0.0.1"}, False),
    ],
)
def test_the_debugger_is_for_this_machine_alone(tmp_path: Path, variables: dict[str, str], expected: bool) -> None:
    assert is_private(load({**KEYS, "DATA_DIR": str(tmp_path), **variables})) is expected
