"""A circuit breaker: a model that keeps failing is skipped for a while. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field

FAILURES = 5
REST_SECONDS = 30.0


@dataclass
class Circuits:
    """Circuit breakers, one set per process. Five failures in a row open a model's circuit; after a rest one request tries it."""

    now: Callable[[], float]
    _failures: dict[str, int] = field(default_factory=dict)
    _open_until: dict[str, float] = field(default_factory=dict)

    def rest_seconds(self, model: str) -> float:
        """Returns how long the model still rests; the first caller who gets 0 after a rest is the one that tries it."""
        left = self._open_until.get(model, 0.0) - self.now()
        if left <= 0 and model in self._open_until:
            self._open_until[model] = self.now() + REST_SECONDS
        return max(0.0, left)

    def resting(self) -> dict[str, float]:
        """Returns every model that rests, with the seconds left."""
        left = {model: until - self.now() for model, until in self._open_until.items()}
        return {model: seconds for model, seconds in left.items() if seconds > 0}

    def failed(self, model: str) -> None:
        self._failures[model] = self._failures.get(model, 0) + 1
        if self._failures[model] >= FAILURES:
            self._open_until[model] = self.now() + REST_SECONDS

    def succeeded(self, model: str) -> None:
        self._failures.pop(model, None)
        self._open_until.pop(model, None)
