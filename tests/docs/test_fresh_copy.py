"""A new user's path in a fresh copy: `make run`, the first ten minutes, then a backup, an upgrade and both rollbacks."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.docs.snippets import environment, matches, printed_by, run, snippets
from tests.docs.test_snippets import typed
from tests.support.person import Person
from tests.support.ports import free_port
from tests.support.preparing import KEPT, LINK
from tests.support.source import ROOT
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

# Bytecode is copied with the times of its sources: compiling everything again takes a core ten seconds.
LEFT = shutil.ignore_patterns(".git", ".env", ".venv", "node_modules", "vendor", "data", "screenshots", ".*_cache", ".hypothesis")
# The sources that make compares with the installed files: installing again takes minutes, and `make test` has done it.
SET_UP_FROM = (
    *("requirements.lock", "package-lock.json", "static/icons.txt", "static/mark.svg", "static/css/fonts.css"),
    *("scripts/assets.py", "scripts/fonts.js"),
)
FIRST = ROOT / "docs" / "first-ten-minutes.md"
UPGRADE = ROOT / "docs" / "upgrade.md"
SAID = re.compile(r"^```text\n(.*?create the owner.*?)^```", re.MULTILINE | re.DOTALL)


class Copy:
    """A folder as after cloning and setting up, in which commands are run."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(ROOT, folder, ignore=LEFT)
        for name in SET_UP_FROM:
            os.utime(folder / name, (0, 0))
        for name in (".venv", "static/vendor"):
            (folder / name).symlink_to(ROOT / name)
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {name: os.environ[name] for name in KEPT if name in os.environ} | {"PORT": str(self.port)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.folder / "make.log").read_text("utf-8")

    def start(self) -> None:
        with (self.folder / "make.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["make", "run"], cwd=self.folder, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )
        until(lambda: "Booting worker" in self.log or self._process_has_ended(), "make run serves", seconds=180)
        assert "Booting worker" in self.log, self.log

    def stop(self) -> None:
        """Stops the server as Ctrl + C does."""
        if self._process and not self._process_has_ended():
            os.killpg(self._process.pid, signal.SIGINT)
            self._process.wait(30)

    def type(self, text: str) -> str:
        status, printed = printed_by(["sh", "-euc", text], self.folder, self.environ)
        assert status == 0, f"{text}: {printed}"
        return printed

    def row(self, query: str) -> tuple[str, ...]:
        with closing(sqlite3.connect(self.folder / "data" / "millrace.sqlite3")) as database:
            found: tuple[str, ...] = database.execute(query).fetchone()
            return found

    def _process_has_ended(self) -> bool:
        assert self._process
        return self._process.poll() is not None


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    copy = Copy(tmp_path_factory.mktemp("fresh") / "millrace")
    copy.start()
    yield copy
    copy.stop()


def test_the_newcomers_path_works_word_by_word(copy: Copy, tmp_path: Path) -> None:
    said = SAID.findall(FIRST.read_text("utf-8"))[0].replace(":8000", f":{copy.port}")
    assert matches("\n".join(line for line in copy.log.splitlines() if line.startswith(("Address:", "No owner"))), said)
    link = LINK.search(copy.log)
    assert link, copy.log
    person = Person(copy.url).become_owner(link[0])

    path = person.begin("Thank you")
    until(lambda: person.last_answer(path).status == "completed", "the demo has answered")

    (tokens,) = [snippet for snippet in snippets(FIRST) if "in-the-copy" in snippet.words]
    token = copy.type(tokens.text.replace("you@example.org", "owner@example.org")).strip()
    assert not run(typed(FIRST), tmp_path, environment(copy.url, token))

    # The rest of the page is for a stopped server.
    copy.stop()
    answer = copy.row("SELECT content FROM messages WHERE role = 'assistant' ORDER BY id LIMIT 1")
    assert "You are welcome" in answer[0]
    for snippet in snippets(UPGRADE):
        if "in-the-copy" in snippet.words:
            copy.type(snippet.text)
            assert copy.row("SELECT content FROM messages WHERE role = 'assistant' ORDER BY id LIMIT 1") == answer, snippet.place
    assert copy.row("SELECT version_num FROM alembic_version") == ("0320",)
    copy.type(".venv/bin/flask prepare")
    assert copy.row("SELECT content FROM messages WHERE role = 'assistant' ORDER BY id LIMIT 1") == answer
