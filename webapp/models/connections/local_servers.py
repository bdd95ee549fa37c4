"""Finds model servers on this machine: by itself until there is a connection, and when an admin asks."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from webapp.base.current import PerApp, the_config
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import live_connections
from webapp.models.connections.providers import providers
from webapp.models.connections.usual_servers import THIS_HOST, names_by_address
from webapp.models.providers.base import ProviderError
from webapp.models.providers.openai import models_of
from webapp.models.upstream import Upstream, all_at_once

# Of a container, the machine that it runs on.
MACHINE = "host.docker.internal"
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
LOOK_EVERY_SECONDS = 60.0
# A page waits for it.
SEARCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that lists its models."""

    name: str
    address: str
    models: tuple[str, ...]


@dataclass
class LocalServers:
    """The usual addresses on this machine, asked all at once; `first` are those that are asked unasked."""

    upstream: Upstream
    names: Mapping[str, str]
    first: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], float] = time.monotonic
    patience_seconds: float = SEARCH_SECONDS
    _looked_at: float = field(default=float("-inf"), init=False)
    _found: list[FoundServer] = field(default_factory=list, init=False)

    def first_look(self) -> list[FoundServer]:
        """Returns what was found at most a minute ago; nothing, and without asking, once there is a connection."""
        if not self.first or the_connections().usable():
            return []
        if self.now() - self._looked_at >= LOOK_EVERY_SECONDS:
            # Set before, so that concurrent requests don't wait for another look.
            self._looked_at = self.now()
            self._found = self._answering(self.first)
        return self._found

    def search(self) -> list[FoundServer]:
        """Returns the servers that list models and aren't connected yet."""
        return self._answering({address: name for address, name in self.names.items() if not is_connected(address)})

    def _answering(self, names: Mapping[str, str]) -> list[FoundServer]:
        replies = all_at_once([partial(_models_at, address, self.upstream, self.patience_seconds) for address in names])
        answers = zip(names.items(), replies, strict=True)
        return [FoundServer(name, address, models) for (address, name), models in answers if models]


def _usual() -> LocalServers:
    """Returns the addresses of the computer: in a container, also those of the machine that it runs on."""
    is_contained = any(mark.exists() for mark in CONTAINER_MARKS)
    names, named = names_by_address((THIS_HOST, MACHINE) if is_contained else (THIS_HOST,)), the_config().local_engines
    first = names if named is None else {address: names.get(address) or urlsplit(address).netloc for address in named}
    return LocalServers(providers().upstream, names, first)


LOCAL_SERVERS = PerApp(_usual)


def is_connected(address: str) -> bool:
    """Returns whether a usable connection to this address exists."""
    server = urlsplit(address).netloc
    same = {server, server.replace(THIS_HOST, "localhost")}
    return any(connection.host in same and connection.is_usable for connection in live_connections())


def _models_at(address: str, upstream: Upstream, seconds: float) -> tuple[str, ...]:
    headers = {"Accept": "application/json"}
    try:
        answer = upstream.json("GET", f"{address}/models", headers=headers, seconds=seconds, trust="operator")
    except ProviderError:
        return ()
    return tuple(model.id for model in models_of(answer.value))
