"""Parses files from others in a child process: limited in memory, CPU and time, and killed at the end."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryFile
from threading import Timer
from typing import IO, Any

from webapp.base.config import ROOT
from webapp.base.errors import Invalid
from webapp.base.heavy import frames
from webapp.base.heavy.turns import by_turns
from webapp.base.heavy.work_limiter import WorkLimiter, whose
from webapp.streaming.stop import Stop

MOST_CHILDREN = 2
COPIED_BYTES = 256 * 1024
TOO_MUCH = "It needs too much memory or time to read."
BUSY = "Other files are being read right now. Try again in a few seconds."
log = logging.getLogger("web:heavy")
# Long work leaves the slots alone that people wait for, and one person has one of each at a time.
_short = WorkLimiter(most=MOST_CHILDREN, most_each=1, busy=BUSY)
_long = WorkLimiter(most=MOST_CHILDREN, most_each=1, busy=BUSY)


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """The limits of one piece of work, and how long it waits for its turn. Memory counts as address space.

    Work that `is_admitted` waits for no turn: its caller has a limiter of its own.
    """

    memory_bytes: int = 768 * 1024 * 1024
    cpu_seconds: int = 30
    wall_seconds: float = 300.0
    patience_seconds: float = 5.0
    is_long: bool = True
    is_admitted: bool = False


# What a person waits for; the turn comes after two others at the latest have used up their time. On a busy machine a child gets
# its processor last, so it can take longer than its time there.
SMALL = WorkLimits(memory_bytes=640 * 1024 * 1024, cpu_seconds=8, wall_seconds=30, patience_seconds=15, is_long=False)


class Exceeded(Exception):
    """The work exceeded its memory or time, so there are no more results."""


class ChildCrashed(Exception):
    """The child failed through a bug of our own."""


def pieces(
    module: str,
    file: IO[bytes],
    limits: WorkLimits | None = None,
    *,
    stop: Stop | None = None,
    owner_id: str = "",
    about: str = "",
) -> Generator[Any, None, None]:
    """Yields what a pure module's `pieces(file)` yields, from a child process, which ends when the caller stops reading.

    With `about`, a few words of ours for the module, it is `pieces(file, about)`.

    At most two with long work run simultaneously, and two that people wait for, of one person one each; the next waits and is
    then refused. Work in the background names its owner. `stop` kills it, which ends like a limit.
    Close it: `with closing(pieces(...))`.
    """
    limits = limits or WorkLimits()
    slots = _long if limits.is_long else _short
    person = owner_id or whose()
    admission = nullcontext() if limits.is_admitted else slots.entered(person, patience_seconds=limits.patience_seconds)
    with admission, _running(module, file, limits, about) as process, _killed_by(stop, process):
        assert process.stdout
        try:
            for kind, value in frames.read(process.stdout):
                if kind == frames.FOUND:
                    yield value
                elif kind == frames.WHOLE:
                    return
                elif kind == frames.FAULT:
                    log.error("heavy_work_failed", extra={"fields": {"module": module, "trace": value}})
                    raise ChildCrashed(module)
                else:
                    break
        except frames.BadFrame as error:
            raise Exceeded from error
        # It was killed, or ended itself, through the memory, CPU or time limit.
        raise Exceeded


@contextmanager
def short(module: str, stream: IO[bytes], *, head: bytes = b"") -> Iterator[Iterator[Any]]:
    """Yields the pieces of a stream that a person waits for, after `head`."""
    with on_disk(stream, head=head) as file, closing(pieces(module, file, SMALL)) as piece_iterator:
        yield piece_iterator


def read_one(module: str, stream: IO[bytes]) -> dict[str, Any]:
    """Returns the one piece of a small file; raises `Invalid` if that reports `trouble`, or if reading takes too much."""
    with short(module, stream) as piece_iterator:
        try:
            piece: dict[str, Any] = next(piece_iterator)
        except Exceeded as error:
            raise Invalid(TOO_MUCH, field="file") from error
    if "trouble" in piece:
        raise Invalid(piece["trouble"], field="file")
    return piece


@contextmanager
def on_disk(stream: IO[bytes], *, head: bytes = b"") -> Iterator[IO[bytes]]:
    """Copies a stream, after `head`, to an unnamed temporary file that a child process can read and seek in."""
    with TemporaryFile() as file:
        file.write(head)
        for chunk in by_turns(iter(lambda: stream.read(COPIED_BYTES), b"")):
            file.write(chunk)
        file.flush()
        yield file


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Until it has been waited for, no other group can have its number.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _killed_by(stop: Stop | None, process: subprocess.Popen[bytes]) -> AbstractContextManager[None]:
    # `stop` is false until it stops.
    return nullcontext() if stop is None else stop.aborting(partial(_kill, process))


@contextmanager
def _running(module: str, file: IO[bytes], limits: WorkLimits, about: str) -> Iterator[subprocess.Popen[bytes]]:
    # Within Python's read buffer, `seek` does not move the file descriptor's offset, which the child inherits.
    file.seek(0)
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    command = [sys.executable, "-E", "-s", "-m", "webapp.base.heavy", module, str(limits.memory_bytes), str(limits.cpu_seconds)]
    command += [about] if about else []
    # No environment variables: a child process needs no secrets.
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={},
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # A group of its own, so that what it starts ends with it.
        process_group=0,
    )
    clock = Timer(limits.wall_seconds, _kill, [process])
    clock.start()
    try:
        yield process
    finally:
        clock.cancel()
        _kill(process)
        process.wait()
        if process.stdout:
            process.stdout.close()
