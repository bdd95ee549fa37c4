"""Completions for clients of the OpenAI-compatible API: requesting one, ending it at stop sequences, and listing the models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from webapp.base.database import rows
from webapp.base.db import write
from webapp.base.ids import new_id
from webapp.chat.prompt.recorded_prompt import RecordedPrompt
from webapp.engine import service as generations
from webapp.engine.engine import Engine, the_engine
from webapp.engine.kinds import Kind
from webapp.engine.live import Source
from webapp.engine.tables import Generation
from webapp.knowledge.answer_sources import LATE, AnswerSources, find_sources
from webapp.models.connections.models import providers
from webapp.models.providers.base import ModelRequest, RequestParameters, Turn
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.streaming.early_end import cut
from webapp.streaming.events import Event, Notice
from webapp.streaming.stop import Stop

DOOR = Kind("door", "OpenAI-compatible API")


def until(stops: Sequence[str], events: Iterator[Event]) -> Iterator[Event]:
    """Yields events up to the first stop sequence; text that could be the beginning of one is held back until that is decided."""
    return cut(events, _Stops(stops), "stop")


class _Stops:
    def __init__(self, stops: Sequence[str]) -> None:
        self._stops, self._buffer = stops, ""

    def more(self, text: str) -> tuple[str, bool]:
        text = self._buffer + text
        positions = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if positions:
            return text[: min(positions)], True
        waiting = max((size for stop in self._stops for size in range(1, len(stop)) if text.endswith(stop[:size])), default=0)
        self._buffer = text[len(text) - waiting :]
        return text[: len(text) - waiting], False

    def rest(self) -> str:
        return self._buffer


# The name of the caller's default model, or else the team's.
DEFAULT = "default"
WHEN_UNWATCHED = "abort:0"


@dataclass(frozen=True, slots=True)
class CompletionInput:
    """A client's request for a completion, with the defaults for what it leaves out."""

    model: str
    turns: tuple[Turn, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()
    collection_ids: tuple[str, ...] = ()


class CutSource:
    """A source of events that ends before the first stop sequence."""

    def __init__(self, source: Source, stops: Sequence[str]) -> None:
        self._source, self._stops = source, stops

    def events(self, stop: Stop) -> Iterator[Event]:
        return until(self._stops, self._source.events(stop))

    @property
    def is_between(self) -> bool:
        return self._source.is_between

    def check_timeout(self) -> str:
        return self._source.check_timeout()


def complete(user: User, completion: CompletionInput) -> Generation:
    """Starts a completion for a person, within their limits and with the fallbacks of a chat."""
    engine, model, person = the_engine(), model_of(user, completion.model), user.id
    with engine.admission.slot(person):
        parameters, sources = _parameters(model, completion), _given(user, completion)
        with generations.recovering_if_not_started(engine):
            generation, source = _stored(engine, completion, model, person, parameters, sources)
            generations.start(engine, generation, source)
    return generation


def _stored(
    engine: Engine, completion: CompletionInput, model: str, person: str, parameters: RequestParameters, sources: AnswerSources
) -> tuple[Generation, Source]:
    # Built before the commit: an error afterwards would leave a generation that never starts.
    quoted = tuple(Turn(section.role, section.text) for section in sources.sections())
    turns, stored_sources = (
        (*completion.turns[:-1], *quoted, *completion.turns[-1:]),
        tuple(answer_source.kept for answer_source in sources.sources),
    )
    words = {"sources_late": LATE if sources.is_late else "", "sources_by_words": sources.by_words}
    notices = tuple(Notice(code, texts) for code, texts in words.items() if texts)
    request = ModelRequest(model=model, turns=turns, sources=stored_sources, notices=notices, **parameters)
    source: Source = generations.ladder(engine, request)
    with write(keeps_loaded=True) as session:
        rows.locked(session, User, person)
        generation = Generation(
            kind=DOOR.name,
            lane=f"{DOOR.name}:{new_id()}",
            user_id=person,
            model_asked=model,
            connection=providers().connection_of(model),
            when_unwatched=WHEN_UNWATCHED,
            owner=engine.worker.id,
            prompt=RecordedPrompt(parameters=parameters, sources=stored_sources).as_record("parameters", "sources"),
        )
        generations.store_within_limits(engine, session, generation, request)
    return generation, CutSource(source, completion.stops) if completion.stops else source


def model_of(user: User, name: str) -> str:
    """Returns the requested model; raises if no connection offers it."""
    model = providers().default(user.default_model) if name in ("", DEFAULT) else name
    providers().for_model(model)
    return model


def models(user: User) -> list[str]:
    """Returns the models that can be requested; the default alias comes first if there is a default."""
    offered = [model.id for model in providers().offered()]
    return [DEFAULT, *offered] if providers().default(user.default_model) else offered


def _given(user: User, completion: CompletionInput) -> AnswerSources:
    """Returns the passages for the newest message, as far as the caller may see them."""
    texts = [turn.content for turn in completion.turns if turn.role == "user"]
    return find_sources(user, texts, completion.collection_ids, seconds=float(setting("knowledge.search_seconds")))


def _parameters(model: str, completion: CompletionInput) -> RequestParameters:
    """Returns the server's parameters unless the client sets them; its maximum of tokens can't be exceeded."""
    own = providers().parameters(model)
    most = [limit for limit in (own.get("max_tokens"), completion.max_tokens) if limit]
    temperature = own.get("temperature") if completion.temperature is None else completion.temperature
    return {"temperature": temperature, "max_tokens": min(most) if most else None}
