"""Detects an Ollama server on this machine and offers to connect it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from webapp.base.audit import AuditAuthor
from webapp.base.errors import Conflict
from webapp.models.connections.effective import live_connections
from webapp.models.connections.service import ConnectionInput, create
from webapp.models.providers.base import ProviderError
from webapp.models.providers.openai import models_of
from webapp.models.upstream import Upstream

ADDRESS = "http://127.0.0.1:11434/v1"
NAME = "Ollama on this machine"
PROBE_EVERY_SECONDS = 60.0
# The page waits for the server, so no longer than this.
PATIENCE_SECONDS = 0.5


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
            self._models = self._probe()
        return self._models

    def _probe(self) -> tuple[str, ...]:
        headers = {"Accept": "application/json"}
        try:
            answer = self.upstream.json(
                "GET", f"{self.address}/models", headers=headers, seconds=self.patience_seconds, trust="operator"
            )
        except ProviderError:
            return ()
        return tuple(model.id for model in models_of(answer.value))


def is_connected(ollama: OllamaProbe) -> bool:
    """Returns whether a usable connection to it exists."""
    server = urlsplit(ollama.address).netloc
    same = {server, server.replace("127.0.0.1", "localhost")}
    return any(connection.host in same and connection.is_usable for connection in live_connections())


def connect(ollama: OllamaProbe, *, author: AuditAuthor) -> str:
    """Creates a connection to it, and returns the slug."""
    if not (models := ollama.models()):
        raise Conflict("It has stopped responding. Is it running?")
    return create("openai", ConnectionInput(name=NAME, base_url=ollama.address, default_model=models[0]), author=author)
