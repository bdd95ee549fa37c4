"""Measures how late this machine wakes sleeping threads: that delay is part of every figure of a drill."""

import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

NAP_SECONDS = 0.005
# Smaller delays occur in every sleep and are ignored.
NOTICED_MS = 2.0
# A delay long before the signal cannot have cost any of the last words.
REMEMBERED_SECONDS = 0.6


class Lateness:
    """A context manager that measures in a thread; `late_ms` covers the last moments."""

    def __init__(self) -> None:
        self._late_ms: deque[float] = deque(maxlen=int(REMEMBERED_SECONDS / NAP_SECONDS))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def late_ms(self) -> float:
        """The sum of the delays in the last moments, since repeated delays add up."""
        return sum(late for late in self._late_ms if late > NOTICED_MS)

    def _measure(self) -> None:
        while not self._is_over.is_set():
            due = time.monotonic() + NAP_SECONDS
            time.sleep(NAP_SECONDS)
            self._late_ms.append((time.monotonic() - due) * 1000)
