"""Detects pauses of the whole process: stopped in its terminal, or suspended with its container or machine. Pure."""

import time
from collections.abc import Callable

# A busy machine delays a check by less.
NOTICED_SECONDS = 2.0
# After a pause, the others need time to do what they could not do during it.
SKIPPED_SECONDS = 20.0


class PauseDetector:
    """Detects a pause by a late check; call `was_paused` at each check of something that should have made progress."""

    def __init__(self, usual_seconds: float, now: Callable[[], float]) -> None:
        self._usual, self._now, self._checked_at = usual_seconds, now, now()

    def was_paused(self) -> bool:
        """Returns whether the process was paused since the last check, so that nothing in it could have made progress."""
        before, self._checked_at = self._checked_at, self._now()
        return self._checked_at - before > self._usual + NOTICED_SECONDS


def skipped_after_pause(
    check: Callable[[], None], usual_seconds: float, now: Callable[[], float] = time.monotonic
) -> Callable[[], None]:
    """Wraps a periodic check so that it is skipped for a while after a pause."""
    detector, skipped_until = PauseDetector(usual_seconds, now), 0.0

    def check_unless_paused() -> None:
        nonlocal skipped_until
        if detector.was_paused():
            skipped_until = now() + SKIPPED_SECONDS
        if now() >= skipped_until:
            check()

    return check_unless_paused
