"""Limits the open connections of each address, and of each caller who has signed in on theirs."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from webapp.base.throttle import network

SENTENCE = "Your address has too many open connections to this server. Close some pages, or try again in a few seconds."
RETRY_SECONDS = 5
# Where a connection that came through a proxy is found: the socket is the proxy's.
CONNECTION = "millrace.connection"


class ClientConnection:
    """A connection, which counts towards the limit of its address until a caller signs in on it, and then towards theirs.

    Above the limit of its address it counts towards none, is `is_excess`, and must be closed unless a caller signs in on it.
    """

    def __init__(self, limiter: "ConnectionLimiter", address: str) -> None:
        self.address, self._limiter, self._counted_as = network(address), limiter, ""

    @property
    def is_excess(self) -> bool:
        return not self._counted_as

    def is_counted_as(self, whose: str) -> bool:
        return self._counted_as == whose

    def count_as(self, whose: str, most: int) -> None:
        """Counts it as theirs from now on, unless they have `most` already, where 0 is no limit."""
        if whose != self._counted_as and self._limiter.has_room(whose, most):
            self.leave()
            self._limiter.open[whose] += 1
            self._counted_as = whose

    def leave(self) -> None:
        """Counts it no more."""
        if self._counted_as:
            self._limiter.open -= Counter((self._counted_as,))
            self._counted_as = ""


class ConnectionLimiter:
    """Counts open connections; `most` returns the current limit of an address, and 0 means no limit."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self.open: Counter[str] = Counter()
        self._by_socket: dict[Any, ClientConnection] = {}

    @contextmanager
    def entered(self, address: str, socket: Any = None) -> Iterator[ClientConnection]:
        """Counts a connection until the block ends, as far as the limit of its address allows."""
        connection = ClientConnection(self, address)
        self.count(connection)
        if socket:
            self._by_socket[socket] = connection
        try:
            yield connection
        finally:
            self._by_socket.pop(socket, None)
            connection.leave()

    def count(self, connection: ClientConnection) -> None:
        """Counts a connection as its address's, if there is room."""
        connection.count_as(connection.address, self._most())

    def has_room(self, whose: str, most: int) -> bool:
        return not most or self.open[whose] < most

    def connection_of(self, environ: Mapping[str, Any]) -> ClientConnection | None:
        """Returns the connection of a request; None if it is not counted."""
        return environ.get(CONNECTION) or self._by_socket.get(environ.get("gunicorn.socket"))
