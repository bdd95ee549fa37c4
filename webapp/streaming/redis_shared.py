"""What workers count and compare through Redis: rate limits, open streams, and the config they must share."""

import itertools
import logging
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

from .redis_link import RedisLink, RedisUnavailable
from .shared_config import UNLIKE, SharedConfig, differing, read, written

LOSE = "lose"
log = logging.getLogger("streaming:redis")


class WatcherLimit:
    """The slots of watchers. Without Redis every worker counts by itself; slots of dead workers are the oldest and go first."""

    def __init__(self, link: RedisLink, worker: str, is_connected: Callable[[], bool]) -> None:
        self._link, self._worker, self._is_connected = link, worker, is_connected
        self._numbers = itertools.count(1)
        self._here: dict[str, Callable[[], None]] = {}

    def enter(self, key: str, limit: int, revoke: Callable[[], None]) -> str:
        """Takes one of `limit` slots and returns its name; `revoke` is called when a newer watcher takes it over."""
        name = f"{self._worker}.{next(self._numbers)}"
        self._here[name] = revoke
        if self._is_connected():
            # The blocking read will detect that Redis is gone, too.
            with suppress(RedisUnavailable):
                for lost in self._link.enter(_hidden(key), name, limit):
                    self._link.send(lost.partition(".")[0], {LOSE: lost})
        return name

    def leave(self, key: str, name: str) -> None:
        del self._here[name]
        if self._is_connected():
            with suppress(RedisUnavailable):
                self._link.leave(_hidden(key), name)

    def has(self, key: str) -> bool:
        """Returns whether any worker has given a slot; without Redis, nothing is known of the others."""
        with suppress(RedisUnavailable):
            return self._is_connected() and self._link.count(_hidden(key)) > 0
        return False

    def revoke(self, name: str) -> None:
        """Gives up a slot that a watcher in another worker has taken over."""
        if lose := self._here.get(name):
            lose()


def _hidden(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:32]


class Buckets:
    """Token buckets in Redis; methods return None if Redis is not available, and then every worker counts by itself."""

    def __init__(self, link: RedisLink, is_connected: Callable[[], bool]) -> None:
        self._link, self._is_connected = link, is_connected

    def take(self, bucket: str, *, burst: int, seconds: float) -> tuple[float, float] | None:
        """Takes a token; returns the seconds until one is available, 0 if it was, and those until the bucket is full."""
        return self._take(bucket, burst, seconds)

    def give_back(self, bucket: str, *, seconds: float) -> None:
        """Returns the token that was taken last."""
        self._take(bucket, 0, seconds)

    def _take(self, bucket: str, burst: int, seconds: float) -> tuple[float, float] | None:
        if not self._is_connected():
            return None
        try:
            # Hashed, as a bucket's name can contain a person's address, which must not be stored in Redis.
            return self._link.take(sha256(bucket.encode()).hexdigest()[:32], burst=burst, seconds=seconds)
        except RedisUnavailable:
            return None


class Agreement:
    """`differs` names the variable that other workers have set to another value, as far as known."""

    def __init__(self, link: RedisLink, mine: Callable[[], SharedConfig]) -> None:
        self._link, self._mine = link, mine
        self.differs = ""

    def check(self) -> None:
        """Compares with the other workers, and publishes its values for a minute if they agree; else logs that once.

        Raises `RedisUnavailable`.
        """
        before = self.differs
        self._compare()
        if self.differs and self.differs != before:
            log.error(UNLIKE.format(self.differs))

    def current_difference(self) -> str:
        """Returns what differs now; without Redis, what differed before."""
        with suppress(RedisUnavailable):
            self._compare()
        return self.differs

    def _compare(self) -> None:
        mine = self._mine()
        self.differs = differing(mine, read(self._link.shared_config(written(mine))))
        if not self.differs:
            self._link.renew_shared_config(written(mine))
