"""Circuit breakers: a model that keeps failing is paused for a moment, so that answers don't wait for it in vain. Pure."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# Fewer could be the bad luck of one person's requests.
FAILURES = 5
# A short pause costs little if the server works again; doubled, a server that is down for hours is asked twice a minute.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 30.0
# The errors that any request to the model would meet: too many requests, or a fault of the server. Refused requests and keys are
# missing on purpose: other requests can succeed, and a refused key is reported without delay.
KINDS = {"rate": "rate", "error": "error", "cut": "error", "stall": "error", "first_byte": "error"}


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a model is paused, as the code of an error, and for how many more seconds."""

    code: str
    seconds: float


@dataclass(slots=True)
class Circuit:
    """The failures of one kind in a row; with a pause it is open, until a request succeeds."""

    failures: int = 0
    pause_seconds: float = 0.0
    paused_until: float = 0.0
    is_probed: bool = False


@dataclass
class Circuits:
    """The circuits of all models, by the kind of their failures; one set per process.

    Five failures of a kind in a row open a circuit. Each time its pause is over, one request tries the model while the others
    still count it as paused; if that one fails in the same way, the next pause is twice as long.
    """

    now: Callable[[], float]
    _circuits: dict[tuple[str, str], Circuit] = field(default_factory=dict)

    def pause(self, model: str) -> Pause | None:
        """Returns the longest pause that keeps the model from being asked now; None if it can be."""
        pauses = [Pause(kind, seconds) for kind, circuit in self._open(model) if (seconds := self._seconds_left(circuit)) > 0]
        return max(pauses, key=lambda pause: pause.seconds, default=None)

    def paused(self) -> dict[str, Pause]:
        """Returns every paused model."""
        models = dict.fromkeys(model for model, _ in self._circuits)
        return {model: pause for model in models if (pause := self.pause(model))}

    @contextmanager
    def request(self, model: str) -> Iterator[bool]:
        """Surrounds a request to a model that is not paused; yields whether it is the probe of one that was."""
        probed = [circuit for _, circuit in self._open(model)]
        for circuit in probed:
            circuit.is_probed = True
        try:
            yield bool(probed)
        finally:
            for circuit in probed:
                circuit.is_probed = False

    def failed(self, model: str, code: str, *, is_probe: bool = False) -> None:
        """Counts a failure; those of requests that began before a pause don't prolong it."""
        if not (kind := KINDS.get(code)):
            return
        circuit = self._circuits.setdefault((model, kind), Circuit())
        circuit.failures += 1
        if circuit.failures >= FAILURES and (is_probe or not circuit.pause_seconds):
            circuit.pause_seconds = min(2 * circuit.pause_seconds or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            circuit.paused_until = self.now() + circuit.pause_seconds

    def succeeded(self, model: str) -> None:
        for kind in set(KINDS.values()):
            self._circuits.pop((model, kind), None)

    def _open(self, model: str) -> Iterator[tuple[str, Circuit]]:
        circuits = ((kind, self._circuits.get((model, kind))) for kind in dict.fromkeys(KINDS.values()))
        return ((kind, circuit) for kind, circuit in circuits if circuit is not None and circuit.pause_seconds)

    def _seconds_left(self, circuit: Circuit) -> float:
        # How long a probe takes is unknown.
        return max(circuit.paused_until - self.now(), FIRST_PAUSE_SECONDS if circuit.is_probed else 0.0)
