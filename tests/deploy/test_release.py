"""`scripts.release`: what is needed for a release is checked, and what it makes is complete and the same every time."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.docs.test_fresh_copy import Copy
from webapp.base.version import VERSION

pytestmark = pytest.mark.slow
AUTHOR = {f"GIT_{who}_{what}": "m@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of our files in a repository of its own, with everything committed."""
    folder = Copy(tmp_path / "millrace").folder
    (folder / ".git" / "info").mkdir(parents=True)
    (folder / ".git" / "info" / "exclude").write_text(".venv\nstatic/vendor\n")
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "All of it")):
        subprocess.run(["git", *words], cwd=folder, check=True, env=os.environ | AUTHOR)


def release(folder: Path) -> subprocess.CompletedProcess[str]:
    # Its assets are ours, by a link: what is packed are files.
    command = [sys.executable, "-m", "scripts.release"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_release_is_whole_and_the_same_every_time(tree: Path, tmp_path: Path) -> None:
    first = release(tree)
    assert first.returncode == 0, first.stderr
    sums = (tree / "dist" / "SHA256SUMS").read_text("utf-8")
    assert release(tree).returncode == 0
    assert (tree / "dist" / "SHA256SUMS").read_text("utf-8") == sums
    for line in sums.splitlines():
        digest, name = line.split()
        assert hashlib.sha256((tree / "dist" / name).read_bytes()).hexdigest() == digest

    source, context = (names(tree / "dist" / f"millrace-{VERSION}{kind}.tar.gz") for kind in ("", "-container"))
    assert {"LICENSE", "Makefile", "static/vendor/htmx.min.js", "static/vendor/icons.svg", "tests/conftest.py"} <= source
    assert {"deploy/Containerfile", "requirements.lock", "webapp/app.py", "static/icons.txt"} <= context
    assert not [path for path in source | context if path.startswith((".git/", ".venv", "dist", "data"))]
    assert not [path for path in context if path.startswith("tests/")]
    parts = json.loads((tree / "dist" / f"millrace-{VERSION}.cdx.json").read_text("utf-8"))["components"]
    assert {"flask", "gevent", "htmx.org", "click"} <= {part["name"] for part in parts}
    assert not {"@biomejs/biome", "axe-core", "subset-font", "pako", "pytest"} & {part["name"] for part in parts}
    assert all(part["hashes"] for part in parts)
    assert [part["name"] for part in parts if not part["licenses"]] == []
    # Those that only an older Python or another system installs are in the list, too.
    assert {"async-timeout", "tzdata"} <= {part["name"] for part in parts}
    assert {"deploy/compose.yaml", "deploy/compose.team.yaml", "deploy/Caddyfile.team", ".dockerignore"} <= context
    assert (tree / "dist" / "TAG").read_text("utf-8").startswith(f"Millrace {VERSION}\n\n")

    with tarfile.open(tree / "dist" / f"millrace-{VERSION}.tar.gz") as archive:
        archive.extractall(tmp_path / "unpacked")
    unpacked = tmp_path / "unpacked" / f"millrace-{VERSION}"
    (unpacked / ".venv").symlink_to(tree / ".venv")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=tree, capture_output=True, text=True, check=True).stdout
    assert f'COMMIT = "{commit.strip()}"' in (unpacked / "webapp/base/version.py").read_text("utf-8")
    # Nothing is left for npm to do.
    assert (
        subprocess.run(["make", "--question", "--assume-old=.venv/.run", "static/vendor/icons.svg"], cwd=unpacked).returncode == 0
    )


def test_what_is_missing_is_said(tree: Path) -> None:
    (tree / "LICENSE").unlink()
    notes = tree / "CHANGELOG.md"
    notes.write_text(notes.read_text("utf-8").replace(f"## {VERSION}", "## Unreleased", 1))
    (tree / ".env.example").write_text("")
    said = release(tree)
    assert said.returncode == 1
    for words in ("aren't committed", f"must begin with ## {VERSION}", "LICENSE is missing", ".env.example is out of date"):
        assert words in said.stderr
    assert not (tree / "dist").exists()


def names(archive: Path) -> set[str]:
    with tarfile.open(archive) as tar:
        return {member.name.partition("/")[2] for member in tar}
