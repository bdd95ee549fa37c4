"""/api/v1/tools, /calls and /waiting: what models can call, what they have called, and what waits for a person."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self

from flask import Blueprint
from pydantic import Field
from sqlalchemy import select

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body
from webapp.api.sources import SourceAnswer, source_answers
from webapp.base.db import db
from webapp.chat.calls import service as call_service
from webapp.chat.calls.access import decidable_call, visible_call
from webapp.engine.tables import WHILE_ACTIVE, Generation
from webapp.settings.service import setting
from webapp.tools.calls import CallRecord, shown_arguments
from webapp.tools.offers import built_in_tools, tools_of
from webapp.tools.policies import policies_for
from webapp.tools.questions import ServerQuestion, shown_field
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call
from webapp.tools.tool import Policy, Tool

bp = Blueprint("api_tools", __name__, url_prefix="/api/v1")
TOOLS_OFF = "Tools are turned off on this server."
# What becomes of a call whose answer ends without it.
LEFT = {"asked": "not_finished", "waiting": "not_decided", "running": "not_finished"}
# How much of a result goes with a message; all of it at `GET /api/v1/calls/ID`.
WITH_A_MESSAGE_CHARS = 4_000


class HintsAnswer(Answer):
    """What a tool says of itself."""

    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool


class ToolAnswer(Answer):
    key: str
    title: str
    description: str
    input_schema: dict[str, Any]
    policy: Policy = Field(description="What holds for you. A tool that is denied can't be chosen.")
    hints: HintsAnswer
    server_id: str | None = Field(description="The tool server that offers it; null for the tools that come with Millrace.")
    is_available: bool
    reason: str = Field(description="Why it isn't available; else empty.")

    @classmethod
    def from_tool(cls, tool: Tool, policy: Policy) -> Self:
        reason, hints = "" if setting("tools.enabled") else TOOLS_OFF, tool.hints
        reason = reason or tool.unavailable()
        return cls(
            key=tool.key,
            title=tool.title,
            description=tool.about if tool.server else tool.description,
            input_schema=dict(tool.schema),
            policy=policy,
            hints=HintsAnswer(
                read_only=hints.is_read_only,
                destructive=hints.is_destructive,
                idempotent=hints.is_idempotent,
                open_world=hints.is_open_world,
            ),
            server_id=tool.server_id,
            is_available=not reason,
            reason=reason,
        )


class FieldChoice(Answer):
    value: str
    title: str


class QuestionField(Answer):
    """A field of a form. `least` and `most` bound a number, the length of a text, or how many are chosen."""

    name: str
    title: str
    description: str
    kind: Literal["text", "number", "integer", "switch", "choice", "choices"]
    is_required: bool
    choices: list[FieldChoice]
    format: str
    least: float | None
    most: float | None
    default: Any


class ToolList(Answer):
    tools: list[ToolAnswer]


class QuestionAnswer(Answer):
    """What a tool server asks a person for a call: a form or, with a `url`, a page to visit."""

    number: int = Field(description="Which question of the call it is.")
    server: str
    message: str = Field(description="What the server says: text from outside.")
    fields: list[QuestionField]
    url: str
    is_open: bool = Field(description="Whether the call waits for an answer to it.")
    is_again: bool = Field(description="Whether the call has ended without being done, and is made again with the answer.")
    values: dict[str, Any] | None = Field(description="Your answers, by the names of the fields; null if they aren't yours.")

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        question = ServerQuestion.from_record(record)
        is_own = question.action == "accept" and question.by == caller().id
        fields = [shown_field(field) for field in question.fields]
        own = {"fields": fields, "url": question.address, "values": dict(question.values) if is_own else None}
        return cls.of(question, **own)


class CallAnswer(Answer):
    """A model's call of a tool."""

    id: str
    message_id: str
    round: int = Field(description="0 for a search of the web before the answer of a model that takes no tools.")
    tool: str
    title: str = Field(description="What it did, in words; the name of the tool unless it is done.")
    question: QuestionAnswer | None = Field(description="What the tool's server asks a person for it, or has asked last.")
    arguments: Any = Field(description="An object, or the text that the model wrote if that is none.")
    state: Literal["asked", "waiting", "running", "done", "failed", "denied", "unknown", "not_decided", "not_finished"] = Field(
        description="`not_decided` and `not_finished` are of calls that their answer has left behind when it ended."
    )
    policy: str
    why: str = Field(description="Why a person must decide although the policy allows it; else empty.")
    decision: str
    decided_by: str | None
    note: str
    text: str = Field(description="What it returned; with a message up to 4,000 characters.")
    is_cut: bool = Field(description="Whether `text` is not all that the tool returned, or what it returned isn't yours to see.")
    sources: list[SourceAnswer] = Field(description="The passages that it quotes, as far as you can see them.")
    error: str
    file_ids: list[str] = Field(description="The files that it made: `GET /api/v1/files/ID` returns one.")
    asked_at: datetime
    decided_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def from_rows(cls, rows: Sequence[Call | CallRecord], *, most_chars: int | None = None) -> list[Self]:
        hidden, left = hidden_results(caller(), rows), _left_behind(rows)
        return [cls._from_row(row, is_hidden=row.id in hidden, is_left=row.id in left, most_chars=most_chars) for row in rows]

    @classmethod
    def from_row(cls, row: Call | CallRecord) -> Self:
        return cls.from_rows([row])[0]

    @classmethod
    def _from_row(cls, row: Call | CallRecord, *, is_hidden: bool, is_left: bool, most_chars: int | None) -> Self:
        text = "" if is_hidden else row.text[:most_chars]
        is_asked_caller = row.question and row.private_to in (None, caller().id)
        tool = built_in_tools().get(row.tool)
        return cls.of(
            row,
            title=row.title if row.state == "done" or not tool else tool.title,
            state=LEFT[row.state] if is_left else row.state,
            arguments=shown_arguments(row.arguments),
            text=text,
            is_cut=row.is_cut or is_hidden or len(text) < len(row.text),
            error="" if is_hidden else row.error,
            file_ids=[] if is_hidden else list(row.file_ids),
            sources=source_answers(row.sources),
            question=QuestionAnswer.from_record(row.question) if row.question and is_asked_caller else None,
        )


def _left_behind(rows: Sequence[Call | CallRecord]) -> set[str]:
    """Returns the ids of the calls whose answer has ended without them; without a query if none is open."""
    if not (messages := {row.message_id for row in rows if row.state in LEFT}):
        return set()
    active = set(db.session.scalars(select(Generation.message_id).where(Generation.message_id.in_(messages), WHILE_ACTIVE)))
    return {row.id for row in rows if row.state in LEFT and row.message_id not in active}


class WaitingAnswer(Answer):
    """An answer that waits at a limit, or for another model."""

    generation_id: str
    message_id: str
    chat_id: str
    reason: call_service.WaitsFor = Field(description="`limit`, or `model` if its own can't answer any more.")
    limit: str = Field(description="`rounds`, `calls`, `seconds`, `chars`, `cost` or `budget`; empty if it is at none.")
    figure: str = Field(description="Where the limit stands, such as `12`; empty for a budget.")
    message: str = Field(description="What people are told of the limit.")

    @classmethod
    def from_row(cls, row: Generation) -> Self:
        message_id, reached = row.message_id or "", call_service.limit_of(row.message_id or "")
        return cls(
            generation_id=row.id,
            message_id=message_id,
            chat_id=row.chat_id,
            reason=call_service.waits_for(row),
            limit=reached.limit if reached else "",
            figure=reached.figure if reached else "",
            message=reached.words if reached else "",
        )


class OpenCalls(Answer):
    calls: list[CallAnswer]
    answers: list[WaitingAnswer] = Field(
        description="Those at a limit, about which `POST /api/v1/generations/ID/fuse` decides, and those without their model, "
        "for which `POST /api/v1/generations/ID/model` chooses another."
    )


class NewDecision(Body):
    decision: call_service.Decision = Field(
        description="`allow`, `allow_in_chat` or `deny` for a call that asks; `answer` or `decline` for a question, with the "
        "answer in `result` if the model asks, in `values` if a tool server does, whose call you can also `cancel`; `done`, "
        "`again` or `leave` for one of which no reply was seen."
    )
    note: str = Field("", description="For the model.", max_length=call_service.MOST_CHARS)
    result: str = Field("", description="The answer to the model, or what a call returned that was `done`.", max_length=20_000)
    values: dict[str, Any] = Field({}, description="The answers to a tool server, by the names of its fields.", max_length=20)


@bp.get("/tools")
@operation("List the tools that you can use", scope="read", answer=ToolList)
def index() -> ToolList:
    policies = policies_for(caller())
    return ToolList(tools=[ToolAnswer.from_tool(tool, policies.of(tool)) for tool in tools_of(caller()).values()])


@bp.get("/waiting")
@operation("List the calls and answers that wait for your decision, newest first", scope="read", answer=OpenCalls)
def waiting() -> OpenCalls:
    session, me = db.session(), caller()
    calls, answers = call_service.waiting_for(session, me), call_service.answers_waiting_for(session, me)
    return OpenCalls(
        calls=CallAnswer.from_rows(calls, most_chars=WITH_A_MESSAGE_CHARS),
        answers=[WaitingAnswer.from_row(answer) for answer in answers],
    )


@bp.get("/calls/<id>")
@operation("Show a call with all that it returned", scope="read", answer=CallAnswer)
def show(id: str) -> CallAnswer:
    return CallAnswer.from_row(visible_call(id))


@bp.post("/calls/<id>/decision")
@operation(
    "Decide about a call that waits; the answer continues where it waited",
    scope="chat",
    body=NewDecision,
    answer=CallAnswer,
    errors=(409,),
)
def decide(id: str, body: NewDecision) -> CallAnswer:
    call = decidable_call(id)
    about = {"note": body.note, "result": body.result}
    return CallAnswer.from_row(call_service.decide(call, body.decision, by=caller(), values=body.values, **about))
