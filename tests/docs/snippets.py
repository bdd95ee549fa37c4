"""The snippets of a page: blocks of sh, python and js, run as a reader would, with the output that the page states.

Every such block is run unless its first line says `not-run` or `in-the-copy`; the latter are run in a fresh copy of the tree.
The sh blocks of a page share one session. A following block that says `output` is the expected output; `…` in it matches
anything, and on a line of its own any lines.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.support import node

FENCE = re.compile(r"^```(?P<words>[^\n`]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_LINES = r"(?:.*\n)*?"
LANGUAGES = ("sh", "python", "js")
SECONDS = 60
# A status of 400 or more is a failure, so that a wrong URL is noticed.
SH = 'curl() { command curl --fail-with-body "$@"; }\n'
PYTHON = 'import os\nBASE, TOKEN = os.environ["BASE"], os.environ["TOKEN"]\n'
JS = "const { BASE, TOKEN } = process.env\n"
EVENT_SOURCE = Path(__file__).parent / "event_source.mjs"


@dataclass(frozen=True)
class Snippet:
    """A block of a page; `output` is empty if the page does not state the output."""

    page: str
    line: int
    language: str
    words: tuple[str, ...]
    text: str
    output: str | None = None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def snippets(path: Path, page: str = "") -> Iterator[Snippet]:
    """Yields every block in a language that can be run, with its output if that follows."""
    source = path.read_text("utf-8")
    found = list(FENCE.finditer(source))
    for block, following in pairwise([*found, None]):
        assert block
        language, *words = block["words"].split()
        if language in LANGUAGES:
            is_output = following is not None and "output" in following["words"].split()
            between = source[block.end() : following.start()].strip() if following else "nothing"
            output = following["text"] if following and is_output and not between else None
            line = source.count("\n", 0, block.start()) + 1
            yield Snippet(page or path.name, line, language, tuple(words), block["text"], output)


def run(found: list[Snippet], folder: Path, environ: Mapping[str, str]) -> list[str]:
    """Runs them in order and returns descriptions of the failures."""
    shell = [snippet for snippet in found if snippet.language == "sh"]
    told = _in_one_shell(shell, folder, environ) if shell and shutil.which("curl") else []
    for snippet in found:
        if snippet.language != "sh":
            told.append((snippet, *_alone(snippet, folder, environ)))
    return [words for snippet, status, printed in told if (words := objection(snippet, status, printed))]


def objection(snippet: Snippet, status: int, printed: str) -> str:
    if status:
        return f"{snippet.place} failed with {status}:\n{printed[-1500:]}"
    if snippet.output is not None and not matches(printed, snippet.output):
        return f"{snippet.place} printed:\n{printed[-1500:]}\nand not:\n{snippet.output}"
    return ""


def matches(printed: str, said: str) -> bool:
    """Returns whether the output matches what the page states."""
    lines = [ANY_LINES if line == "…" else f"{'.*'.join(map(re.escape, line.split('…')))}\n" for line in said.strip().split("\n")]
    return re.fullmatch("".join(lines), f"{printed.strip()}\n") is not None


def _in_one_shell(found: list[Snippet], folder: Path, environ: Mapping[str, str]) -> list[tuple[Snippet, int, str]]:
    """Runs them in one shell session, which ends at the first failure."""
    script = "".join(f"exec >{number}.out 2>{number}.err\n{snippet.text}\n" for number, snippet in enumerate(found))
    command = ["bash", "-eu", "-o", "pipefail", "-c", SH + script]
    done = subprocess.run(command, cwd=folder, env={**environ}, timeout=SECONDS, stdin=subprocess.DEVNULL)
    ran = [snippet for number, snippet in enumerate(found) if (folder / f"{number}.out").exists()]
    statuses = [0] * (len(ran) - 1) + [done.returncode]
    kinds = [("out", "err") if status else ("out",) for status in statuses]
    printed = ["".join((folder / f"{number}.{kind}").read_text() for kind in names) for number, names in enumerate(kinds)]
    return list(zip(ran, statuses, printed, strict=True))


def _alone(snippet: Snippet, folder: Path, environ: Mapping[str, str]) -> tuple[int, str]:
    file = folder / f"{snippet.line}.{'py' if snippet.language == 'python' else 'mjs'}"
    file.write_text((PYTHON if snippet.language == "python" else JS) + snippet.text, "utf-8")
    command = [sys.executable, str(file)] if snippet.language == "python" else node_command(file)
    return printed_by(command, folder, environ)


def node_command(file: Path) -> list[str]:
    found = shutil.which("node")
    return [*([found] if found else node.WHEEL), "--import", str(EVENT_SOURCE), str(file)]


def printed_by(command: list[str], folder: Path, environ: Mapping[str, str]) -> tuple[int, str]:
    """Returns the status of a program and its output, with its errors if it failed."""
    done = subprocess.run(
        command, cwd=folder, env={**environ}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
    )
    return done.returncode, done.stdout + (done.stderr if done.returncode else "")


def environment(base: str, token: str) -> dict[str, str]:
    """Returns the environment of a reader's shell: only the two variables are ours. No proxy is used."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "BASE": base, "TOKEN": token, "PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "*"}
