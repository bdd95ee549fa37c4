"""A PostgreSQL connection pool that retries while the database is restarting or has no connections left, not when it refuses."""

import threading
import time
from typing import Any

from sqlalchemy import PoolProxiedConnection, QueuePool

PATIENCE_SECONDS = 4.0
AGAIN_SECONDS = 0.1
# Concurrent retries: PostgreSQL starts a process for each attempt, even if it refuses the connection.
MOST_RETRIES = 2
# What no further attempt changes, in the words of PostgreSQL and libpq: the driver has no codes for connections that fail.
FINAL = (
    *("authentication failed", "no password supplied", "is not permitted to log in", "does not exist"),
    *("no pg_hba.conf entry", "permission denied for database", "does not support SSL", "certificate verify failed"),
)


class RetryingPool(QueuePool):
    """Retries a refused connection for a while; each retry first tries to reuse one that was returned to the pool."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._retries = threading.BoundedSemaphore(MOST_RETRIES)

    def connect(self) -> PoolProxiedConnection:
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            return super().connect()
        except self._error_type as error:
            if any(words in str(error) for words in FINAL):
                raise
            return self._retry_until(deadline, error)

    @property
    def _error_type(self) -> type[Exception]:
        kind: type[Exception] = self._dialect.loaded_dbapi.OperationalError  # type: ignore[union-attr]
        return kind

    def _retry_until(self, deadline: float, error: Exception) -> PoolProxiedConnection:
        while self._retries.acquire(timeout=max(0.0, deadline - time.monotonic())):
            try:
                return super().connect()
            except self._error_type as again:
                error = again
                time.sleep(AGAIN_SECONDS)
            finally:
                self._retries.release()
            if time.monotonic() >= deadline:
                break
        raise error
