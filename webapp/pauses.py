"""Detects pauses of the whole process: stopped in its terminal, frozen with its container, or suspended with its machine."""

import time
from collections.abc import Callable

# A busy machine delays a check by less.
NOTICED_SECONDS = 2.0
# After a pause, the others need time to do what they could not do during it.
SPARED_SECONDS = 20.0


class Pauses:
    """Detects a pause by a late check; call `were_there` at each check of something that should have made progress."""

    def __init__(self, usual_seconds: float, now: Callable[[], float]) -> None:
        self._usual, self._now, self._checked_at = usual_seconds, now, now()

    def were_there(self) -> bool:
        """Returns whether the process was paused since the last check, so that nothing in it could have made progress."""
        before, self._checked_at = self._checked_at, self._now()
        return self._checked_at - before > self._usual + NOTICED_SECONDS


def sparing(check: Callable[[], None], usual_seconds: float, now: Callable[[], float] = time.monotonic) -> Callable[[], None]:
    """Wraps a periodic check so that it is skipped for a while after a pause."""
    pauses, spared_until = Pauses(usual_seconds, now), 0.0

    def check_unless_paused() -> None:
        nonlocal spared_until
        if pauses.were_there():
            spared_until = now() + SPARED_SECONDS
        if now() >= spared_until:
            check()

    return check_unless_paused
