"""Token buckets for rate limits, shared by all workers and updated atomically."""

from collections.abc import Callable
from hashlib import sha256

from .redis_link import Link, RedisUnavailable


class Buckets:
    """Token buckets in Redis; methods return None if Redis is not available, and then every worker counts by itself."""

    def __init__(self, link: Link, is_connected: Callable[[], bool]) -> None:
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
