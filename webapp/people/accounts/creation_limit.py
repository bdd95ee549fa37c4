"""The rate limit on creating objects: chats, characters, imports and tokens share one per person."""

import math
import time

from flask import current_app

from webapp.base.errors import TooMany
from webapp.base.throttle import Throttle
from webapp.base.words import plural


def count(person: str) -> None:
    """Counts a new object towards the limits of a person or an address; raises TooMany above one of them."""
    throttle, buckets = _throttle(), current_app.extensions["buckets"]
    taken = list[tuple[str, float]]()
    # `settings` is a later feature and cannot be imported here, so the limits come through the app's extensions.
    for whose, per_minute, burst in current_app.extensions["made_limits"](person):
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


def _throttle() -> Throttle:
    made = Throttle(burst=1, seconds=1.0, now=time.monotonic, name="making")
    throttle: Throttle = current_app.extensions.setdefault("making", made)
    return throttle
