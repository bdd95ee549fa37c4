"""Whether this process stood still as a whole: stopped in its terminal, frozen with its container, or with its machine."""

import time
from collections.abc import Callable

# A busy machine is late by less.
NOTICED_SECONDS = 2.0
# What has been woken must have time to do what it could not.
SPARED_SECONDS = 20.0


class Pauses:
    """Asked at each look at something that should have moved."""

    def __init__(self, usual_seconds: float, now: Callable[[], float]) -> None:
        self._usual, self._now, self._looked_at = usual_seconds, now, now()

    def were_there(self) -> bool:
        """Whether nobody could have moved, as nobody could have looked, since the look before."""
        before, self._looked_at = self._looked_at, self._now()
        return self._looked_at - before > self._usual + NOTICED_SECONDS


def sparing(look: Callable[[], None], usual_seconds: float, now: Callable[[], float] = time.monotonic) -> Callable[[], None]:
    """A look that lets everybody be for a while after a pause."""
    pauses, spared_until = Pauses(usual_seconds, now), 0.0

    def spare_or_look() -> None:
        nonlocal spared_until
        if pauses.were_there():
            spared_until = now() + SPARED_SECONDS
        if now() >= spared_until:
            look()

    return spare_or_look
