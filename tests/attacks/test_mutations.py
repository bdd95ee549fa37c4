"""The tests notice when a safeguard is gone: a copy of the source is changed in one place, and who must fail does."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.mutations import MUTATIONS, Mutation
from tests.support.source import ROOT

FOLDERS = ("webapp", "tests", "templates", "static", "migrations", "node_modules")
FILES = ("wsgi.py", "pyproject.toml", "CHANGELOG.md")
FAILED = 1
Changed = Callable[[Mutation], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source, to be changed; what no mutation touches is only linked."""
    folder = tmp_path_factory.mktemp("mutated")
    for name in FOLDERS:
        if name == "webapp":
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif name == "tests":
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "browser"), dirs_exist_ok=True
            )
        elif (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_missing_safeguard_is_noticed(copy: Path, name: str) -> None:
    mutation = MUTATIONS[name]
    path = copy / mutation.path
    whole = path.read_text("utf-8")
    path.write_text(mutated(whole, mutation), "utf-8")
    try:
        for test in mutation.tests:
            run = run_of(copy, test)
            assert run.returncode == FAILED, f"{test} did not notice: {run.stdout[-1500:]}{run.stderr[-500:]}"
    finally:
        path.write_text(whole, "utf-8")


def mutated(source: str, mutation: Mutation) -> str:
    for old, new in mutation.changes:
        assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {mutation.path}"
        source = source.replace(old, new)
    return source + mutation.more


def run_of(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Runs one test on the changed source; the first case that fails is enough."""
    command = [sys.executable, "-B", "-m", "pytest", test, "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    # The installed packages are found by the interpreter; the source by the folder alone.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
