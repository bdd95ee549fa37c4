"""Installs the interpreter of `run_python` when an admin asks for it: by pip, in a process of its own, as `make` does."""

import subprocess
import sys
from pathlib import Path

from webapp.base import audit
from webapp.base.config import ROOT
from webapp.base.db import db, write
from webapp.base.errors import Unavailable
from webapp.base.words import shortened

PACKAGES = ROOT / "requirements-python.txt"
# 43 MB, on a slow line.
SECONDS = 300.0
FAILED = "It couldn't be installed here: {} On the server, it is done by: make python-tool"
TOO_LONG = "The download took longer than five minutes."
NO_WORDS = "pip ended without saying why."


def install(*, author: audit.AuditAuthor, packages: Path = PACKAGES, seconds: float = SECONDS) -> None:
    """Installs the packages where the server's own are; raises `Unavailable` with what pip says last."""
    # Releases the database connection meanwhile.
    db.session.rollback()
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", str(packages)]
    process = subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    with process:
        try:
            said, _nothing = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise Unavailable(FAILED.format(TOO_LONG)) from error
    if process.returncode:
        last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), NO_WORDS)
        raise Unavailable(FAILED.format(shortened(last, 300)))
    with write() as session:
        audit.add(session, "installed the Python interpreter", author=author, object_kind="tool", object_id="run_python")
