"""A PostgreSQL connection pool that retries while the database is restarting or has no connections left."""

import threading
import time
from typing import Any

from sqlalchemy import PoolProxiedConnection, QueuePool

PATIENCE_SECONDS = 4.0
AGAIN_SECONDS = 0.1
# Concurrent retries: PostgreSQL starts a process for each attempt, even if it refuses the connection.
ASKING = 2


class PatientPool(QueuePool):
    """Retries a refused connection for a while; each retry first tries to reuse one that was returned to the pool."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self._line = threading.BoundedSemaphore(ASKING)

    def connect(self) -> PoolProxiedConnection:
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            return super().connect()
        except self._refusal as refusal:
            return self._connected_by(deadline, refusal)

    @property
    def _refusal(self) -> type[Exception]:
        kind: type[Exception] = self._dialect.loaded_dbapi.OperationalError  # type: ignore[union-attr]
        return kind

    def _connected_by(self, deadline: float, refusal: Exception) -> PoolProxiedConnection:
        while self._line.acquire(timeout=max(0.0, deadline - time.monotonic())):
            try:
                return super().connect()
            except self._refusal as again:
                refusal = again
                time.sleep(AGAIN_SECONDS)
            finally:
                self._line.release()
            if time.monotonic() >= deadline:
                break
        raise refusal
