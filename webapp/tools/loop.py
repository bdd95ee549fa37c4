"""The source of an answer that can call tools: the rounds of the model, and the calls between them.

A round ends with calls: they are entered in the ledger and announced, those that need no decision are done, and the model is
asked again with what they returned. If a person must decide, the run is parked, and the run that continues it begins with the
calls as stored. So does one that continues an answer after a kill: what is done is never done again.

No person can be asked about an answer for a program. Calls of the program's own tools are passed on, and end it: the program
makes them.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from webapp.base import languages
from webapp.base.db import db, utc_now
from webapp.base.errors import AppError
from webapp.base.ids import new_id
from webapp.base.words import plural
from webapp.engine.engine import Engine
from webapp.engine.live import EventSource
from webapp.engine.metric_events import Called
from webapp.models.fitting import can_be_too_long, tokens_of
from webapp.models.providers.base import ModelRequest, ToolCall, ToolSpec, Turn
from webapp.models.providers.calls import MOST_UNREADABLE
from webapp.people.accounts.tables import User
from webapp.streaming.events import LIMIT_NOTICE, Asking, Asks, CallState, Event, Kept, Notice, Sources, Started, Waiting
from webapp.streaming.failure import MISTAKES
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Signal
from webapp.streaming.transcript import Transcript
from webapp.tools.arguments import MOST_CHARS, BadArguments, check_arguments, parsed_arguments
from webapp.tools.asking import ask_while_open, with_answer
from webapp.tools.calls import FOR_A_PERSON, CallRecord, folded_rounds, turns_of
from webapp.tools.files import ChatFiles, NoFiles, keep_all
from webapp.tools.folded import RECALL, handle
from webapp.tools.folding import STEPS, FoldRoom, room_of
from webapp.tools.fuse import (
    BEFORE,
    MAYBE_DONE,
    NOT_DONE,
    WORDS,
    Allowed,
    Limits,
    counted,
    figure_of,
    reached,
    rounds_of,
    working,
)
from webapp.tools.ledger import Ledger
from webapp.tools.offers import Offer
from webapp.tools.outside import HasRead, addresses_in, asks_because, texts_in
from webapp.tools.questions import ServerQuestion
from webapp.tools.recall import FindFolded, Folded, recall_offer
from webapp.tools.rounds import Round, Rounds
from webapp.tools.tool import CallContext, QuestionAsked, ToolFailed

log = logging.getLogger("tools:loop")

# Calls of one round that are done beside each other.
AT_ONCE = 4
# The same call with the same outcome; a model that repeats itself is told so.
MOST_ALIKE = 3
# How many sources one call has at most, by which the numbers of calls beside each other differ.
MOST_SOURCES = 16
NEEDS_A_PERSON = "This needs the permission of a person, and there is none to ask. Answer without it."


@dataclass(frozen=True, slots=True)
class FirstCall:
    """A call that is made for a model which takes no tools, before it is asked, by the text of a person.

    `is_allowed` says that it is done whatever asks usually: that person has turned it on, or their policy allows it.
    """

    tool: str
    arguments: str
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class CallingAnswer:
    """The answer that a run writes, for a person; `text` is its text before the run.

    `outside` names where outside text in its prompt came from, and `is_private` says whether text that others can't read is
    there besides its sources. `typed` are texts of the person's own in it, and `given` are addresses that tools have given
    before. `allowed` is what a person has allowed beyond the limits. `started` is said where calls come before the model is
    asked, such as the `first`.
    """

    person_id: str
    chat_id: str = ""
    text: str = ""
    collection_ids: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    is_private: bool = False
    typed: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    allowed: Allowed = field(default_factory=Allowed)
    files: ChatFiles = field(default_factory=NoFiles)
    started: Started | None = None
    first: FirstCall | None = None
    # Opens messages that are folded in the prompt, for a model that takes tools.
    find_folded: FindFolded | None = None


@dataclass(frozen=True, slots=True)
class _CallBatch:
    """Calls that are done beside each other: the ids of those left, what is set when one is over, and what they have cost."""

    left: set[str]
    signal: Signal
    costs: list[str] = field(default_factory=list)


class ToolRun:
    """Reads one answer from a model that calls tools; `ladder` makes the source of a round.

    Tools that the request has already are those of a program.
    """

    def __init__(
        self,
        engine: Engine,
        answer: CallingAnswer,
        request: ModelRequest,
        offers: Sequence[Offer],
        ladder: Callable[[ModelRequest], EventSource],
        limits: Limits,
        *,
        ledger: Ledger,
        transcript: Transcript | None = None,
    ) -> None:
        """`request` is without the answer's beginning; `transcript` is what the log of this generation has already."""
        self._engine, self._answer, self._limits, self._ledger = engine, answer, limits, ledger
        self._request, program_names = request, frozenset(tool.name for tool in request.tools)
        self._conversation_folded = request.folded
        self._offers = {offer.name: offer for offer in offers if offer.name not in program_names}
        self._by_key = {offer.tool.key: offer for offer in self._offers.values()}
        self._specs = tuple(map(_spec, self._offers.values()))
        self._heard = transcript.calls if transcript else set[tuple[str, str]]()

        def of_round(request: ModelRequest) -> EventSource:
            # A round after the first begins outside of the application's context.
            with engine.in_app():
                return ladder(request)

        self._rounds = Rounds(
            of_round,
            now=engine.now,
            stall_seconds=limits.stall_seconds,
            text=answer.text,
            called_at=ledger.calls[-1].text_at if ledger.calls else None,
            transcript=transcript,
            program_names=program_names,
        )
        # Before anything is stored, so that a model that is not available leaves nothing. What is prepared is used if no call is
        # open, whose result it would lack.
        self._rounds.prepare(replace(self._next_request(), folded=self._shorter if request.folded else None))
        self._is_prepared = not (answer.first or any(call.is_open for call in ledger))
        # The prompt of the first request was metered before it began.
        self._has_asked = bool(transcript)

    @property
    def is_between(self) -> bool:
        return self._is_calling or self._rounds.is_between

    def check_timeout(self) -> str:
        return "" if self._is_calling else self._rounds.check_timeout()

    @property
    def _is_calling(self) -> bool:
        return any(call.state in ("asked", "running") for call in self._ledger)

    def events(self, stop: Stop) -> Iterator[Event]:
        self._settle_interrupted(stop)
        if self._answer.first:
            self._record_first(self._answer.first, stop)
        yield from self._start()
        yield from self._news()
        began_at = self._engine.now()
        while not stop:
            if self._answer.allowed.must_answer:
                yield from self._leave_out(stop)
            else:
                yield from self._do_calls(stop, began_at)
            if stop:
                return
            limit = self._limit(began_at)
            if limit or any(call.state in FOR_A_PERSON for call in self._ledger):
                if limit:
                    figure = figure_of(limit, self._limits, self._answer.allowed)
                    yield Notice(LIMIT_NOTICE, WORDS[limit], f"{limit} {figure}")
                yield Waiting(limit)
                return
            self._fold(stop)
            had_to, request = self._must_answer, self._next_request()
            if self._ledger.calls:
                yield Asks(tuple(request.texts()) if self._has_asked else tuple(call.for_the_model for call in self._ledger))
            self._has_asked = True
            if not self._is_prepared:
                self._rounds.prepare(replace(request, folded=partial(self._refused, stop)))
            self._is_prepared = False
            said = yield from self._rounds.read(stop, self._asking)
            if said.calls:
                self._record(said, stop)
                yield from self._news()
            if had_to:
                # A model that calls although it may not: what it has said is the answer.
                yield from self._leave_out(stop)
            elif said.is_programs:
                yield from self._do_calls(stop, began_at)
            if not said.calls or said.is_programs or had_to:
                yield from [Kept(said.kept)] if said.is_programs and said.kept else ()
                yield from [said.ended] if said.ended else ()
                return

    def _start(self) -> Iterator[Event]:
        """Yields the start, and what there is to say of the prompt, if something will be said of calls before."""
        started = self._answer.started
        if started and not self._rounds.has_started and any(map(self._is_news, self._ledger)):
            self._rounds.has_started = True
            yield started
            yield from self._request.notices
            if self._request.sources:
                yield Sources(self._request.sources)

    def _limit(self, began_at: float) -> str:
        """Returns the limit that the answer has reached, if a person can be asked about it and has not been."""
        if self._answer.allowed.must_answer or not self._limits.can_wait:
            return ""
        seconds, cost = self._engine.now() - began_at, self._rounds.usage.cost
        return reached(self._limits, self._answer.allowed, self._ledger.calls, seconds=seconds, cost=cost)

    @property
    def _must_answer(self) -> bool:
        """Whether the model can call no more: as a person wants it, or since no person can be asked to allow it more."""
        calls = counted(self._ledger)
        is_at_end = rounds_of(calls) >= self._limits.rounds or len(working(calls)) >= self._limits.calls
        return self._answer.allowed.must_answer or (not self._limits.can_wait and is_at_end)

    def _leave_out(self, stop: Stop) -> Iterator[Event]:
        """Ends the calls that are not done, as the answer is to do without them."""
        left = [call for call in self._ledger if call.is_open]
        ended = [
            replace(call, state="failed", error=MAYBE_DONE if call.state == "unknown" else NOT_DONE, ended_at=utc_now())
            for call in left
        ]
        if ended:
            self._ledger.change(ended, stop)
        yield from self._news()

    def _next_request(self) -> ModelRequest:
        """Builds the request of the next round: the prompt, then the answer so far with its calls and what they returned."""
        names = {key: offer.name for key, offer in self._by_key.items()}
        rounds, rest = turns_of((call for call in self._ledger if not call.is_open), self._rounds.text, names)
        specs = [*self._specs, *([_spec(self._recall)] if self._recall else [])]
        request, is_programs = replace(self._request, tools=(*self._request.tools, *specs)), bool(self._request.tools)
        if self._must_answer:
            # With the tools, as calls are text for a model that is offered none; but a program's can still be called.
            request = self._request if is_programs else replace(request, tool_choice="none")
        if self._rounds.has_started:
            # What was said of the prompt is said once.
            request = replace(request, notices=(), sources=())
        turns = (*self._prompt_turns(), *rounds, *([Turn("assistant", rest)] if rest else []))
        return replace(request, turns=turns, is_continuation=bool(rest))

    def _prompt_turns(self) -> tuple[Turn, ...]:
        """Returns the turns of the prompt, with rounds that are folded below the message which is answered."""
        folded, turns = folded_rounds(self._ledger, self._rounds.text), self._request.turns
        if not folded:
            return turns
        *others, last = turns if turns and turns[-1].role == "user" else (*turns, Turn("user", ""))
        return (*others, replace(last, content="\n\n".join(filter(None, (last.content, *folded.values())))))

    def _fold(self, stop: Stop) -> None:
        """Folds what calls have returned if the next request would fill the model's context."""
        if not self._ledger.calls:
            return
        with self._engine.in_app():
            room = room_of(self._request.model, self._request.max_tokens)
        self._is_prepared = not self._folds(room, stop) and self._is_prepared

    def _folds(self, room: FoldRoom, stop: Stop) -> bool:
        """Folds until the next request is below its mark; returns whether that has changed it."""
        has_folded = False
        for step in STEPS:
            request = self._next_request()
            if not can_be_too_long(request, 2 * room.mark) or (tokens := tokens_of(request)) <= room.mark:
                break
            folded = list(step([call for call in self._ledger if not call.is_open], tokens, room))
            has_folded = (bool(folded) and self._ledger.fold(folded, stop)) or has_folded
        return has_folded

    def _refused(self, stop: Stop, most_tokens: int) -> ModelRequest | None:
        """Returns the next request again for a model that takes no longer one than this."""
        return self._next_request() if self._folds(FoldRoom(most_tokens, most_tokens), stop) else self._shorter(most_tokens)

    def _shorter(self, most_tokens: int) -> ModelRequest | None:
        """Returns the next request again with the conversation before the answer folded, as far as it can be."""
        beside = tokens_of(self._next_request()) - tokens_of(self._request)
        shorter = self._conversation_folded(most_tokens - beside) if self._conversation_folded else None
        if not shorter:
            return None
        turns = shorter.turns[:-1] if shorter.is_continuation else shorter.turns
        self._request = replace(shorter, turns=turns, is_continuation=False, tools=self._request.tools)
        return self._next_request()

    @property
    def _recall(self) -> Offer | None:
        """The tool with which the model opens what is folded, if it can call any and something is."""
        takes_tools = self._answer.find_folded or self._specs
        is_needed = takes_tools and (self._request.folds or any(call.fold for call in self._ledger))
        return recall_offer(self._ledger.calls, self._find_folded) if is_needed else None

    def _find_folded(self, number: int) -> Folded | None:
        find = self._answer.find_folded
        return find(number) if find and handle(number) in self._request.folds else None

    @property
    def _round_number(self) -> int:
        return max((call.round for call in self._ledger), default=0) + 1

    def _offer(self, name: str) -> Offer | None:
        """Returns the tool that a model calls by this name, if it is offered."""
        return self._offers.get(name) or (self._recall if name == RECALL else None)

    def _offer_of(self, call: CallRecord) -> Offer | None:
        """Returns the tool that does a call, if it is still offered."""
        return self._by_key.get(call.tool) or self._offer(call.tool)

    def _asking(self, name: str) -> Asking:
        tool = offer.tool if (offer := self._offer(name)) else None
        key, title = (tool.key, tool.title) if tool else (name[:200], name[:200])
        return Asking(self._round_number, 0, key, title, "", 0)

    def _record(self, said: Round, stop: Stop) -> None:
        """Enters the calls of a round in the ledger, each in the state in which it begins."""
        with self._engine.in_app():
            number, judged = self._round_number, list[CallRecord]()
            for at, call in said.calls.items():
                judged.append(self._judged(number, at, call, judged))
        self._ledger.add([replace(judged[0], kept=said.kept), *judged[1:]], stop)
        self._ledger.programs_round = number if said.is_programs else 0

    def _record_first(self, first: FirstCall, stop: Stop) -> None:
        with self._engine.in_app():
            record = self._judged(BEFORE, 0, ToolCall(new_id(), first.tool, first.arguments), ())
        if record.state == "waiting" and first.is_allowed:
            # Nothing is sent but the person's own text, whatever the answer has read.
            by, now = self._answer.person_id, utc_now()
            record = replace(record, state="asked", why="", decision="allow", decided_by=by, decided_at=now)
        self._ledger.add([record], stop)

    def _judged(self, round_number: int, number: int, call: ToolCall, before: Sequence[CallRecord]) -> CallRecord:
        """Returns a call as it begins: it waits, can be done, or has failed already; `before` it are others of its round."""
        offer = self._offer(call.tool)
        record = CallRecord(
            id=new_id(),
            message_id=self._ledger.message_id,
            generation_id=self._ledger.generation_id,
            round=round_number,
            number=number,
            upstream_id=call.id,
            tool=offer.tool.key if offer else call.tool[:200],
            title=offer.tool.title if offer else call.tool[:200],
            arguments=call.arguments,
            state="asked",
            policy=offer.policy if offer else "deny",
            text_at=self._rounds.chars,
            private_to=self._answer.person_id if offer and offer.tool.is_private else None,
            asked_at=utc_now(),
        )
        try:
            if not offer:
                raise BadArguments(f"There is no tool named {call.tool[:100]}.")
            arguments = parsed_arguments(record.arguments)
            # Stored for all who read it.
            with languages.using(languages.ENGLISH):
                record = replace(record, title=offer.tool.says(arguments)[:500])
            check_arguments(arguments, offer.tool.schema)
            self._refuse_repetition(record, len(before))
            if offer.policy == "deny":
                return replace(record, state="denied", note="This tool is off here.", ended_at=utc_now())
            why = asks_because(offer, arguments, self._has_read([*self._ledger, *before], opens=offer.tool.reads_addresses))
            must_ask = offer.tool.is_question or offer.policy == "ask" or bool(why)
            if must_ask and not self._limits.can_wait:
                raise BadArguments(NEEDS_A_PERSON)
        except BadArguments as error:
            # The model is told what was wrong, not again all that it has written.
            arguments_kept = record.arguments if len(record.arguments) <= MOST_CHARS else record.arguments[:MOST_UNREADABLE]
            return replace(record, state="failed", error=str(error), arguments=arguments_kept, ended_at=utc_now())
        return replace(record, state="waiting" if must_ask else "asked", why=why)

    def _has_read(self, calls: Sequence[CallRecord], *, opens: bool) -> HasRead:
        """Returns what the answer has read before a call; with `opens`, also which addresses that one may open."""
        outside = [*self._answer.outside, *(place for call in calls for place in call.outside)]
        if not opens:
            return HasRead(outside)
        opened, allowed = set[str](), set[str]()
        for call in calls:
            if (offer := self._by_key.get(call.tool)) and offer.tool.reads_addresses and call.state not in ("waiting", "denied"):
                addresses = texts_in(parsed_arguments(call.arguments)) if call.started_at or call.state == "asked" else ()
                (allowed if call.decision else opened).update(addresses)
        written = frozenset(address for text in self._answer.typed for address in addresses_in(text)) | allowed
        given = frozenset(address for text in self._given_texts() for address in addresses_in(text))
        return HasRead(outside, self._is_private(calls), written, given, frozenset(opened - written))

    def _is_private(self, calls: Sequence[CallRecord]) -> bool:
        """Returns whether text is there that others can't read: of documents, memory, files or the person's own tool servers."""
        reading = {offer.tool.key for offer in self._offers.values() if offer.tool.reads_private}
        of_calls = any(call.private_to or (call.text and call.tool in reading) for call in calls)
        return self._answer.is_private or of_calls or any(source["document_id"] for source in self._ledger.sources())

    def _given_texts(self) -> Iterator[str]:
        """Yields the texts whose addresses a person or a tool has given.

        Once outside text can tell the model what to call, a tool that repeats what it was called with gives none.
        """
        yield from self._answer.given
        yield from (turn.content for turn in self._request.turns if turn.role == "user")
        told_since = 0 if self._answer.outside else min((call.round for call in self._ledger if call.outside), default=None)
        for call in self._ledger:
            offer = self._by_key.get(call.tool)
            if told_since is None or call.round <= told_since or (offer and not offer.tool.can_echo):
                yield call.text

    def _refuse_repetition(self, record: CallRecord, place: int) -> None:
        alike = (call for call in self._ledger if (call.tool, call.arguments) == (record.tool, record.arguments))
        outcomes = Counter((call.state, call.text, call.error) for call in alike)
        if max(outcomes.values(), default=0) >= MOST_ALIKE:
            raise BadArguments("This was called before with the same arguments. Use what it returned.")
        if not self._limits.can_wait and len(working(self._ledger)) + place >= self._limits.calls:
            raise BadArguments(f"This answer has made {plural(self._limits.calls, 'call')}, which is the most. Answer now.")

    def _settle_interrupted(self, stop: Stop) -> None:
        """Decides about calls that a kill interrupted: a safe one is done again, any other is a person's to decide."""
        interrupted = [call for call in self._ledger if call.state == "running"]
        if interrupted:
            self._ledger.change(
                [replace(call, state="asked" if self._is_safe(call) else "unknown") for call in interrupted], stop
            )

    def _is_safe(self, call: CallRecord) -> bool:
        """Returns whether a call can be done again without harm."""
        offer = self._offer_of(call)
        return offer is not None and offer.tool.hints.is_safe_to_repeat

    def _do_calls(self, stop: Stop, began_at: float) -> Iterator[Event]:
        """Does what needs no decision, a few at a time up to a limit; that they are being done is stored before they are."""
        while not (stop or self._limit(began_at)):
            if not (due := [call for call in self._ledger if call.state == "asked"][:AT_ONCE]):
                return
            running = [replace(call, state="running", started_at=utc_now()) for call in due]
            if not self._ledger.change(running, stop):
                return
            batch = _CallBatch({call.id for call in running}, self._engine.signal())
            for call in running:
                self._engine.spawn(partial(self._do, call, stop, batch))
            while batch.left:
                batch.signal.wait()
                batch.signal.clear()
                yield from self._news()
            if batch.costs:
                yield self._rounds.spend(*batch.costs)
            yield from self._news()

    def _do(self, call: CallRecord, stop: Stop, batch: _CallBatch) -> None:
        begun = self._engine.now()
        try:
            with self._engine.in_app():
                after = with_answer(self._outcome(call, stop, batch), self._ledger.of(call.id))
            if after.state == "waiting":
                self._ledger.change([after], stop)
                return
            self._engine.emit(Called(call.tool, after.state, self._engine.now() - begun))
            if not (stop and after.state == "failed" and self._is_safe(call)):
                # One that was stopped and can be repeated is, when the answer continues.
                self._ledger.change([replace(after, ended_at=utc_now())], stop)
        finally:
            batch.left.discard(call.id)
            batch.signal.set()

    def _outcome(self, call: CallRecord, stop: Stop, batch: _CallBatch) -> CallRecord:
        """Does a call, and returns what became of it; adds what it has cost."""
        offer = self._offer_of(call)
        if not offer or not offer.tool.run:
            return replace(call, state="failed", error="This tool is off by now.")
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
                ask=partial(self._ask, call, stop, batch) if self._limits.can_wait else None,
            )
            result = offer.tool.run(context, arguments)
            batch.costs.extend([result.cost] if result.cost else [])
            file_ids, about_files = keep_all(result.files, files, is_private=offer.tool.is_private)
            if about_files and not (file_ids or result.text):
                raise ToolFailed(about_files)
        except ToolFailed as failure:
            if isinstance(failure, QuestionAsked) and self._limits.can_wait:
                return replace(call, state="waiting", question=failure.question.record)
            is_unknown = failure.is_unknown and not self._is_safe(call) and self._limits.can_wait
            state: CallState = "unknown" if is_unknown else "failed"
            return replace(call, state=state, error=failure.message, outside=list(failure.outside))
        except AppError as error:
            return replace(call, state="failed", error=error.message)
        except (*MISTAKES, SQLAlchemyError):
            log.exception("%s failed unexpectedly", call.tool)
            return replace(call, state="failed", error="Something went wrong in this tool.")
        finally:
            db.session.rollback()
        text, most = "\n\n".join(filter(None, (about_files, result.text))), self._limits.result_chars
        return replace(
            call,
            state="done",
            text=text[:most],
            is_cut=len(text) > most,
            file_ids=file_ids,
            sources=list(result.sources),
            outside=list(result.outside),
        )

    def _ask(self, call: CallRecord, stop: Stop, batch: _CallBatch, question: ServerQuestion) -> ServerQuestion | None:
        """Asks a person while a call is open."""

        def heard(changed: CallRecord) -> None:
            self._ledger.note(changed)
            batch.signal.set()

        return ask_while_open(self._engine, self._ledger.of(call.id), question, stop=stop, heard=heard)

    def _first_source(self, call: CallRecord) -> int:
        """Returns the number from which the call's sources count: those beside it have others, before it is known how many."""
        numbers = [source["number"] for source in self._ledger.sources()]
        beside = sum(other.state == "running" and other.number < call.number for other in self._ledger)
        return max(numbers, default=0) + 1 + beside * MOST_SOURCES

    def _news(self) -> Iterator[Event]:
        """Yields what the log doesn't have yet of each call."""
        for call in self._ledger:
            if (call.id, "asked") not in self._heard and not self._is_news(call):
                continue
            for what, event in call.said():
                if (call.id, what) in self._heard:
                    continue
                self._heard.add((call.id, what))
                yield event()
                if what == "returned" and call.sources:
                    yield Sources(tuple(self._ledger.sources()))

    def _is_news(self, call: CallRecord) -> bool:
        """Returns whether this log is to say that the call was asked for: if it isn't over, or of this generation."""
        return call.is_open or call.generation_id == self._ledger.generation_id


def _spec(offer: Offer) -> ToolSpec:
    return ToolSpec(offer.name, offer.tool.description, offer.schema, is_checked=True)
