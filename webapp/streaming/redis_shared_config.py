"""Checks that the workers that share a Redis agree on the config that they must share."""

import logging
from collections.abc import Callable
from contextlib import suppress

from .redis_link import Link, RedisUnavailable
from .shared_config import UNLIKE, SharedConfig, differing, read, written

log = logging.getLogger("streaming:redis")


class Agreement:
    """`differs` names the variable that other workers have set to another value, as far as known."""

    def __init__(self, link: Link, mine: Callable[[], SharedConfig]) -> None:
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
