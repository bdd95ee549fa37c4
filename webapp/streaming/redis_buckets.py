"""Buckets of tries that all workers share, each taken from in one step."""

from collections.abc import Callable
from hashlib import sha256

from .redis_link import Gone, Link


class Buckets:
    """Gives None where Redis does not answer: then every worker counts for itself."""

    def __init__(self, link: Link, is_connected: Callable[[], bool]) -> None:
        self._link, self._is_connected = link, is_connected

    def take(self, bucket: str, *, burst: int, seconds: float) -> tuple[float, float] | None:
        """Takes a try; gives the seconds until there is one, 0 if there was, and those until the bucket is full."""
        return self._asked(bucket, burst, seconds)

    def give_back(self, bucket: str, *, seconds: float) -> None:
        """The try that was taken last is there again."""
        self._asked(bucket, 0, seconds)

    def _asked(self, bucket: str, burst: int, seconds: float) -> tuple[float, float] | None:
        if not self._is_connected():
            return None
        try:
            # A bucket may be named after a person's address: that is nobody's business there.
            return self._link.take(sha256(bucket.encode()).hexdigest()[:32], burst=burst, seconds=seconds)
        except Gone:
            return None
