"""Whether the workers that share a Redis have in common what they must."""

import logging
from collections.abc import Callable
from contextlib import suppress

from .common import UNLIKE, Common, differing, read, written
from .redis_link import Gone, Link

log = logging.getLogger("streaming:redis")


class Agreement:
    """`differs` names the variable that others have set otherwise, as far as anybody could say so far."""

    def __init__(self, link: Link, mine: Callable[[], Common]) -> None:
        self._link, self._mine = link, mine
        self.differs = ""

    def look(self) -> None:
        """Tells the others, for a minute, unless they have said otherwise, which is logged once; raises `Gone`."""
        before = self.differs
        self._compare()
        if self.differs and self.differs != before:
            log.error(UNLIKE.format(self.differs))

    def looked(self) -> str:
        """What differs at this moment; where Redis does not answer, what did so before."""
        with suppress(Gone):
            self._compare()
        return self.differs

    def _compare(self) -> None:
        mine = self._mine()
        self.differs = differing(mine, read(self._link.common(written(mine))))
        if not self.differs:
            self._link.renew_common(written(mine))
