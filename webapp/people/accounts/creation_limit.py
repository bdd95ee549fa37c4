"""The rate limit on creating objects: chats, characters, imports and tokens share one per person."""

import math
import time
from collections.abc import Callable, Iterable

from webapp.base.current import BUCKETS, PerApp
from webapp.base.errors import TooMany
from webapp.base.throttle import Throttle
from webapp.base.words import plural

# The limits per minute and bursts that a person's creations count towards, by whose they are.
LIMITS = PerApp[Callable[[str], Iterable[tuple[str, int, int]]]]()
THROTTLE = PerApp(lambda: Throttle(burst=1, seconds=1.0, now=time.monotonic, name="making"))


def count(person: str) -> None:
    """Counts a new object towards the limits of a person or an address; raises TooMany above one of them."""
    throttle, buckets = THROTTLE.get(), BUCKETS.get()
    taken = list[tuple[str, float]]()
    # The API, a later room, sets them.
    for whose, per_minute, burst in LIMITS.get()(person):
        if not per_minute:
            continue
        throttle.burst, throttle.seconds = burst, 60 / per_minute
        if wait_seconds := math.ceil(throttle.take(whose, buckets)):
            for key, throttle.seconds in taken:
                throttle.give_back(key, buckets)
            raise TooMany(
                f"You're creating items too quickly. Please try again in {plural(wait_seconds, 'second')}.",
                retry_after=wait_seconds,
            )
        taken.append((whose, throttle.seconds))
