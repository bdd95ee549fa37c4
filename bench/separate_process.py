"""A temporary installation for the page benchmarks, and the process that measures it."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.servers import KEY, command, flask
from bench.verdict import OUT_OF_BOUNDS
from webapp.base.config import ROOT


def measured_in_new_process(what: str, say: Callable[[str], None], **more: str) -> bool:
    """Measures in a separate process on a fresh data folder, so that the operator's data is neither measured nor changed.

    `more` are additional environment variables.
    """
    with TemporaryDirectory() as folder:
        environ = {"DATA_DIR": folder, "OPENROUTER_API_KEY": KEY, "OPENROUTER_MODEL": "bench/model", **more}
        flask(environ, "prepare")
        words, log = ["-m", "flask", "bench", "measure-here", what], Path(folder, "pages.log")
        with log.open("w") as output:
            process = subprocess.Popen(command(words, environ), cwd=ROOT, stdout=subprocess.PIPE, stderr=output, text=True)
        for line in process.stdout or ():
            say(line.rstrip())
        if process.wait() not in (0, OUT_OF_BOUNDS):
            raise RuntimeError(f"the pages could not be measured:\n{log.read_text('utf-8', 'replace')[-2000:]}")
        return process.returncode == 0
