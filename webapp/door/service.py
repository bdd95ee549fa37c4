"""What programs can do that speak to us as they would to OpenAI: ask for one completion, and see which models there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.accounts.tables import User
from webapp.door.ending import until
from webapp.extensions import write
from webapp.generations import service as generations
from webapp.generations.engine import Source, the_engine
from webapp.generations.models import providers
from webapp.generations.tables import Generation
from webapp.ids import new_id
from webapp.providers.base import ModelRequest, Turn
from webapp.streaming.events import Event
from webapp.streaming.stop import Stop

# The name for whatever model is the caller's own, or the team's.
DEFAULT = "default"
WHEN_UNWATCHED = "abort:0"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asks for; what is left open is as it is set here."""

    model: str
    turns: tuple[Turn, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()


class Ending:
    """A source that ends before certain words."""

    def __init__(self, source: Source, stops: Sequence[str]) -> None:
        self._source, self._stops = source, stops

    def events(self, stop: Stop) -> Iterator[Event]:
        return until(self._stops, self._source.events(stop))

    def look(self) -> str:
        return self._source.look()


def complete(user: User, wanted: Wanted) -> Generation:
    """Start a completion for somebody, by their limits and with the fallbacks of a chat."""
    engine, model, person = the_engine(), model_of(user, wanted.model), user.id
    generations.refuse_if_too_many(engine, person)
    parameters = _parameters(model, wanted)
    with write() as session:
        generation = generations.queue(
            session,
            kind="door",
            lane=f"door:{new_id()}",
            user_id=person,
            model_asked=model,
            connection=providers().connection_of(model),
            when_unwatched=WHEN_UNWATCHED,
            owner=engine.worker.id,
            prompt={"parameters": parameters},
        )
        generations.refuse_one_too_many(engine, session, generation)
    request = ModelRequest(model=model, turns=wanted.turns, **parameters)
    stops = wanted.stops
    generations.start(engine, generation, request, wrap=lambda source: Ending(source, stops) if stops else source)
    return generation


def model_of(user: User, name: str) -> str:
    """The model that is meant; raises `Invalid` for one that is not offered here."""
    model = providers().default(user.default_model) if name in ("", DEFAULT) else name
    providers().of(model)
    return model


def models(user: User) -> list[str]:
    """What can be asked for, the default alias first where there is a default."""
    offered = [each.id for each in providers().offered()]
    return [DEFAULT, *offered] if providers().default(user.default_model) else offered


def _parameters(model: str, wanted: Wanted) -> dict[str, Any]:
    """The house's own, where the caller says nothing; its longest answer is nobody's to exceed."""
    own = providers().parameters(model)
    most = [each for each in (own.get("max_tokens"), wanted.max_tokens) if each]
    temperature = own.get("temperature") if wanted.temperature is None else wanted.temperature
    return {"temperature": temperature, "max_tokens": min(most) if most else None}
