"""/api/v1/generations: the runs of models, begun, read from any position, stopped, continued."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

from flask import Blueprint, Response, request
from pydantic import Field

from webapp.api.access import caller, caller_or_none, check, may
from webapp.api.native.events import EVENTS, CanonicalEncoder
from webapp.api.operations import STREAM_HEADERS, operation, wants_stream
from webapp.api.problems import stream_url
from webapp.api.schemas import Answer, Body, Query
from webapp.api.streaming.encoding import end_id
from webapp.api.streaming.feed import END
from webapp.api.streaming.plan_stream import plan_stream
from webapp.api.streaming.streams import has_all, last_position, stream
from webapp.base import topic_names
from webapp.base.db import db
from webapp.base.inputs import Line
from webapp.chat.calls import service as call_service
from webapp.chat.messages import sending, side_by_side
from webapp.chat.prompt.answer_prompt import sent_prompt
from webapp.chat.record import reading_time
from webapp.chat.record.access import own_generation, visible_message, writable_generation
from webapp.chat.record.tables import Message
from webapp.engine import generations
from webapp.engine.duties.report import model_used
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.engine.watching.watcher_loop import LOST
from webapp.models.connections import contexts
from webapp.models.connections.models import the_models
from webapp.people.accounts.guards import found
from webapp.people.accounts.tables import User
from webapp.plans.queries import plan_of
from webapp.plans.tables import Plan


class Sent(Answer):
    """The generation that was started. The answer is written whether or not a client reads it."""

    chat_id: str
    message_id: str = Field(description="The answer in progress.")
    character_id: str | None = Field(description="In a group, whose answer it is.")
    question_id: str | None = Field(description="The message being answered.")
    generation_id: str
    status: str
    stream_url: str = Field(description="Its event stream, with a ticket in the URL for clients that can't send headers.")


class SentTogether(Sent):
    """The generation that was started; of several side by side the first, with all of them in `generations`."""

    generations: list[Sent] = Field([], description="Those that answer side by side, in the order of `models`; else empty.")


STARTS: dict[str, Any] = {"scope": "chat", "answer": Sent, "status": 202, "errors": (409, 429), "stream": EVENTS}


def begun(generation: Generation) -> Sent | Response:
    """Returns the generation that was started, or its events if the client accepts an event stream."""
    return stream(generation, CanonicalEncoder()) if wants_stream() else sent(generation)


def sent(row: Generation) -> Sent:
    answer = db.session.get_one(Message, row.message_id)
    return Sent(
        chat_id=answer.chat_id,
        message_id=answer.id,
        character_id=answer.speaker_id,
        question_id=answer.parent_id,
        generation_id=row.id,
        status=row.status,
        stream_url=stream_url(row.id),
    )


def sent_together(first: Generation) -> SentTogether:
    """Returns those that were started side by side, of which this is the first, or this one if it answers alone."""
    together = [sent(row) for row in side_by_side.generations_beside(first)] if first.column_number else []
    return SentTogether(**dict(sent(first)), generations=together)


# Longer than a day is a mistake in units.
MOST_SECONDS = 86_400
bp = Blueprint("api_generations", __name__, url_prefix="/api/v1/generations")


class GenerationAnswer(Answer):
    """One run of a model. Unknown numbers are null, never 0."""

    id: str
    chat_id: str
    message_id: str | None
    continues_id: str | None
    status: Literal["queued", "running", "waiting", "completed", "stopped", "interrupted", "failed"]
    reason: str = Field(description="Why it ended as it did; of one that waits what for: `call`, `limit` or `model`.")
    error: str
    model_asked: str
    model_used: str = Field(description="The model that answered, by its id in `GET /api/v1/models`; empty until that is known.")
    model_name: str = Field(description="Its name, as pages show it.")
    model_served: str = Field(description="Its name as its server reports it, which can be more exact.")
    provider: str
    is_demo: bool
    notices: list[dict[str, Any]] = Field(
        description="Each with its `code` and `message`. The `detail` of `limit` is a limit that it has reached and its figure."
    )
    attempts: list[dict[str, Any]]
    input_tokens: int | None
    output_tokens: int | None
    cost: str | None = Field(description="US dollars, as decimal text.")
    rule: str = Field(description="Which rule chose the model, or was skipped, in a sentence; else empty.")
    led_by: str = Field(description="The versions of prompts that led it, such as `version 3 of quick, arm B`.")
    created_at: datetime
    started_at: datetime | None
    first_text_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def from_row(cls, row: Generation) -> Self:
        used = model_used(row)
        name = the_models().display_name(used, row.connection) if used else ""
        reason = call_service.waits_for(row) if row.is_parked else row.reason
        return cls.of(row, model_used=used, model_name=name, model_served=row.model_used, reason=reason)


class More(Body):
    usd: Decimal = Field(Decimal(), description="US dollars.", ge=0, le=call_service.MOST_USD)


class FuseDecided(Body):
    decision: call_service.FuseDecision = Field(
        description="`continue` lets it go as far again, `answer` has it answer with what its calls have returned, `end` ends it."
    )
    more: More | None = Field(None, description="With `continue` at a limit on costs: how much more; without it, as much again.")


class ModelChosen(Body):
    model: Line = Field(description="The id of a model from `GET /api/v1/models`.")


class Reading(Body):
    seconds: float = Field(
        description="Times under two seconds don't count, and longer ones up to five minutes; several are added up.",
        gt=0,
        le=MOST_SECONDS,
    )


class EventsQuery(Query):
    after: str = Field(
        "", description="The `id:` of the last event received; the `Last-Event-ID` header takes precedence.", max_length=40
    )
    ticket: str = Field("", description="From a `streamUrl`, instead of a header.", max_length=200)


class SentPartAnswer(Answer):
    """A part of what was sent, in the order in which the model reads them."""

    role: str
    title: str
    content: str = Field(description="Empty for what only the person who asked can see.")
    message_id: str | None
    round: int = Field(description="The round after which it was sent; 0 for the first request.")


class SentContext(Answer):
    """How the prompt fits the model's context."""

    tokens: int = Field(description="About how many it has.")
    limit: int = Field(description="How many the context of its model holds, as far as that is known now.")
    folds: list[str] = Field(description="The handles of what stands in it folded, such as `fold-3`.")
    left_out: int = Field(description="How many exchanges were left out.")


class SentAnswer(Answer):
    parts: list[SentPartAnswer]
    context: SentContext

    @classmethod
    def for_caller(cls, row: Generation, reader: User) -> Self:
        sent, is_theirs = sent_prompt(row, reader), reader.id == row.user_id
        parts = [
            SentPartAnswer(
                role=part.role,
                title=part.title,
                content="" if part.section and part.section.is_private and not is_theirs else part.content,
                message_id=part.message_id or None,
                round=part.round,
            )
            for part in sent.parts
        ]
        limit = contexts.length(row.model_asked)
        context = SentContext(tokens=sent.tokens, limit=limit, folds=list(sent.folds), left_out=sent.prompt.left_out)
        return cls(parts=parts, context=context)


def chat_of(names: dict[str, Any]) -> str:
    generation = db.session.get(Generation, names["id"])
    return generation.chat_id or generation.lane if generation else ""


@bp.get("/<id>")
@operation("Show a generation", scope="read", answer=GenerationAnswer)
def show(id: str) -> GenerationAnswer:
    generation = _visible(id)
    # Polling counts as presence, as with the status of a chat's stream.
    the_engine().presence.seen(generation.lane)
    return GenerationAnswer.from_row(generation)


@bp.get("/<id>/prompt")
@operation("Show what was sent for an answer", scope="read", answer=SentAnswer)
def show_prompt(id: str) -> SentAnswer:
    return SentAnswer.for_caller(own_generation(id), caller())


@bp.get("/<id>/events")
@operation(
    "Stream an answer as events, from any position, during and after generation",
    scope="read",
    # A token with the scope `plans` can read the generations it starts. `_readable` checks that it is a plan's, and the
    # caller's.
    also="plans",
    query=EventsQuery,
    stream=EVENTS,
    headers={**STREAM_HEADERS, "X-Plan-Id": "The plan, if the generation writes one."},
    # Visitors are identified by their cookie; `_readable` checks that the answer is theirs.
    visitors=True,
    ticket=chat_of,
    others=((204, "Everything has been read, or another reader took over; an EventSource does not reconnect.", None),),
)
def events(id: str, query: EventsQuery) -> Response:
    generation, plan, after = *_readable(id), last_position()
    if request.headers.get("Last-Event-ID") in (END, end_id(id), LOST) or has_all(generation, after):
        return Response(status=204)
    if plan:
        return plan_stream(plan, generation, CanonicalEncoder(), after=after)
    return stream(generation, CanonicalEncoder(), after=after)


@bp.post("/<id>/stop")
@operation("Stop an answer and keep its text (idempotent)", scope="chat", answer=GenerationAnswer)
def stop(id: str) -> GenerationAnswer:
    generations.stop(writable_generation(id))
    return GenerationAnswer.from_row(writable_generation(id))


@bp.post("/<id>/fuse")
@operation(
    "Decide about an answer with tools that waits at a limit",
    scope="chat",
    body=FuseDecided,
    answer=GenerationAnswer,
    errors=(402, 409),
)
def fuse(id: str, body: FuseDecided) -> GenerationAnswer:
    generation, more = writable_generation(id), body.more.usd if body.more else Decimal()
    call_service.decide_limit(generation, body.decision, by=caller(), more_usd=more)
    return GenerationAnswer.from_row(writable_generation(id))


@bp.post("/<id>/model")
@operation(
    "Have an answer that waits continue with another model, as its own can't answer any more",
    scope="chat",
    body=ModelChosen,
    answer=GenerationAnswer,
    errors=(409,),
)
def choose_model(id: str, body: ModelChosen) -> GenerationAnswer:
    call_service.choose_model(writable_generation(id), body.model, by=caller())
    return GenerationAnswer.from_row(writable_generation(id))


@bp.post("/<id>/continue")
@operation("Continue an interrupted answer in the same message", **STARTS)
def go_on(id: str) -> Sent | Response:
    message = found(db.session.get(Message, writable_generation(id).message_id))
    return begun(sending.continue_answer(message, by=caller().id, must_be_cut=True))


@bp.post("/<id>/read")
@operation(
    "Report how long you looked at an answer; it counts if you asked for the answer, unless you or the team turned that off",
    scope="chat",
    body=Reading,
    status=204,
)
def tell_reading(id: str, body: Reading) -> None:
    reading_time.record(reading_time.recorder(the_engine(), caller().id), _visible(id).id, round(body.seconds * 1000))


def _readable(id: str) -> tuple[Generation, Plan | None]:
    """Returns a generation whose events the caller can read, and the plan that it writes, if any."""
    generation = db.session.get(Generation, id)
    if generation is None or not topic_names.plan_in(generation.lane):
        if caller_or_none():
            check("read")
        return _visible(id), None
    me, plan = caller(), plan_of(generation)
    is_theirs = plan is not None and plan.owner_id == me.id and may("plans")
    return generation, found(plan if is_theirs else None)


def _visible(id: str) -> Generation:
    generation = db.session.get(Generation, id)
    visible_message((generation.message_id if generation else None) or "")
    return found(generation)
