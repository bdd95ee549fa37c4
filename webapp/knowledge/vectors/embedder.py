"""Requests embeddings from models as generations, so they appear in *Usage*, count towards budgets and have a timeout."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from sys import byteorder

from webapp.base.db import write
from webapp.base.errors import AppError
from webapp.base.heavy.turns import by_turns
from webapp.base.ids import new_id
from webapp.engine import generations, side_requests
from webapp.engine.engine import Engine, the_engine
from webapp.engine.ladder import Attempt
from webapp.engine.tables import Generation
from webapp.models.connections.cache import the_connections
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ModelRequest, Provider, ProviderError, Turn
from webapp.streaming.events import Ended, Event, Started
from webapp.streaming.stop import Stop

KIND = side_requests.kind("embedding", "Embeddings", lambda *_: None, lambda _: None)
TEXTS_AT_ONCE = 64
# More than a slow server needs for `TEXTS_AT_ONCE` texts; only background work waits this long.
MOST_SECONDS = 120.0
LATE = "The embedding model didn't answer in time."
# Unrelated texts: how similar a model's vectors for these are is its baseline for any two texts.
UNLIKE = (
    "The miller opens the sluice at dawn.",
    "Invoices are due thirty days after delivery.",
    "A violin has four strings tuned in fifths.",
    "Restart the router when its red light blinks.",
    "Volcanic soil holds water and feeds the vines.",
    "The goalkeeper was injured before half-time.",
)
# With a higher baseline, a model doesn't tell texts apart at all.
MOST_ALIKE = 0.999


class NoVectors(AppError):
    """Raised when a model returns no vectors: the reason for people, and the seconds to wait before retrying, if known."""

    status, code = 503, "no_vectors"

    def __init__(self, message: str, *, is_passing: bool, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=int(retry_after or 0))
        self.is_passing = is_passing


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """An embedding request: the texts, the model, and the person whose usage it counts as."""

    model: str
    texts: tuple[str, ...]
    person_id: str | None


class EmbeddingSource:
    """A `Run`'s source of events for one embedding request; once `is_over` is set, `vectors` or `failure` holds its result."""

    is_between = False

    def __init__(self, engine: Engine, wanted: EmbeddingRequest, provider: Provider, name: str) -> None:
        self._wanted, self._provider, self._name = wanted, provider, name
        self._now, self.is_over = engine.now, engine.signal()
        self.vectors: tuple[tuple[float, ...], ...] = ()
        self.failure: ProviderError | None = ProviderError("stall", LATE, retryable=True)

    def events(self, stop: Stop) -> Iterator[Event]:
        began = self._now()
        try:
            yield Started(self._wanted.model, self._provider.name, self._provider.name == "demo")
            embedded = self._provider.embed(self._name, self._wanted.texts, stop)
            self.vectors, self.failure = embedded.vectors, None
            yield embedded.usage
            yield Ended("completed", "stop")
        except ProviderError as error:
            self.failure = error
            yield Attempt(self._wanted.model, "whole", round(self._now() - began, 2), error.code, str(error)).as_notice()
            raise
        finally:
            self.is_over.set()

    def check_timeout(self) -> str:
        return ""


def vectors_of(embedding_request: EmbeddingRequest, *, seconds: float = MOST_SECONDS) -> list[bytes]:
    """Returns a unit vector for each text; raises `NoVectors`, or the reason why the request is not allowed."""
    engine = the_engine()
    asking = EmbeddingSource(
        engine, embedding_request, providers().embedder(embedding_request.model), providers().name_of(embedding_request.model)
    )
    id = new_id()
    with generations.recovering_if_not_started(engine):
        with write(keeps_loaded=True) as session:
            names = {
                "kind": KIND.name,
                "lane": f"{KIND.name}:{id}",
                "user_id": embedding_request.person_id,
                "model_asked": embedding_request.model,
            }
            slug = the_connections().slug_of(embedding_request.model)
            generation: Generation = generations.queue(session, id=id, connection=slug, owner=engine.worker.id, **names)
            turns = tuple(Turn("user", text) for text in embedding_request.texts)
            engine.admission.gate.admit(session, generation, ModelRequest(embedding_request.model, turns, max_tokens=1), "")
        generations.start(engine, generation, asking)
    asking.is_over.wait(seconds)
    return _found(engine, id, asking)


def _found(engine: Engine, id: str, asking: EmbeddingSource) -> list[bytes]:
    if not asking.vectors and (live := engine.live.get(id)):
        live.run.stop.request("client_gone")
    if failure := asking.failure:
        raise NoVectors(failure.message, is_passing=failure.retryable, retry_after=failure.retry_after) from failure
    return [packed(vector) for vector in by_turns(asking.vectors)]


def packed(vector: Sequence[float]) -> bytes:
    """Packs a vector as stored: scaled to length 1, so that a dot product of two is their cosine similarity."""
    length = sqrt(sum(number * number for number in vector)) or 1.0
    numbers = array("f", [number / length for number in vector])
    if byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def alikeness(vectors: Sequence[bytes]) -> float:
    """Returns the average similarity of all pairs of these vectors."""
    numbers = [array("f", vector) for vector in vectors]
    pairs = [(one, other) for index, one in enumerate(numbers) for other in numbers[:index]]
    products = [sum(a * b for a, b in zip(one, other, strict=True)) for one, other in pairs]
    return sum(products) / max(1, len(products))
