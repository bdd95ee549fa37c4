"""The image contains all that a server needs and is never written to: its files in a folder, started by its own command."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.proxies import DEPLOY
from tests.support.ports import free_port
from tests.support.preparing import environ_of
from tests.support.waiting import until
from webapp.base.config import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.deep]
CONTAINERFILE = (DEPLOY / "Containerfile").read_text("utf-8")
# Files that the build of the image creates, and that exist in the tree already.
MADE = {"requirements.lock"}


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """The folder with all that is copied to /millrace."""
    folder = tmp_path_factory.mktemp("image") / "millrace"
    folder.mkdir()
    stage = CONTAINERFILE.partition("WORKDIR /millrace")[2].partition("\nFROM ")[0]
    for line in re.findall(r"^COPY (.+)$", stage, re.MULTILINE):
        *names, place = line.split()
        for name in set(names) - MADE:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, folder / place)
    return folder


def test_it_starts_is_healthy_and_writes_nowhere_else(image, tmp_path):
    environ = environ_of(tmp_path / "data", free_port()) | dict(re.findall(r"(PYTHON\w+)=(\S+)", CONTAINERFILE))
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    healthy = [sys.executable, "-m", "webapp.operations.starting.healthy"]
    before = listing(image)

    assert subprocess.run(healthy, cwd=image, env=environ, check=False).returncode == 1
    with (tmp_path / "said.log").open("wb") as log:
        command = json.loads(re.search(r"^CMD (\[.+\])$", CONTAINERFILE, re.MULTILINE)[1])
        process = subprocess.Popen(command, cwd=image, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: subprocess.run(healthy, cwd=image, env=environ, check=False).returncode == 0, "it is healthy", seconds=180)
    finally:
        process.terminate()
        process.wait(60)

    assert "/setup?token=" in (tmp_path / "said.log").read_text()
    assert listing(image) == before


def listing(folder: Path) -> set[tuple[str, float]]:
    return {(str(path), path.stat().st_mtime) for path in folder.rglob("*") if path.is_file()}
