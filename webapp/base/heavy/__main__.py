"""The child process: sets its limits, reads a file with one pure module and sends the results, piece by piece.

`python -m webapp.base.heavy MODULE MEMORY_BYTES CPU_SECONDS [ABOUT] < file`. It inherits no environment variables and no open
files but stdin, stdout and stderr, and imports nothing but the module, so that it starts in less than a tenth of a second.
"""

import os
import resource
import sys
import traceback
from importlib import import_module
from types import TracebackType

from webapp.base.heavy import charsets, frames

NICENESS = 10


def main(module: str, memory_bytes: int, cpu_seconds: int, *about: str) -> None:
    # Imported first: the limits are for the work, not for loading our own code.
    pieces = import_module(module).pieces
    charsets.refuse_slow()
    _limit(memory_bytes, cpu_seconds)
    try:
        for piece in pieces(sys.stdin.buffer, *about):
            frames.write(sys.stdout.buffer, [frames.FOUND, piece])
    except MemoryError:
        frames.write(sys.stdout.buffer, [frames.MEMORY, ""])
    else:
        frames.write(sys.stdout.buffer, [frames.WHOLE, ""])


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    # Requests that people wait for have priority.
    os.nice(NICENESS)
    # One second between soft and hard CPU limit, for the signal that lets the process end by itself.
    for kind, soft, hard in (
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(kind, (soft, hard))


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Sends the traceback of a bug as the last piece, so that it appears in the server's log, in its format."""
    if not issubclass(kind, BrokenPipeError):
        frames.write(
            sys.stdout.buffer, [frames.FAULT, "".join(traceback.format_exception(kind, error, trace, limit=-20))[-4000:]]
        )


if __name__ == "__main__":
    sys.excepthook = _report
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
