"""The source of an answer for a program that may use tools of Millrace: these are done in between, and its own are passed on.

No person can be asked, and no call is stored: all that is offered only reads, and an answer for a program isn't continued after a
crash. A round with calls of both kinds ends the answer, as the program must make its own; the model calls the others again.
"""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from webapp.base.db import db
from webapp.base.errors import AppError
from webapp.engine.engine import Engine
from webapp.engine.live import Source
from webapp.models.providers.base import ModelRequest, ToolCall, ToolResult, ToolSpec, Turn
from webapp.people.accounts.tables import User
from webapp.streaming.events import (
    FOLLOWED,
    Calling,
    Delta,
    Ended,
    Event,
    Kept,
    Notice,
    SourceRecord,
    Sources,
    Started,
    Text,
    Usage,
)
from webapp.streaming.failure import MISTAKES
from webapp.streaming.stop import Stop
from webapp.tools.arguments import BadArguments, check_arguments, parsed_arguments
from webapp.tools.loop import MOST_ALIKE, total_usage
from webapp.tools.offers import Offer, asks_because
from webapp.tools.tool import CallContext, ToolFailed

log = logging.getLogger("tools:programs")
NEEDS_A_PERSON = "This needs the permission of a person, and there is none to ask. Answer without it."
REPEATED = "This was called before with the same arguments. Use what it returned."


@dataclass(frozen=True, slots=True)
class ProgramLimits:
    rounds: int
    calls: int
    result_chars: int
    stall_seconds: int


@dataclass(slots=True)
class _Round:
    """What a model has called in one round: tools of Millrace, by their numbers in it, and how many of the program."""

    own: dict[int, ToolCall] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    kept: str = ""


class ProgramToolRun:
    """Reads one answer for a program; `ladder` makes the source of a round. The program's tools are those of the request."""

    def __init__(
        self,
        engine: Engine,
        person_id: str,
        request: ModelRequest,
        offers: Sequence[Offer],
        ladder: Callable[[ModelRequest], Source],
        limits: ProgramLimits,
        *,
        collection_ids: tuple[str, ...] = (),
    ) -> None:
        self._engine, self._person_id, self._ladder, self._limits = engine, person_id, ladder, limits
        self._programs = request.tools
        self._program_names = {tool.name for tool in request.tools}
        self._offers = {offer.name: offer for offer in offers if offer.name not in self._program_names}
        self._request, self._collection_ids = request, collection_ids
        self._made: list[ToolCall] = []
        self._texts: list[str] = []
        self._outside: list[str] = []
        self._last_source = max((source["number"] for source in request.sources), default=0)
        self._spent: Usage | None = None
        self._usage = Usage()
        self._has_started = False
        self._source = ladder(self._round_request())
        self.is_between, self._is_calling = True, False
        # When the last piece of a call of these tools was heard, which no reader is told.
        self._heard_at: float | None = None

    def check_timeout(self) -> str:
        if self._is_calling:
            return ""
        most_seconds = self._limits.stall_seconds
        if self._heard_at is not None and most_seconds and self._engine.now() - self._heard_at > most_seconds:
            return "stall"
        return self._source.check_timeout()

    def events(self, stop: Stop) -> Iterator[Event]:
        while not stop:
            called = yield from self._round(stop)
            if called is None or stop:
                return
            self._is_calling = self.is_between = True
            yield from self._done(called, stop)
            self._source, self._is_calling = self._ladder(self._round_request()), False

    def _round_request(self) -> ModelRequest:
        specs = [ToolSpec(name, offer.tool.description, offer.schema) for name, offer in self._offers.items()]
        is_last = len(self._texts) >= self._limits.rounds or len(self._made) >= self._limits.calls
        if is_last and not self._programs:
            # With the tools, as the calls before are text for a model that is offered none.
            request = replace(self._request, tools=tuple(specs), tool_choice="none")
        else:
            request = replace(self._request, tools=(*self._programs, *(() if is_last else specs)))
        # What was said of the prompt is said once.
        return replace(request, notices=(), sources=()) if self._has_started else request

    def _round(self, stop: Stop) -> Generator[Event, None, _Round | None]:
        """Asks the model; returns what it has called if only tools of Millrace, so that it is asked again."""
        called, self._usage, self._heard_at, self.is_between = _Round(), Usage(), None, True
        text: list[str] = []
        with closing(self._source.events(stop)) as events:  # type: ignore[type-var]  # every source is a generator
            for event in events:
                match event:
                    case Calling():
                        yield from self._heard(event, called)
                    case Kept(data):
                        called.kept = data
                    case Ended(reason="calls") if called.own and not called.numbers:
                        self._spent = total_usage(self._spent, self._usage)
                        self._texts.append("".join(text))
                        return called
                    case Ended():
                        yield from [Kept(called.kept)] if called.kept else ()
                        yield event
                        return None
                    case _:
                        self.is_between = self.is_between and not isinstance(event, Text)
                        text += [event.text] if isinstance(event, Delta) else []
                        yield from self._passed_on(event, is_first=isinstance(event, Delta) and len(text) == 1)
        return None

    def _heard(self, event: Calling, called: _Round) -> Iterator[Event]:
        """Notes a piece of a call of Millrace's tools, and yields one of the program's, by its number among those."""
        if event.number in called.own or (event.tool and event.tool not in self._program_names):
            self.is_between, self._heard_at = True, self._engine.now()
            before = called.own.get(event.number, ToolCall(event.id, event.tool, ""))
            called.own[event.number] = replace(before, arguments=before.arguments + event.arguments)
            return
        self.is_between = False
        number = called.numbers.setdefault(event.number, len(called.numbers))
        yield replace(event, number=number)

    def _passed_on(self, event: Event, *, is_first: bool) -> Iterator[Event]:
        """Yields an event of a round as one of the whole answer: it starts once, and its usage is that of all rounds."""
        match event:
            case Started(model=model) if self._has_started:
                yield Usage(model=model)
            case Started():
                self._has_started = True
                yield event
            case Usage():
                self._usage = self._usage.updated(event)
                yield total_usage(self._spent, self._usage)
            case Notice(code=code):
                yield event
                if code in FOLLOWED and self._spent:
                    self._usage = Usage()
                    yield self._spent
            case Delta(text) if is_first and any(before.strip() for before in self._texts):
                yield Delta(f"\n\n{text.lstrip()}")
            case _:
                yield event

    def _done(self, called: _Round, stop: Stop) -> Iterator[Event]:
        """Does the calls of a round, and adds them with what they returned to the request."""
        calls = [called.own[number] for number in sorted(called.own)]
        results = list[ToolResult]()
        for call in calls:
            text, is_error, sources = self._result(call, stop)
            results.append(ToolResult(call.id, text, is_error))
            if sources:
                self._last_source = max(source["number"] for source in sources)
                yield Sources(tuple(sources))
            self._made.append(call)
        asked = Turn("assistant", self._texts[-1], calls=tuple(calls), kept=called.kept)
        self._request = replace(self._request, turns=(*self._request.turns, asked, Turn("tool", "", results=tuple(results))))

    def _result(self, call: ToolCall, stop: Stop) -> tuple[str, bool, Sequence[SourceRecord]]:
        try:
            if (offer := self._offers.get(call.tool)) is None:
                raise BadArguments(f"There is no tool named {call.tool[:100]}.")
            arguments = parsed_arguments(call.arguments)
            check_arguments(arguments, offer.tool.schema)
            if sum((earlier.tool, earlier.arguments) == (call.tool, call.arguments) for earlier in self._made) >= MOST_ALIKE:
                raise BadArguments(REPEATED)
            if len(self._made) >= self._limits.calls:
                raise BadArguments("This answer has made the most calls that are possible. Answer now.")
            known = "\n".join(turn.content for turn in self._request.turns if turn.role == "user")
            if asks_because(offer, arguments, self._outside, known):
                raise BadArguments(NEEDS_A_PERSON)
            with self._engine.in_app():
                person = db.session.get_one(User, self._person_id)
                context = CallContext(call.id, "", person, stop, self._collection_ids, first_source=self._last_source + 1)
                assert offer.tool.run, "a tool that waits for a person is not offered"
                result = offer.tool.run(context, arguments)
        except BadArguments as error:
            return str(error), True, ()
        except ToolFailed as failure:
            self._outside += failure.outside
            return failure.message, True, ()
        except AppError as error:
            return error.message, True, ()
        except MISTAKES:
            log.exception("%s failed unexpectedly", call.tool)
            return "Something went wrong in this tool.", True, ()
        self._outside += result.outside
        return result.text[: self._limits.result_chars], False, result.sources
