"""Completions for clients of the OpenAI-compatible API: requesting one, ending it at stop sequences, and listing the models."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from webapp.base.database import rows
from webapp.base.db import write
from webapp.base.errors import Invalid
from webapp.base.ids import new_id
from webapp.chat.prompt.recorded_prompt import RecordedPrompt
from webapp.engine import generations
from webapp.engine.engine import Engine, the_engine
from webapp.engine.kinds import Kind
from webapp.engine.live import EventSource
from webapp.engine.tables import Generation
from webapp.guests.dialects.openai import program_rounds
from webapp.knowledge.answer_sources import LATE, AnswerSources, find_sources
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ModelRequest, RequestParameters, ToolCall, ToolSpec, Turn
from webapp.models.rules import service as model_rules
from webapp.models.rules.rules import Occasion
from webapp.models.rules.service import RuleChoice
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.streaming.early_end import cut
from webapp.streaming.events import Asked, Asking, Calling, Decided, Ended, Event, Kept, Notice, Returned, SourceRecord
from webapp.streaming.stop import Stop
from webapp.streaming.transcript import whole_call
from webapp.tools.fuse import Limits
from webapp.tools.ledger import Ledger
from webapp.tools.loop import CallingAnswer, ToolRun
from webapp.tools.names import safe_names
from webapp.tools.offers import Offer

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
    """A client's request for a completion, with the defaults for what it leaves out; its tools have its own names."""

    model: str
    turns: tuple[Turn, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()
    collection_ids: tuple[str, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = ""
    has_parallel_calls: bool = True
    # Tools of Millrace that the answer may use; what their calls in earlier rounds found, and where outside text there came from.
    offers: tuple[Offer, ...] = ()
    earlier_sources: tuple[SourceRecord, ...] = ()
    outside: tuple[str, ...] = ()


class CutSource:
    """A source of events that ends before the first stop sequence."""

    def __init__(self, source: EventSource, stops: Sequence[str]) -> None:
        self._source, self._stops = source, stops

    def events(self, stop: Stop) -> Iterator[Event]:
        return until(self._stops, self._source.events(stop))

    @property
    def is_between(self) -> bool:
        return self._source.is_between

    def check_timeout(self) -> str:
        return self._source.check_timeout()


class ProgramCalls:
    """A source of events whose calls are a program's to make: by its own names, at most one piece of each call per beat.

    `names` are these by those that the model knows. A call without arguments gets an empty object, as programs parse them.
    Arguments end at `most_chars`. `keep` is called with all calls and what the provider wants back with them.
    """

    def __init__(
        self,
        source: EventSource,
        names: Mapping[str, str],
        *,
        keep: Callable[[Sequence[ToolCall], str], None],
        now: Callable[[], float],
        beat_seconds: float,
        most_chars: int,
    ) -> None:
        self._source, self._names, self._keep, self._now = source, names, keep, now
        self._beat_seconds, self._most_chars = beat_seconds, most_chars
        self._held: list[Calling] = []
        self._calls: dict[int, list[Calling]] = {}
        self._chars = 0
        self._sent_at = float("-inf")

    @property
    def is_between(self) -> bool:
        return self._source.is_between

    def check_timeout(self) -> str:
        return self._source.check_timeout()

    def events(self, stop: Stop) -> Iterator[Event]:
        kept = ""
        with closing(self._source.events(stop)) as events:  # type: ignore[type-var]  # every source is a generator
            for event in events:
                match event:
                    case Kept(data):
                        kept = data
                    case Calling():
                        self._take(event)
                        if self._most_chars and self._chars > self._most_chars:
                            stop.request("cap")
                            return
                        if self._now() - self._sent_at >= self._beat_seconds:
                            yield from self._released()
                    case Ended(reason=reason):
                        self._complete()
                        yield from self._released()
                        if reason == "calls":
                            whole = [whole_call(pieces) for _, pieces in sorted(self._calls.items())]
                            self._keep([ToolCall(call.id, call.tool, call.arguments) for call in whole], kept)
                        # A model that has only called tools of Millrace, although it could no more, leaves no call to make.
                        yield event if self._calls or reason != "calls" else Ended("completed", "stop")
                    case Asking() | Asked() | Decided() | Returned():
                        # Calls of tools of Millrace, which are no program's to know.
                        pass
                    case _:
                        yield from self._released()
                        yield event

    def _take(self, event: Calling) -> None:
        piece = replace(event, tool=self._names.get(event.tool, event.tool))
        self._calls.setdefault(event.number, []).append(piece)
        self._held.append(piece)
        self._chars += len(event.arguments)

    def _complete(self) -> None:
        """Gives each call without arguments an empty object."""
        for number, pieces in self._calls.items():
            if not any(piece.arguments.strip() for piece in pieces):
                self._take(Calling(number, arguments="{}"))

    def _released(self) -> Iterator[Event]:
        """Yields what is held; to send each token of the arguments would cost a chunk of 200 bytes."""
        held, self._held, self._sent_at = self._held, [], self._now()
        for _, pieces in groupby(held, key=lambda piece: piece.number):
            yield whole_call(list(pieces))


def complete(user: User, completion: CompletionInput) -> Generation:
    """Starts a completion for a person, within their limits and with the fallbacks of a chat."""
    engine, person = the_engine(), user.id
    choice = _choice(user, completion)
    model = choice.model
    earlier = program_rounds.restored(person, completion.turns, completion.offers)
    completion = replace(completion, turns=earlier.turns, earlier_sources=earlier.sources, outside=earlier.outside)
    if completion.tools and completion.tool_choice != "none" and not the_models().known(model).is_able("tools"):
        raise Invalid(f"{the_models().display_name(model)} can't use tools.", field="tools")
    with engine.admission.slot(person):
        parameters, sources = _parameters(model, completion), _given(user, completion)
        with generations.recovering_if_not_started(engine):
            generation, source = _stored(engine, completion, choice, person, parameters, sources)
            generations.start(engine, generation, source)
    return generation


def _request(
    completion: CompletionInput, model: str, parameters: RequestParameters, sources: AnswerSources, names: Mapping[str, str]
) -> ModelRequest:
    quoted = tuple(Turn(section.role, section.text) for section in sources.sections())
    asked_at = _asked_at(completion.turns)
    turns = (*completion.turns[:asked_at], *quoted, *completion.turns[asked_at:])
    given = {source.kept["number"]: source.kept for source in sources.sources}
    # What was given comes first: its numbers are in the prompt.
    numbered = {source["number"]: source for source in completion.earlier_sources} | given
    words = {"sources_late": LATE if sources.is_late else "", "sources_by_words": sources.by_words}
    return ModelRequest(
        model=model,
        turns=tuple(_renamed(turn, names) if turn.calls else turn for turn in turns),
        sources=tuple(numbered.values()),
        notices=tuple(Notice(code, texts) for code, texts in words.items() if texts),
        tools=tuple(replace(tool, name=names[tool.name]) for tool in completion.tools),
        tool_choice=names.get(completion.tool_choice, completion.tool_choice),
        has_parallel_calls=completion.has_parallel_calls,
        **parameters,
    )


def _asked_at(turns: Sequence[Turn]) -> int:
    """Returns the place of the newest message, before which its passages go: calls and their results stay together."""
    return next((at for at in reversed(range(len(turns))) if turns[at].role != "tool" and not turns[at].calls), 0)


def _renamed(turn: Turn, names: Mapping[str, str]) -> Turn:
    return replace(turn, calls=tuple(replace(call, tool=names.get(call.tool, call.tool)) for call in turn.calls))


def _stored(
    engine: Engine,
    completion: CompletionInput,
    choice: RuleChoice,
    person: str,
    parameters: RequestParameters,
    sources: AnswerSources,
) -> tuple[Generation, EventSource]:
    model = choice.model
    names = safe_names(tool.name for tool in completion.tools)
    request = _request(completion, model, parameters, sources, names)
    # Built before the commit: an error afterwards would leave a generation that never starts.
    ledger = Ledger(prompt_sources=request.sources)
    source = _read(engine, person, completion, request, ledger)
    if completion.stops:
        source = CutSource(source, completion.stops)
    if request.takes_calls or completion.offers:
        source = ProgramCalls(
            source,
            {sent: name for name, sent in names.items()},
            keep=partial(program_rounds.keep, engine, person, ledger),
            now=engine.now,
            beat_seconds=setting("stream.coalesce_ms") / 1000,
            most_chars=int(setting("limits.answer_chars")),
        )
    with write(keeps_loaded=True) as session:
        rows.locked(session, User, person)
        generation = Generation(
            kind=DOOR.name,
            lane=f"{DOOR.name}:{new_id()}",
            user_id=person,
            model_asked=model,
            connection=the_connections().slug_of(model),
            when_unwatched=WHEN_UNWATCHED,
            owner=engine.worker.id,
            prompt=RecordedPrompt(parameters=parameters, sources=request.sources).as_record("parameters", "sources"),
            rule=choice.label,
        )
        generations.store_within_limits(engine, session, generation, request)
    return generation, source


def _read(engine: Engine, person: str, completion: CompletionInput, request: ModelRequest, ledger: Ledger) -> EventSource:
    """Returns the source of the answer: one ladder or, if it may use tools of Millrace, one for each round."""
    if not completion.offers or request.must_call or not the_models().known(request.model).is_able("tools"):
        return generations.ladder(engine, request, person=person)
    ladder = partial(generations.ladder, engine, person=person)
    typed = tuple(turn.content for turn in completion.turns if turn.role == "user")
    answer = CallingAnswer(person, collection_ids=completion.collection_ids, outside=completion.outside, typed=typed)
    return ToolRun(engine, answer, request, completion.offers, ladder, Limits.set(can_wait=False), ledger=ledger)


def _choice(user: User, completion: CompletionInput) -> RuleChoice:
    """Returns the requested model or, where none is named, the one that a rule chooses for the newest message."""
    model, asked = model_of(user, completion.model), completion.turns[_asked_at(completion.turns)] if completion.turns else None
    occasion = Occasion(
        DOOR.name,
        len(asked.content) if asked else 0,
        has_pictures=bool(asked and asked.pictures),
        is_chosen=completion.model not in ("", DEFAULT) or not model_rules.is_usual(model),
    )
    return model_rules.chosen(model, occasion, person=user.id)


def model_of(user: User, name: str) -> str:
    """Returns the requested model; raises if no connection offers it."""
    model = the_models().default(user.default_model, user.id) if name in ("", DEFAULT) else name
    providers().refuse_unless_choosable(model, person=user.id)
    return model


def models(user: User) -> list[str]:
    """Returns the models that can be requested; the default alias comes first if there is a default."""
    offered = [model.id for model in the_models().offered(user.id)]
    return [DEFAULT, *offered] if the_models().default(user.default_model, user.id) else offered


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
