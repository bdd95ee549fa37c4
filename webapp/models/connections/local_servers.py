"""Finds model servers on this machine: Ollama by itself, the other usual ones when an admin asks."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from webapp.base.audit import AuditAuthor
from webapp.base.errors import Conflict
from webapp.models.connections.effective import live_connections
from webapp.models.connections.service import ConnectionInput, create
from webapp.models.connections.usual_servers import BY_SLUG, names_by_address
from webapp.models.providers.base import ProviderError
from webapp.models.providers.openai import models_of
from webapp.models.upstream import Upstream, all_at_once

ADDRESS = BY_SLUG["ollama"].base_url
NAME = "Ollama on this machine"
PROBE_EVERY_SECONDS = 60.0
# The list of connections waits for Ollama, so no longer than this.
PATIENCE_SECONDS = 0.5
# For one who has asked.
SEARCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that lists its models."""

    name: str
    address: str
    models: tuple[str, ...]


@dataclass
class OllamaProbe:
    """Probes for Ollama on this machine, with a short timeout and at most once a minute."""

    upstream: Upstream
    address: str = ADDRESS
    now: Callable[[], float] = time.monotonic
    patience_seconds: float = PATIENCE_SECONDS
    _seen_at: float = field(default=float("-inf"), init=False)
    _models: tuple[str, ...] = field(default=(), init=False)

    def models(self) -> tuple[str, ...]:
        """Returns the names of its models at the last probe; none if it did not respond."""
        if self.now() - self._seen_at >= PROBE_EVERY_SECONDS:
            # Set before the probe, so that concurrent requests do not wait for another one.
            self._seen_at = self.now()
            self._models = _models_at(self.address, self.upstream, self.patience_seconds)
        return self._models


@dataclass
class LocalServers:
    """The usual addresses on this machine, asked all at once."""

    upstream: Upstream
    names: Mapping[str, str] = field(default_factory=names_by_address)
    patience_seconds: float = SEARCH_SECONDS

    def search(self) -> list[FoundServer]:
        """Returns the servers that list models and aren't connected yet."""
        addresses = [address for address in self.names if not is_connected(address)]
        replies = all_at_once([partial(_models_at, address, self.upstream, self.patience_seconds) for address in addresses])
        return [
            FoundServer(self.names[address], address, models)
            for address, models in zip(addresses, replies, strict=True)
            if models
        ]


def is_connected(address: str) -> bool:
    """Returns whether a usable connection to this address exists."""
    server = urlsplit(address).netloc
    same = {server, server.replace("127.0.0.1", "localhost")}
    return any(connection.host in same and connection.is_usable for connection in live_connections())


def connect(ollama: OllamaProbe, *, author: AuditAuthor) -> str:
    """Creates a connection to it, and returns the slug."""
    if not (models := ollama.models()):
        raise Conflict("It has stopped responding. Is it running?")
    return create("openai", ConnectionInput(name=NAME, base_url=ollama.address, default_model=models[0]), author=author)


def _models_at(address: str, upstream: Upstream, seconds: float) -> tuple[str, ...]:
    headers = {"Accept": "application/json"}
    try:
        answer = upstream.json("GET", f"{address}/models", headers=headers, seconds=seconds, trust="operator")
    except ProviderError:
        return ()
    return tuple(model.id for model in models_of(answer.value))
