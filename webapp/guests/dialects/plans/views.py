"""Dialect 5: plans, streamed or in one piece."""

from collections.abc import Sequence
from functools import partial

from flask import Blueprint, Response, request

from webapp.api.access import caller
from webapp.api.operations import STARTS, STREAM_HEADERS, answered_with, both, idempotency_key, operation, wants_stream
from webapp.api.problems import InvalidFields, stream_url
from webapp.api.streaming.course import UNFINISHED
from webapp.api.streaming.feed import END
from webapp.api.streaming.plan_stream import plan_stream, plans_stream
from webapp.api.streaming.streams import has_all, last_position, wait_until_ended
from webapp.api.streaming.wait_for_answer import NO_ANSWER, NoAnswer
from webapp.base import topic_names
from webapp.base.db import db
from webapp.base.untrusted_json import JsonObject
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.engine.watching.watcher_loop import LOST
from webapp.guests.dialects.plans.encoder import PlanOutcome, PlansEncoder
from webapp.guests.dialects.plans.schemas import (
    PLANS,
    SEVERAL_PLANS,
    USUAL_TYPE,
    PlanBegun,
    PlanCaller,
    PlanCancelled,
    PlanEventsQuery,
    PlanMade,
    PlanOrder,
    PlanOrders,
    PlanProgress,
    PlanState,
    PlanTrouble,
    PlanWishes,
    PlanWishesKept,
    PlanWishesQuery,
)
from webapp.guests.dialects.schemas import DialectNotice
from webapp.people.accounts.guards import found
from webapp.plans import queries
from webapp.plans.pages import shown
from webapp.plans.tables import Plan, PlanInputs
from webapp.plans.types import service as plan_type_service
from webapp.plans.types.preferences import sorted_preferences
from webapp.plans.writing import kind, service
from webapp.plans.writing.projection import PlanProjection, WritingProgress, progress_at_end, progress_of
from webapp.streaming.events import Failed

TAG = "Plans compatibility API"
# Stops a plan after ten seconds without a reader: a client that reloads has reconnected by then.
ABORT = "abort:10"
EVENTS_PATH = "/api/streaming/events/{plan}"
HEADERS = {**STREAM_HEADERS, "X-Plan-Id": "The plan."}
NOT_USED = "userId is not used"
RETRYABLE = {"cut", "stall", "error", "rate", "first_byte", "server_restart", "invalid", "token_limit", "client_disconnected"}
bp = Blueprint("api_plans", __name__)


@both(bp, "/api/plan/inputs", methods=("POST",))
@operation(
    "Store goals and preferences and, if requested, start a plan from them",
    scope="plans",
    body=PlanWishes,
    query=PlanWishesQuery,
    answer=PlanWishesKept,
    status=201,
    takes_key=True,
    errors=STARTS,
    tag=TAG,
)
def submit(body: PlanWishes, query: PlanWishesQuery) -> PlanWishesKept:
    slug, key = USUAL_TYPE if body.planType is None else body.planType, idempotency_key()
    values = {name: value for name, value in (body.preferences or {}).items() if value is not None}
    if slug not in plan_type_service.slugs():
        raise InvalidFields({"planType": f"There is no plan type named {slug}."})
    preferences = sorted_preferences(values, plan_type_service.get(slug).inputs)
    inputs = service.submit(caller(), slug, {**preferences.known, "goals": body.goals}, others=preferences.others, key=key)
    plan = service.make(inputs, key=key) if query.generate else None
    return PlanWishesKept(
        preferenceId=inputs.id,
        planId=plan.id if plan else None,
        streamUrl=_stream_url(plan) if plan else None,
        warnings=preferences.warnings,
    )


@both(bp, "/service/generate", methods=("POST",))
@operation(
    "Create a plan and wait for it",
    scope="plans",
    body=PlanOrder,
    answer=PlanMade,
    takes_key=True,
    errors=(404, *STARTS),
    others=NO_ANSWER,
    tag=TAG,
)
def generate(body: PlanOrder) -> PlanMade:
    plan = service.make(_inputs(body.preferenceId), is_whole=True, key=idempotency_key())
    plan_id = plan.id
    generation = wait_until_ended(found(queries.generation_of(plan)))
    state = found(kind.plan_now(plan_id))
    if state.status == "failed":
        raise NoAnswer(Failed(state.error_code, state.error), {"planId": plan_id}, generation.attempts)
    return PlanMade(
        success=state.status == "completed",
        planId=plan_id,
        status=state.status,  # type: ignore[arg-type]
        reason=state.error_code or generation.reason,
        notices=[DialectNotice(code=state.error_code, message=state.error)] if state.error_code else [],
        warnings=_warnings(body),
    )


@both(bp, "/api/streaming/generate-plan", methods=("POST",))
@operation(
    "Create a plan and stream it",
    scope="plans",
    body=PlanOrder,
    stream=PLANS,
    headers=HEADERS,
    takes_key=True,
    errors=(404, *STARTS),
    tag=TAG,
)
def generate_and_watch(body: PlanOrder) -> Response:
    plan = service.make(_inputs(body.preferenceId), when_unwatched=ABORT, key=idempotency_key())
    return _stream(plan, _warnings(body))


@both(bp, "/api/streaming/generate-plans", methods=("POST",))
@operation(
    "Create several plans and stream them together",
    scope="plans",
    body=PlanOrders,
    stream=SEVERAL_PLANS,
    headers={},
    takes_key=True,
    errors=(404, *STARTS),
    tag=TAG,
)
def generate_several(body: PlanOrders) -> Response:
    several = [_inputs(id) for id in body.preferenceIds]
    plans = service.make_several(several, when_unwatched=ABORT, key=idempotency_key())
    warnings = _warnings(body)
    return plans_stream([_encoded(plan, warnings) for plan in plans])


@both(bp, "/api/plan/<id>/continue", methods=("POST",))
@operation(
    "Finish a plan that is not complete, and stream it with Accept: text/event-stream",
    scope="plans",
    answer=PlanBegun,
    status=202,
    stream=PLANS,
    headers=HEADERS,
    takes_key=True,
    errors=(404, *STARTS),
    stream_path=EVENTS_PATH,
    tag=TAG,
)
def go_on(id: str) -> Response:
    is_streamed = wants_stream()
    plan = service.finish_it(_plan(id), when_unwatched=ABORT if is_streamed else service.DETACH, key=idempotency_key())
    if is_streamed:
        return _stream(plan)
    return answered_with(PlanBegun(planId=plan.id, status=plan.status, streamUrl=_stream_url(plan)), 202)  # type: ignore[arg-type]


@both(bp, "/api/streaming/events/<id>")
@operation(
    "Stream a plan's events from the beginning, during and after generation",
    scope="plans",
    stream=PLANS,
    headers=HEADERS,
    errors=(404,),
    query=PlanEventsQuery,
    others=((204, "There is nothing more to read, or another reader took over; an EventSource does not reconnect.", None),),
    ticket=lambda names: topic_names.of_plan(names["id"]),
    tag=TAG,
)
def events(id: str, query: PlanEventsQuery) -> Response:
    plan = _plan(id)
    generation = queries.generation_of(plan)
    # Each event has the whole state, so the position that a client sends matters only after the end.
    is_read = request.headers.get("Last-Event-ID") in (END, LOST)
    if generation is None or is_read or has_all(generation, last_position()):
        return Response(status=204)
    return _stream(plan)


@both(bp, "/api/streaming/status/<id>")
@operation("Show a plan's progress", scope="plans", answer=PlanState, errors=(404,), tag=TAG)
def status(id: str) -> PlanState:
    # Polling does not count as presence: clients poll to find out whether a plan was stopped for lack of a reader.
    plan = _plan(id)
    content, at = _now(plan)
    progress = PlanProgress(
        weeksCompleted=at.done,
        weeksTotal=at.total,
        chars=at.chars,
        tokens=at.tokens,
        seconds=at.seconds,
        percent=at.percent,
        secondsLeft=at.seconds_left,
    )
    return PlanState(
        planId=plan.id,
        status=plan.status,  # type: ignore[arg-type]
        progress=progress,
        partial=content,
        error=PlanTrouble(code=plan.error_code, message=plan.error) if plan.error_code else None,
        startedAt=plan.generation_started_at,
    )


@both(bp, "/api/streaming/cancel/<id>", methods=("DELETE",))
@operation("Stop a plan and keep what is finished", scope="plans", answer=PlanCancelled, status=202, errors=(404,), tag=TAG)
def cancel(id: str) -> PlanCancelled:
    plan = _plan(id)
    service.stop(plan)
    return PlanCancelled(planId=plan.id, status=plan.status)  # type: ignore[arg-type]


def _stream(plan: Plan, warnings: Sequence[str] = ()) -> Response:
    generation, encoder = _encoded(plan, warnings)
    return plan_stream(plan, generation, encoder)


def _encoded(plan: Plan, warnings: Sequence[str]) -> tuple[Generation, PlansEncoder]:
    """Returns the plan's newest generation, and an encoder that begins with what the plan had before it."""
    engine, generation = the_engine(), found(queries.generation_of(plan))
    outcome = partial(_outcome, engine, plan.id, generation.id)
    pace = shown.pace_of(engine, plan, generation)
    begins_at = engine.logs.topics.last(topic_names.of_generation(generation.id))
    encoder = PlansEncoder(
        plan.id, plan.schema, kind.projection(generation), pace, engine.now, outcome, begins_at=begins_at, warnings=warnings
    )
    return generation, encoder


def _stream_url(plan: Plan) -> str:
    return stream_url(plan.generation_id or "", EVENTS_PATH)


def _outcome(engine: Engine, plan_id: str, generation_id: str) -> PlanOutcome:
    with engine.in_app():
        plan, generation = kind.plan_now(plan_id), db.session.get(Generation, generation_id, populate_existing=True)
        if plan is None or generation is None:
            return PlanOutcome("failed", {}, None, "deleted", "The plan has been deleted.", retryable=False)
        usage = {"inputTokens": generation.input_tokens, "outputTokens": generation.output_tokens, "cost": generation.cost}
        code, message = (plan.error_code, plan.error) if plan.error_code else (UNFINISHED.code, UNFINISHED.message)
        seconds = _seconds(plan, generation) if generation.ended_at else None
        return PlanOutcome(plan.status, plan.content, usage, code, message, retryable=code in RETRYABLE, seconds=seconds)


def _now(plan: Plan) -> tuple[JsonObject, WritingProgress]:
    """Returns the current content of a plan, and how far it is."""
    engine, generation = the_engine(), queries.generation_of(plan)
    broadcast = engine.logs.broadcast(generation) if generation and plan.is_running else None
    if not broadcast or not generation:
        # Plans of earlier releases have no count of their own.
        chars = plan.chars or len(kind.text_of(plan))
        return plan.content, progress_at_end(plan.content, plan.schema, chars=chars, seconds=_seconds(plan, generation))
    content, _ = broadcast.snapshot()
    assert isinstance(broadcast.projection, PlanProjection)
    return content, progress_of(broadcast.projection, plan.schema, shown.pace_of(engine, plan, generation), engine.now())


def _seconds(plan: Plan, generation: Generation | None) -> float:
    began, ended = plan.generation_started_at, generation.ended_at if generation else None
    return (ended - began).total_seconds() if began and ended else 0.0


def _warnings(body: PlanCaller) -> list[str]:
    return [] if body.userId in (None, "", caller().id) else [NOT_USED]


def _inputs(id: str) -> PlanInputs:
    return found(queries.own_inputs(caller().id, id))


def _plan(id: str) -> Plan:
    return found(queries.own_plan(caller().id, id))
