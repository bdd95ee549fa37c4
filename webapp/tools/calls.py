"""The calls of an answer as they are stored: read back for a run, and changed before what a change names begins."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import utc_now
from webapp.base.words import plural, shortened
from webapp.models.providers.base import ToolCall, ToolResult, Turn
from webapp.streaming.events import Asked, CallEvent, CallState, Decided, Question as QuestionEvent, Returned, SourceRecord
from webapp.tools.arguments import decoded
from webapp.tools.folded import Fold, counted, folded_text, handle
from webapp.tools.names import safe_names
from webapp.tools.questions import ServerQuestion, shown_field
from webapp.tools.tables import Call

OPEN: tuple[CallState, ...] = ("asked", "waiting", "running", "unknown")
# States in which a person must decide.
FOR_A_PERSON: tuple[CallState, ...] = ("waiting", "unknown")
# What can be decided about a question; the rest is about the call itself.
ANSWERS = ("answer", "decline", "cancel")
# How much of a result is in the log of an answer; all of it is stored with the call.
LOGGED_CHARS = 4_000
# How much of a folded call's arguments its line has.
MOST_ARGUMENTS = 120
# How much is said in a folded round of a text, and of a result that is no longer.
MOST_SAID = 300


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call outside of a transaction; the fields are those of `Call`."""

    id: str
    message_id: str
    generation_id: str | None
    round: int
    number: int
    upstream_id: str
    tool: str
    title: str
    arguments: str
    state: CallState
    policy: str
    why: str = ""
    decision: str = ""
    decided_by: str | None = None
    note: str = ""
    text: str = ""
    is_cut: bool = False
    error: str = ""
    sources: Sequence[SourceRecord] = ()
    outside: Sequence[str] = ()
    file_ids: Sequence[str] = ()
    text_at: int = 0
    kept: str = ""
    question: Mapping[str, Any] | None = None
    private_to: str | None = None
    fold: Fold | None = None
    asked_at: datetime | None = None
    decided_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @classmethod
    def of(cls, call: Call) -> "CallRecord":
        return cls(**{field.name: getattr(call, field.name) for field in fields(cls)})

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def asks(self) -> ServerQuestion | None:
        """What the server asks a person for it, or has asked."""
        return ServerQuestion.from_record(self.question) if self.question else None

    def said(self) -> Iterator[tuple[str, Callable[[], CallEvent]]]:
        """Yields what the log says of the call in its present state, each with what tells it from the others."""
        question = self.asks
        yield "asked", self.asked
        if question:
            yield f"question {question.number}", self.asked_person
        if self.decision:
            is_answer = question is not None and self.decision in ANSWERS
            yield f"answer {question.number}" if question and is_answer else self.decision, self.decided
        if not self.is_open:
            yield "returned", self.returned

    def asked(self) -> Asked:
        return Asked(self.id, self.round, self.tool, self.title, shown_arguments(self.arguments), self.policy, self.why)

    def asked_person(self) -> QuestionEvent:
        question = self.asks
        assert question, "it is said of a call with a question"
        fields = tuple(shown_field(field) for field in question.fields)
        return QuestionEvent(self.id, question.number, question.server, question.message, fields, question.address)

    def decided(self) -> Decided:
        question = self.asks if self.decision in ANSWERS else None
        return Decided(self.id, self.decision, self.decided_by or "", question.number if question else 0)

    def returned(self) -> Returned:
        is_cut = self.is_cut or len(self.text) > LOGGED_CHARS
        return Returned(self.id, self.state, self.text[:LOGGED_CHARS], is_cut, self.error, tuple(self.sources))

    @property
    def for_the_model(self) -> str:
        """What the model is told of a call that is over."""
        fold = self.fold if self.state == "done" else None
        return folded_text(self.text, fold, self.said_by_arguments, self.chars) if fold else self.in_full

    @property
    def chars(self) -> int:
        """How many characters it has returned."""
        return len(self.text)

    @property
    def in_full(self) -> str:
        """What the model is told of a call that is over, or was before that was folded."""
        if self.state == "denied":
            return f"The person did not allow this. {self.note}".strip()
        return self.text if self.state == "done" else f"Error: {self.error}"

    @property
    def as_line(self) -> str:
        """The call and what it returned, or the handle that opens that, as a line among those of a folded round."""
        if self.state == "done" and self.fold and self.chars > MOST_SAID:
            return f"{handle(self.fold['number'])}: {self.said_by_arguments}, {counted(self.chars)} characters"
        return f"{self.said_by_arguments}: {shortened(' '.join(self.in_full.split()), MOST_SAID)}"

    @property
    def said_by_arguments(self) -> str:
        """The call in words that tell it from others of its tool: with its arguments, if its title doesn't name them."""
        values = shown_arguments(self.arguments)
        texts = [str(value) for value in values.values()] if isinstance(values, dict) else [values]
        is_said = not texts or any(text and text in self.title for text in texts)
        return self.title if is_said else f"{self.title} {shortened(self.arguments, MOST_ARGUMENTS)}"


def shown_arguments(text: str) -> Any:
    """Returns the arguments as an object, or as the text that the model wrote if that is none."""
    try:
        value = decoded(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) else text


def turns_of(calls: Iterable[CallRecord], text: str, names: Mapping[str, str]) -> tuple[list[Turn], str]:
    """Returns the rounds of an answer as a request has them, and the text after the last.

    `names` are those by which the model knows the tools; one that is off by now keeps its own, made safe. Rounds that are folded
    together are left out: they stand in `folded_rounds`.
    """
    turns, at = list[Turn](), 0
    for _, calls_of_round in groupby(calls, key=lambda call: call.round):
        first, *others = calls_of_round
        if first.fold and first.fold["rounds"]:
            at = first.text_at
            continue
        sent = [ToolCall(call.upstream_id, _name(call.tool, names), call.arguments or "{}") for call in (first, *others)]
        results = [ToolResult(call.upstream_id, call.for_the_model, call.state != "done") for call in (first, *others)]
        turns.append(Turn("assistant", text[at : first.text_at], calls=tuple(sent), kept=first.kept))
        turns.append(Turn("tool", "", results=tuple(results)))
        at = first.text_at
    return turns, text[at:]


def folded_rounds(calls: Iterable[CallRecord], text: str) -> dict[int, str]:
    """Returns the texts in the place of rounds that are folded together by their numbers, each with a line for each call."""
    lines: dict[int, list[str]] = {}
    numbers: dict[int, int] = {}
    at = 0
    for _, calls_of_round in groupby(calls, key=lambda call: call.round):
        first, *others = calls_of_round
        said, at = " ".join(text[at : first.text_at].split()), first.text_at
        if number := first.fold["rounds"] if first.fold else 0:
            numbers[number] = numbers.get(number, 0) + 1
            words = [f"Said: {shortened(said, MOST_SAID)}"] if said else []
            lines.setdefault(number, []).extend([*words, *(call.as_line for call in (first, *others))])
    return {
        number: "\n".join([f"[{handle(number)}: {plural(rounds, 'round')}. recall opens it]", *lines[number]])
        for number, rounds in numbers.items()
    }


def _name(tool: str, names: Mapping[str, str]) -> str:
    return names.get(tool) or safe_names([tool])[tool]


def calls_of(session: Session, message_id: str) -> list[CallRecord]:
    """Returns all calls of an answer, in their order."""
    query = select(Call).where(Call.message_id == message_id).order_by(Call.round, Call.number)
    return [CallRecord.of(call) for call in session.scalars(query.execution_options(populate_existing=True))]


def events_of_calls(session: Session, message_id: str, generation_id: str) -> Iterator[CallEvent]:
    """Yields what the log of a generation says of its calls, as far as the rows know."""
    for call in calls_of(session, message_id):
        if call.generation_id == generation_id:
            for _, event in call.said():
                yield event()


def answer(session: Session, call_id: str, question: ServerQuestion) -> CallRecord | None:
    """Stores the answer to a question, if the call still waits for it, and returns the call as it is then."""
    row = rows.locked(session, Call, call_id)
    record = CallRecord.of(row) if row else None
    asked = record.asks if record else None
    if not (record and asked and asked.is_open and asked.number == question.number and record.state in ("waiting", "running")):
        return None
    return change(session, record, after=(record.state,), question=question.record)


def forget_answers(session: Session, person_id: str) -> None:
    """Deletes what a departing person has answered to tool servers, and what theirs returned, also in chats of others."""
    theirs = update(Call).where(Call.decided_by == person_id, Call.question.is_not(None)).values(question=None)
    session.execute(theirs.execution_options(synchronize_session=False))
    # What their own tool servers returned, which only they could see.
    private = update(Call).where(Call.private_to == person_id).values(text="", arguments="{}", is_cut=True)
    session.execute(private.execution_options(synchronize_session=False))


def store(session: Session, records: Sequence[CallRecord]) -> None:
    """Stores new calls."""
    values = [{field.name: getattr(record, field.name) for field in fields(record)} for record in records]
    session.execute(
        insert(rows.table(Call)),
        [{**value, "sources": [], "outside": [], "file_ids": [], "asked_at": value["asked_at"] or utc_now()} for value in values],
    )


def change(session: Session, record: CallRecord, *, after: Sequence[CallState], **values: Any) -> CallRecord | None:
    """Changes a call that is in one of the states `after`; returns it as changed, or None if it is in another."""
    is_there = Call.id == record.id, Call.state.in_(after)
    changed = session.execute(
        update(Call).where(*is_there).values(**values).returning(Call.id).execution_options(synchronize_session=False)
    )
    return replace(record, **values) if changed.first() else None
