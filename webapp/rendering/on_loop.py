"""Where rendering runs what takes a lock, such as an import or a line for the log: the application names the runner. Pure."""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
# The event loop, for texts that are rendered in a thread (`webapp/base/heavy/threads.py`).
_runners: list[Callable[[Callable[[], Any]], Any]] = []


def run_by(runner: Callable[[Callable[[], Any]], Any]) -> None:
    """Makes this function run everything that takes a lock from now on."""
    _runners[:] = [runner]


def run(locking: Callable[[], T]) -> T:
    return _runners[0](locking) if _runners else locking()
