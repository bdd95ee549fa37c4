"""The source of an answer that can call tools: a ladder for each round of the model, and the calls between two rounds.

A round ends with calls: they are stored and announced, those that need no decision are done, and the model is asked again with
what they returned. If a person must decide, the run is parked, and the run that continues it begins with the calls as stored. So
does one that continues an answer after a kill: what is done is never done again.
"""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import TypeVar

from sqlalchemy import JSON, column, select, table, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Unavailable
from webapp.base.ids import new_id
from webapp.base.words import plural
from webapp.engine.duties import journal
from webapp.engine.engine import Engine
from webapp.engine.live import Source
from webapp.engine.metric_events import Called
from webapp.engine.tables import Generation
from webapp.models.providers.base import ModelRequest, ToolCall, ToolResult, ToolSpec, Turn
from webapp.people.accounts.tables import User
from webapp.streaming.events import (
    FOLLOWED,
    Asks,
    Calling,
    Delta,
    Ended,
    Event,
    Kept,
    Notice,
    Reasoning,
    SourceRecord,
    Sources,
    Started,
    Usage,
    Waiting,
)
from webapp.streaming.failure import MISTAKES
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Signal
from webapp.streaming.transcript import Transcript
from webapp.tools import calls as stored
from webapp.tools.arguments import BadArguments, check_arguments, parsed_arguments
from webapp.tools.asking import ask_while_open
from webapp.tools.calls import FOR_A_PERSON, CallRecord
from webapp.tools.files import ChatFiles, NoFiles, keep_all
from webapp.tools.fuse import MAYBE_DONE, NOT_DONE, Allowed, Limits, reached
from webapp.tools.names import safe_names
from webapp.tools.offers import Offer, asks_because
from webapp.tools.questions import Question
from webapp.tools.tool import CallContext, QuestionAsked, ToolFailed

log = logging.getLogger("tools:loop")
T = TypeVar("T")

# Calls of one round that are done beside each other.
AT_ONCE = 4
# The same call with the same arguments; a model that repeats itself is told so.
MOST_ALIKE = 3
# How many sources one call has at most, by which the numbers of calls beside each other differ.
MOST_SOURCES = 16
TRY_AGAIN_SECONDS = 0.5
MESSAGES = table("messages", column("id"), column("call_count"), column("sources", JSON))


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that a run writes; `text` is its text before the run, and `calls` those that it has already.

    `outside` names where outside text in its prompt came from, and `allowed` is what a person has allowed beyond the limits.
    """

    message_id: str
    generation_id: str
    chat_id: str
    person_id: str
    text: str = ""
    calls: Sequence[CallRecord] = ()
    collection_ids: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    allowed: Allowed = field(default_factory=Allowed)
    files: ChatFiles = field(default_factory=NoFiles)


@dataclass(slots=True)
class _Written:
    """A call while the model writes it."""

    id: str = ""
    tool: str = ""
    pieces: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Turn:
    """Calls that are done beside each other: the ids of those left, what is set when one is over, and what they have cost."""

    left: set[str]
    signal: Signal
    costs: list[str] = field(default_factory=list)


class ToolRun:
    """Reads one answer from a model that calls tools; `ladder` makes the source of a round."""

    def __init__(
        self,
        engine: Engine,
        answer: Answer,
        request: ModelRequest,
        offers: Sequence[Offer],
        ladder: Callable[[ModelRequest], Source],
        limits: Limits,
        *,
        transcript: Transcript | None = None,
    ) -> None:
        """`request` is without the answer's beginning; `transcript` is what the log of this generation has already."""
        self._engine, self._answer, self._ladder, self._limits = engine, answer, ladder, limits
        self._offers = {offer.name: offer for offer in offers}
        self._by_key = {offer.tool.key: offer for offer in offers}
        specs = tuple(ToolSpec(offer.name, offer.tool.description, offer.schema) for offer in offers)
        self._request, self._prompt_sources = replace(request, tools=specs), request.sources
        self._calls = list(answer.calls)
        self._text = [answer.text, transcript.text if transcript else ""]
        self._chars = sum(map(len, self._text))
        self._heard = transcript.calls if transcript else set[tuple[str, str]]()
        self._has_started = bool(transcript and transcript.started)
        self._spent, self._usage = (transcript.usage if transcript else None), Usage()
        # Made before anything is stored, so that a model that is not available leaves nothing. It is used if no call is open,
        # whose result it would lack.
        self._source = ladder(self._next_request())
        self._is_current = not any(call.is_open for call in self._calls)
        self.is_between, self._is_called = True, False
        # When the last piece of a call was heard, while the model writes calls.
        self._heard_at: float | None = None

    def check_timeout(self) -> str:
        """Watches the source of the round, and the pauses of a model that writes calls, which are no text."""
        if self._is_calling:
            return ""
        most_seconds = self._limits.stall_seconds
        if self._heard_at is not None and most_seconds and self._engine.now() - self._heard_at > most_seconds:
            return "stall"
        return self._source.check_timeout()

    @property
    def _is_calling(self) -> bool:
        return any(call.state in ("asked", "running") for call in self._calls)

    def events(self, stop: Stop) -> Iterator[Event]:
        self._settle_interrupted(stop)
        yield from self._news()
        began_at = self._engine.now()
        while not stop:
            if self._answer.allowed.must_answer:
                yield from self._leave_out(stop)
            elif not self._limit(began_at):
                yield from self._do_calls(stop)
            if stop:
                return
            limit = self._limit(began_at)
            if limit or any(call.state in FOR_A_PERSON for call in self._calls):
                yield Waiting(limit)
                return
            had_to = self._must_answer
            if (ended := (yield from self._round(stop))) is not None:
                yield ended
                return
            if not self._is_called:
                return
            yield from self._news()
            if had_to:
                # A model that calls although it may not: what it has said is the answer.
                yield from self._leave_out(stop)
                yield Ended("completed", "calls")
                return

    def _limit(self, began_at: float) -> str:
        """Returns the limit that the answer has reached, if a person can be asked about it and has not been."""
        if self._answer.allowed.must_answer or not self._limits.can_wait:
            return ""
        seconds, cost = self._engine.now() - began_at, self._total().cost
        return reached(self._limits, self._answer.allowed, self._calls, seconds=seconds, cost=cost)

    @property
    def _must_answer(self) -> bool:
        """Whether the model can call no more: as a person wants it, or since it has no more rounds and no person can be asked."""
        rounds = len({call.round for call in self._calls})
        return self._answer.allowed.must_answer or (not self._limits.can_wait and rounds >= self._limits.rounds)

    def _leave_out(self, stop: Stop) -> Iterator[Event]:
        """Ends the calls that are not done, as the answer is to do without them."""

        def end(session: Session) -> list[CallRecord | None]:
            errors = {call.id: MAYBE_DONE if call.state == "unknown" else NOT_DONE for call in self._calls}
            ended = {"state": "failed", "ended_at": utc_now()}
            left = [call for call in self._calls if call.is_open]
            return [stored.change(session, call, after=(call.state,), error=errors[call.id], **ended) for call in left]

        for call in self._committed(end, stop) or ():
            if call:
                self._put(call)
        yield from self._news()

    def _round(self, stop: Stop) -> Generator[Event, None, Ended | None]:
        """Asks the model; returns its end, or None if it has called, or was cut off."""
        request = self._next_request()
        if self._calls:
            yield Asks(tuple(request.texts()))
        source = self._source if self._is_current else self._ladder(request)
        self._source, self._is_current, self._is_called = source, False, False
        written: dict[int, _Written] = {}
        kept, self.is_between, self._usage, self._heard_at = "", True, Usage(), None
        with closing(source.events(stop)) as events:  # type: ignore[type-var]  # every source is a generator
            for event in events:
                match event:
                    case Calling(number, id, tool, arguments):
                        self.is_between, self._heard_at = True, self._engine.now()
                        call = written.setdefault(number, _Written())
                        call.id, call.tool = call.id or id, call.tool or tool
                        call.pieces.append(arguments)
                    case Kept(data):
                        kept = data
                    case Ended(reason=reason) if reason == "calls" and written:
                        self._spent = self._total()
                        self._record([written[number] for number in sorted(written)], kept, stop)
                        self._is_called = True
                        return None
                    case Ended():
                        return event
                    case _:
                        yield from self._passed_on(event)
        return None

    def _passed_on(self, event: Event) -> Iterator[Event]:
        """Yields an event of a round as one of the whole answer: it starts once, and its usage is that of all rounds."""
        match event:
            case Started(model=model) if self._has_started:
                yield Usage(model=model)
            case Started():
                self._has_started = True
                yield event
            case Sources() if self._calls:
                return
            case Usage():
                self._usage = self._usage.updated(event)
                yield self._total()
            case Notice(code=code):
                yield event
                if code in FOLLOWED and self._spent:
                    self._usage = Usage()
                    yield self._spent
            case Delta() | Reasoning():
                if isinstance(event, Delta) and self._needs_gap():
                    event = Delta(f"\n\n{event.text.lstrip()}")
                self.is_between = False
                if isinstance(event, Delta):
                    self._text.append(event.text)
                    self._chars += len(event.text)
                yield event
            case _:
                yield event

    def _needs_gap(self) -> bool:
        """Returns whether the text before the last calls would run into the one after them, which begins now."""
        if not self._calls or self._chars > self._calls[-1].text_at:
            return False
        self._text = ["".join(self._text)]
        return bool(self._text[0].strip()) and not self._text[0].endswith("\n")

    def _total(self) -> Usage:
        """The usage of all rounds so far; what one of them doesn't report is missing in the sum."""
        return total_usage(self._spent, self._usage)

    def _next_request(self) -> ModelRequest:
        """Builds the request of the next round: the prompt, then the answer so far with its calls and what they returned."""
        text = "".join(self._text)
        turns, at = list(self._request.turns), 0
        for _, calls in groupby((call for call in self._calls if not call.is_open), key=lambda call: call.round):
            round_calls = list(calls)
            first = round_calls[0]
            asked = tuple(ToolCall(call.upstream_id, self._name(call.tool), call.arguments or "{}") for call in round_calls)
            results = tuple(ToolResult(call.upstream_id, call.for_the_model, call.state != "done") for call in round_calls)
            turns.append(Turn("assistant", text[at : first.text_at], calls=asked, kept=first.kept))
            turns.append(Turn("tool", "", results=results))
            at = first.text_at
        request = replace(self._request, tool_choice="none" if self._must_answer else self._request.tool_choice)
        if self._has_started:
            # What was said of the prompt is said once.
            request = replace(request, notices=(), sources=())
        if rest := text[at:]:
            return replace(request, turns=(*turns, Turn("assistant", rest)), is_continuation=True)
        return replace(request, turns=tuple(turns), is_continuation=False)

    def _name(self, key: str) -> str:
        """Returns the name by which the model knows a tool; one that is off by now keeps its own, made safe."""
        offer = self._by_key.get(key)
        return offer.name if offer else safe_names([key])[key]

    def _record(self, written: Sequence[_Written], kept: str, stop: Stop) -> None:
        """Stores the calls of a round, each in the state in which it begins; the text before them is stored first."""
        journal.catch_up(self._engine, self._answer.generation_id, stop)
        with self._engine.in_app():
            round_number = max((call.round for call in self._calls), default=0) + 1
            records = [self._judged(number, call, round_number) for number, call in enumerate(written)]
            records[0] = replace(records[0], kept=kept)

        def store(session: Session) -> bool:
            if not self._is_ours(session, stop):
                return False
            stored.store(session, records)
            counted = update(MESSAGES).where(MESSAGES.c.id == self._answer.message_id)
            session.execute(counted.values(call_count=MESSAGES.c.call_count + len(records)))
            return True

        if self._committed(store, stop):
            self._calls += records

    def _judged(self, number: int, written: _Written, round_number: int) -> CallRecord:
        """Returns a call as it is stored first: it waits, can be done, or has failed already."""
        offer = self._offers.get(written.tool)
        record = CallRecord(
            id=new_id(),
            message_id=self._answer.message_id,
            generation_id=self._answer.generation_id,
            round=round_number,
            number=number,
            upstream_id=written.id,
            tool=offer.tool.key if offer else written.tool[:200],
            title=offer.tool.title if offer else written.tool[:200],
            arguments="".join(written.pieces),
            state="asked",
            policy=offer.policy if offer else "deny",
            text_at=self._chars,
            asked_at=utc_now(),
        )
        try:
            if not offer:
                raise BadArguments(f"There is no tool named {written.tool[:100]}.")
            arguments = parsed_arguments(record.arguments)
            record = replace(record, title=offer.tool.says(arguments)[:500])
            check_arguments(arguments, offer.tool.schema)
            self._refuse_repetition(record)
        except BadArguments as error:
            return replace(record, state="failed", error=str(error), ended_at=utc_now())
        if offer.policy == "deny":
            return replace(record, state="denied", note="This tool is off here.", ended_at=utc_now())
        outside = [*self._answer.outside, *(place for call in self._calls for place in call.outside)]
        by_the_person = (turn.content for turn in self._request.turns if turn.role == "user")
        known = "\n".join((*by_the_person, *(call.text for call in self._calls)))
        why = asks_because(offer, arguments, outside, known)
        must_ask = offer.tool.is_question or offer.policy == "ask" or bool(why)
        return replace(record, state="waiting" if must_ask else "asked", why=why)

    def _refuse_repetition(self, record: CallRecord) -> None:
        alike = sum((call.tool, call.arguments) == (record.tool, record.arguments) for call in self._calls)
        if alike >= MOST_ALIKE:
            raise BadArguments("This was called before with the same arguments. Use what it returned.")
        if not self._limits.can_wait and len(self._calls) + record.number >= self._limits.calls:
            raise BadArguments(f"This answer has made {plural(self._limits.calls, 'call')}, which is the most. Answer now.")

    def _settle_interrupted(self, stop: Stop) -> None:
        """Decides about calls that a kill interrupted: a safe one is done again, any other is a person's to decide."""
        for call in [call for call in self._calls if call.state == "running"]:
            is_safe = self._is_safe(call)
            self._change(call, stop, state="asked" if is_safe else "unknown")

    def _is_safe(self, call: CallRecord) -> bool:
        """Returns whether a call can be done again without harm."""
        offer = self._by_key.get(call.tool)
        return offer is not None and offer.tool.hints.is_safe_to_repeat

    def _do_calls(self, stop: Stop) -> Iterator[Event]:
        """Does what needs no decision, a few at a time."""
        while not stop and (due := [call for call in self._calls if call.state == "asked"][:AT_ONCE]):
            self.is_between = True
            if not self._has_begun(due, stop):
                return
            turn = _Turn({call.id for call in due}, self._engine.signal())
            for call in due:
                self._engine.spawn(partial(self._do, replace(call, state="running"), stop, turn))
            while turn.left:
                turn.signal.wait()
                turn.signal.clear()
                yield from self._news()
            if turn.costs:
                spent = self._spent or Usage()
                self._spent = replace(spent, cost=_cost(spent.cost, *turn.costs))
                yield self._spent
            yield from self._news()

    def _has_begun(self, due: Sequence[CallRecord], stop: Stop) -> bool:
        """Stores that these calls are being done, before they are."""
        now = utc_now()

        def begin(session: Session) -> list[CallRecord | None]:
            if not self._is_ours(session, stop):
                return []
            return [stored.change(session, call, after=("asked",), state="running", started_at=now) for call in due]

        running = [call for call in self._committed(begin, stop) or () if call]
        for call in running:
            self._put(call)
        return len(running) == len(due)

    def _do(self, call: CallRecord, stop: Stop, turn: "_Turn") -> None:
        begun = self._engine.now()
        try:
            with self._engine.in_app():
                values = self._outcome(call, stop, turn)
            # A question can have been answered since.
            call = self._current(call)
            if values["state"] == "waiting":
                self._change(call, stop, **values)
                return
            if (question := call.asks) and values["state"] != "unknown":
                values["question"] = question.over(keeps_values=question.by == call.decided_by).record
            self._engine.emit(Called(call.tool, str(values["state"]), self._engine.now() - begun))
            if not (stop and values["state"] == "failed" and self._is_safe(call)):
                # One that was stopped and can be repeated is, when the answer continues.
                self._change(call, stop, **values, ended_at=utc_now())
        finally:
            turn.left.discard(call.id)
            turn.signal.set()

    def _outcome(self, call: CallRecord, stop: Stop, turn: "_Turn") -> dict[str, object]:
        """Does a call, and returns what is stored of it; adds what it has cost."""
        offer = self._by_key.get(call.tool)
        if not offer or not offer.tool.run:
            return {"state": "failed", "error": "This tool is off by now."}
        try:
            arguments = parsed_arguments(call.arguments)
            first_source = self._first_source(call)
            person = db.session.get_one(User, self._answer.person_id)
            question, files = call.asks, self._answer.files
            context = CallContext(
                call.id,
                self._answer.chat_id,
                person,
                stop,
                self._answer.collection_ids,
                first_source,
                files,
                answered=question if question and question.by else None,
                ask=partial(self._ask, call, stop, turn) if self._limits.can_wait else None,
            )
            result = offer.tool.run(context, arguments)
            turn.costs.extend([result.cost] if result.cost else [])
            file_ids, about_files = keep_all(result.files, self._answer.files)
            if about_files and not (file_ids or result.text):
                raise ToolFailed(about_files)
        except ToolFailed as failure:
            if isinstance(failure, QuestionAsked) and self._limits.can_wait:
                return {"state": "waiting", "question": failure.question.record}
            is_unknown = failure.is_unknown and not offer.tool.hints.is_safe_to_repeat
            outside = list(failure.outside)
            return {"state": "unknown" if is_unknown else "failed", "error": failure.message, "outside": outside}
        except AppError as error:
            return {"state": "failed", "error": error.message}
        except MISTAKES:
            log.exception("%s failed unexpectedly", call.tool)
            return {"state": "failed", "error": "Something went wrong in this tool."}
        finally:
            db.session.rollback()
        text, most = "\n\n".join(filter(None, (about_files, result.text))), self._limits.result_chars
        return {
            "state": "done",
            "text": text[:most],
            "is_cut": len(text) > most,
            "file_ids": file_ids,
            "sources": list(result.sources),
            "outside": list(result.outside),
        }

    def _ask(self, call: CallRecord, stop: Stop, turn: "_Turn", question: Question) -> Question | None:
        """Asks a person while a call is open."""

        def heard(changed: CallRecord) -> None:
            self._put(changed)
            turn.signal.set()

        return ask_while_open(self._engine, self._current(call), question, stop=stop, heard=heard)

    def _current(self, call: CallRecord) -> CallRecord:
        return next(other for other in self._calls if other.id == call.id)

    def _first_source(self, call: CallRecord) -> int:
        """Returns the number from which the call's sources count: those beside it have others, before it is known how many."""
        numbers = [source["number"] for source in self._prompt_sources]
        numbers += [source["number"] for other in self._calls for source in other.sources]
        beside = sum(other.state == "running" and other.number < call.number for other in self._calls)
        return max(numbers, default=0) + 1 + beside * MOST_SOURCES

    def _change(self, call: CallRecord, stop: Stop, **values: object) -> None:
        """Stores what became of a call that is being done."""

        def change(session: Session) -> CallRecord | None:
            changed = stored.change(session, call, after=("running",), **values)
            if changed and changed.sources:
                its_message = update(MESSAGES).where(MESSAGES.c.id == self._answer.message_id)
                session.execute(its_message.values(sources=self._sources(changed)))
            return changed

        if changed := self._committed(change, stop):
            self._put(changed)

    def _committed(self, work: Callable[[Session], T], stop: Stop) -> T | None:
        """Runs a transaction until the database takes it; returns None if the answer is stopped before."""
        while True:
            try:
                with self._engine.in_app(), write(skips_queue=True) as session:
                    return work(session)
            except (SQLAlchemyError, Unavailable) as error:
                log.warning("a call could not be stored, trying again: %s", type(error).__name__)
            if stop.wait(TRY_AGAIN_SECONDS):
                return None

    def _sources(self, *changed: CallRecord) -> list[SourceRecord]:
        """Returns the sources of the whole answer: those of its prompt, then those of its calls."""
        ids = {call.id for call in changed}
        calls = [*(call for call in self._calls if call.id not in ids), *changed]
        return [*self._prompt_sources, *(source for call in calls for source in call.sources)]

    def _put(self, changed: CallRecord) -> None:
        self._calls = [changed if call.id == changed.id else call for call in self._calls]

    def _is_ours(self, session: Session, stop: Stop) -> bool:
        """Returns whether this worker still runs the answer; another that has taken it over does its calls."""
        is_ours = Generation.id == self._answer.generation_id, Generation.owner == self._engine.worker.id
        if session.scalar(select(Generation.id).where(*is_ours).with_for_update()) is None:
            stop.request("taken")
            return False
        return True

    def _news(self) -> Iterator[Event]:
        """Yields what the log doesn't have yet of each call."""
        for call in self._calls:
            is_heard = (call.id, "asked") in self._heard
            if not (is_heard or call.is_open or call.generation_id == self._answer.generation_id):
                continue
            for what, event in call.said():
                if (call.id, what) in self._heard:
                    continue
                self._heard.add((call.id, what))
                yield event()
                if what == "returned" and call.sources:
                    yield Sources(tuple(self._sources()))


def total_usage(spent: Usage | None, now: Usage) -> Usage:
    """Returns the usage of the rounds before and of the current one together."""
    if not spent:
        return now
    return replace(
        now,
        input_tokens=_sum(spent.input_tokens, now.input_tokens),
        output_tokens=_sum(spent.output_tokens, now.output_tokens),
        cost=_cost(spent.cost, now.cost),
        model=now.model or spent.model,
        upstream_id=now.upstream_id or spent.upstream_id,
    )


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _cost(*costs: str | None) -> str | None:
    known = [Decimal(cost) for cost in costs if cost is not None]
    return f"{sum(known, Decimal()):f}" if known else None
