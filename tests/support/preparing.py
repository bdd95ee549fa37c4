"""What is made once and copied by all shards of a test run, such as a data folder as `flask prepare` leaves it."""

import atexit
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV")
# With these variables, a copy of a folder that was prepared without them would be wrong.
MADE_OTHERWISE = {"DATABASE_URL", "PUBLIC_URL", "SECRET_KEY", "ENCRYPTION_KEY"}
LINK = re.compile(r"http://\S+/setup\?token=\S+")


@cache
def prepared_once() -> tuple[Path, str]:
    """Returns the folder and its owner's link."""
    folder = made_once("server", _prepare)
    return folder / "data", link_in((folder / "said").read_text("utf-8"))


def _prepare(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "said").write_text(flask(environ_of(folder / "data", free_port()), "prepare"), "utf-8")


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """Returns a folder that `make` has filled for all shards of the run: to prepare takes a core some seconds."""
    shared = _shared()
    folder, made = shared / name, shared / f"{name}.made"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


@cache
def _shared() -> Path:
    """Returns the folder that `scripts/tests.sh` has made for all shards, or a temporary one."""
    if "PREPARED" in os.environ:
        return Path(os.environ["PREPARED"])
    folder = Path(tempfile.mkdtemp(prefix="millrace-prepared-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def environ_of(folder: Path, port: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    # Lists that are read by themselves would come between the requests that tests expect.
    ours = {"HOST": "127.0.0.1", "PORT": str(port), "DATA_DIR": str(folder), "ENV_FILE": os.devnull}
    ours |= {"READ_MODEL_LISTS": "0", "LOCAL_ENGINES": "off"}
    return {**kept, **ours}


def flask(environ: Mapping[str, str], *words: str, said: str = "", python: str = sys.executable) -> str:
    command = [python, "-m", "flask", *words]
    done = subprocess.run(command, cwd=ROOT, env=environ, input=said, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def link_in(output: str) -> str:
    found = LINK.search(output)
    assert found, "no link for the owner"
    return found[0]
