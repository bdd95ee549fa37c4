"""Asks models for vectors of texts, on record like every use of a model: in *Usage*, in budgets, within limits of time."""

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from sys import byteorder

from webapp.connections.models import providers
from webapp.db import write
from webapp.engine import asides, service
from webapp.engine.engine import Engine, the_engine
from webapp.engine.ladder import Attempt
from webapp.engine.tables import Generation
from webapp.errors import AppError
from webapp.heavy.turns import by_turns
from webapp.ids import new_id
from webapp.providers.base import ModelRequest, Provider, ProviderError, Turn
from webapp.streaming.events import TRIED, Ended, Event, Notice, Started
from webapp.streaming.stop import Stop

KIND = asides.kind("embedding", "Embeddings", lambda *_: None, lambda _: None)
TEXTS_AT_ONCE = 64
# More than a slow server needs for that many; nobody waits for it but documents.
MOST_SECONDS = 300.0
LATE = "The embedding model didn't answer in time."
# What has nothing in common: how alike a model finds these is what it says of any two texts.
UNLIKE = (
    "The miller opens the sluice at dawn.",
    "Invoices are due thirty days after delivery.",
    "A violin has four strings tuned in fifths.",
    "Restart the router when its red light blinks.",
    "Volcanic soil holds water and feeds the vines.",
    "The goalkeeper was injured before half-time.",
)
# Beyond this, a model doesn't tell texts apart at all.
MOST_ALIKE = 0.999


class NoVectors(AppError):
    """A model gave no vectors: why, as a sentence, and after how many seconds it is worth asking again, if that is known."""

    status, code = 503, "no_vectors"

    def __init__(self, message: str, *, is_passing: bool, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=int(retry_after or 0))
        self.is_passing = is_passing


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become vectors: by which model, and on whose account."""

    model: str
    texts: tuple[str, ...]
    person_id: str | None


class Asking:
    """One request to a model as the engine runs it; `vectors` or `failure` are there when `is_over` is set."""

    def __init__(self, engine: Engine, wish: Wish, provider: Provider, name: str) -> None:
        self._wish, self._provider, self._name = wish, provider, name
        self._now, self.is_over = engine.now, engine.signal()
        self.vectors: tuple[tuple[float, ...], ...] = ()
        self.failure: ProviderError | None = ProviderError("stall", LATE, retryable=True)

    def events(self, stop: Stop) -> Iterator[Event]:
        began = self._now()
        try:
            yield Started(self._wish.model, self._provider.name, self._provider.name == "demo")
            found = self._provider.embed(self._name, self._wish.texts, stop)
            self.vectors, self.failure = found.vectors, None
            yield found.usage
            yield Ended("completed", "stop")
        except ProviderError as error:
            self.failure = error
            # By this the engine notices keys that are refused.
            tried = Attempt(self._wish.model, "whole", round(self._now() - began, 2), error.code, str(error))
            yield Notice(TRIED, str(error), json.dumps(asdict(tried)))
            raise
        finally:
            self.is_over.set()

    def look(self) -> str:
        return ""


def vectors_of(wish: Wish, *, seconds: float = MOST_SECONDS) -> list[bytes]:
    """A vector of length 1 for each text; raises `NoVectors`, or why it may not be asked."""
    engine, known = the_engine(), providers()
    asking = Asking(engine, wish, known.embedder(wish.model), known.name_of(wish.model))
    id = new_id()
    with service.beginning(engine):
        with write(keeps=True) as session:
            names = {"kind": KIND.name, "lane": f"{KIND.name}:{id}", "user_id": wish.person_id, "model_asked": wish.model}
            slug = known.connection_of(wish.model)
            generation: Generation = service.queue(session, id=id, connection=slug, owner=engine.worker.id, **names)
            turns = tuple(Turn("user", text) for text in wish.texts)
            engine.gate.admit(session, generation, ModelRequest(wish.model, turns, max_tokens=1), "")
        service.start(engine, generation, asking)
    asking.is_over.wait(seconds)
    return _found(engine, id, asking)


def _found(engine: Engine, id: str, asking: Asking) -> list[bytes]:
    if not asking.vectors and (live := engine.live.get(id)):
        live.run.stop.ask("client_gone")
    if failure := asking.failure:
        raise NoVectors(failure.message, is_passing=failure.retryable, retry_after=failure.retry_after) from failure
    return [packed(vector) for vector in by_turns(asking.vectors)]


def packed(vector: Sequence[float]) -> bytes:
    """As it is stored: of length 1, so that a product of two says how near they are."""
    length = sqrt(sum(each * each for each in vector)) or 1.0
    numbers = array("f", [each / length for each in vector])
    if byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def alikeness(vectors: Sequence[bytes]) -> float:
    """How near these are to each other, on average."""
    numbers = [array("f", each) for each in vectors]
    pairs = [(one, other) for place, one in enumerate(numbers) for other in numbers[:place]]
    products = [sum(a * b for a, b in zip(one, other, strict=True)) for one, other in pairs]
    return sum(products) / max(1, len(products))
