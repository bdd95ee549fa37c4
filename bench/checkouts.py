"""Checks out another commit beside this one, ready to be run."""

import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

from bench.servers import Checkout
from webapp.base.config import ROOT

# Stays, because the packages of a commit can take a minute to install.
PLACE = ROOT / ".bench"
# What is the same for two commits if these files are, with what it takes to make it.
MADE_FROM = {
    ".venv": ("requirements.lock", "requirements.txt"),
    "static/vendor": ("package-lock.json", "static/icons.txt", "static/css/fonts.css", "scripts/assets.py", "scripts/icons.py"),
}


def commit_of(name: str) -> str:
    """Returns the short id of a commit by any name; raises `ValueError` for none."""
    found = _git("rev-parse", "--short=8", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found.returncode:
        raise ValueError(f"There is no commit {name}.")
    return found.stdout.decode().strip()


def checked_out(commit: str) -> Checkout:
    """Returns the code of a commit, set up by its own `make setup`; with our packages and assets, if it needs the same."""
    folder = PLACE / commit
    if not folder.exists():
        with tarfile.open(fileobj=BytesIO(_git("archive", commit).stdout)) as archive:
            # Older than what is made from it, or make would make that once more.
            archive.extractall(folder, [_aged(member) for member in archive])
    for name, files in MADE_FROM.items():
        ours = Path(sys.prefix) if name == ".venv" and sys.prefix != sys.base_prefix else ROOT / name
        if ours.exists() and not (folder / name).exists() and all(_is_same(folder, file) for file in files):
            (folder / name).symlink_to(ours)
    done = subprocess.run(["make", "setup"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{commit} could not be set up:\n{(done.stdout + done.stderr)[-2000:]}")
    return Checkout(folder, str(folder / ".venv/bin/python"))


def _aged(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 0
    return member


def _is_same(folder: Path, name: str) -> bool:
    here, there = ROOT / name, folder / name
    return here.exists() == there.exists() and (not here.exists() or here.read_bytes() == there.read_bytes())


def _git(*words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
