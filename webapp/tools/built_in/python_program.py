"""Runs a Python program in the small interpreter, in a child process that can be killed with it.

The interpreter reaches nothing but the files that it is given, in memory, and limits time, memory and depth itself.
"""

import json
from collections.abc import Iterator
from typing import IO, Any

from pydantic_monty import MemoryFile, Monty, MontyError, MontyRuntimeError, MontySyntaxError, OSAccess, ResourceLimits

SECONDS, MEMORY_BYTES, DEPTH = 10.0, 128 * 1024 * 1024, 500
MOST_CHARS, MOST_VALUE_CHARS, MOST_CALLS = 40_000, 20_000, 2_000
MOST_FILES, MOST_FILE_BYTES = 10, 4 * 1024 * 1024
LIMITS = ResourceLimits(
    max_feed_duration_secs=SECONDS,
    max_memory=MEMORY_BYTES,
    max_recursion_depth=DEPTH,
    max_suspensions=MOST_CALLS,
    max_total_sleep_secs=1.0,
)
TOO_LONG = "(a value that is too long to be shown)"


class _Output:
    """What the program prints, up to the limit."""

    def __init__(self) -> None:
        self._pieces, self._chars, self.is_cut = list[str](), 0, False

    def add(self, _stream: str, text: str) -> None:
        piece = text[: MOST_CHARS - self._chars]
        self._pieces.append(piece)
        self._chars += len(piece)
        self.is_cut = self.is_cut or len(piece) < len(text)

    @property
    def text(self) -> str:
        return "".join(self._pieces)


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yields what the program printed, its last value or its error, and the texts of the files that it wrote."""
    asked = json.loads(file.read())
    files = OSAccess([MemoryFile(f"/{name}", text) for name, text in asked["files"].items()], max_sleep=1)
    output, value, error = _Output(), "", ""
    try:
        with Monty(max_processes=1) as pool, pool.checkout(limits=LIMITS) as session:
            result = session.feed_run(asked["code"], print_callback=output.add, os=files)
            value = "" if result is None else _shown(result)
    except (MontyRuntimeError, MontySyntaxError) as failure:
        error = failure.display()[-MOST_VALUE_CHARS:]
    except MontyError as failure:
        error = str(failure)[:MOST_VALUE_CHARS]
    yield {
        "output": output.text,
        "is_cut": output.is_cut,
        "value": value,
        "error": error,
        "files": _written(files, asked["files"]),
    }


def _shown(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else repr(value)
    except (ValueError, RecursionError):
        # Numbers of more than 4,300 digits, and depths.
        return TOO_LONG
    return text if len(text) <= MOST_VALUE_CHARS else f"{text[:MOST_VALUE_CHARS]}…"


def _written(files: OSAccess, given: dict[str, str]) -> dict[str, str]:
    texts, left = dict[str, str](), MOST_FILE_BYTES
    for file in files.files:
        name, content = str(file.path).lstrip("/").replace("/", "-"), file.read_content()
        text = content if isinstance(content, str) else content.decode("utf-8", "replace")
        if not file.deleted and text != given.get(name) and len(texts) < MOST_FILES and len(text) <= left:
            texts[name] = text
            left -= len(text)
    return texts
