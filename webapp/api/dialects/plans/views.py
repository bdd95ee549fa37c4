"""Dialect 5: plans, streamed or in one piece."""

from functools import partial

from flask import Blueprint, Response

from webapp.accounts.guards import found
from webapp.accounts.tables import User
from webapp.api import access
from webapp.api.access import caller
from webapp.api.dialects.course import UNFINISHED
from webapp.api.dialects.plans.encoder import PlanOutcome, PlansEncoder
from webapp.api.dialects.plans.schemas import (
    PLANS,
    USUAL_TYPE,
    PlanCancelled,
    PlanMade,
    PlanOrder,
    PlanProgress,
    PlanState,
    PlanTrouble,
    PlanWishes,
    PlanWishesKept,
    StreamedPlanOrder,
)
from webapp.api.dialects.plans.stream import plan_stream
from webapp.api.dialects.schemas import Notice
from webapp.api.operations import STARTS, both, operation
from webapp.api.problems import Refused
from webapp.api.streams import wait_until_ended
from webapp.api.wait_for_answer import NO_ANSWER, NoAnswer
from webapp.db import db
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.errors import Forbidden
from webapp.plans import kind, plan_types, queries, service
from webapp.plans.projection import PlanProjection
from webapp.plans.schema import expected, main_list
from webapp.plans.tables import Plan, PlanInputs
from webapp.streaming.events import Failed

TAG = "Plans compatibility API"
# Stops a plan after ten seconds without a reader: a client that reloads has reconnected by then.
ABORT = "abort:10"
RETRYABLE = {"cut", "stall", "error", "rate", "first_byte", "server_restart", "invalid", "token_limit", "client_disconnected"}
bp = Blueprint("api_plans", __name__)


@both(bp, "/api/plan/inputs", methods=("POST",))
@operation("Start a plan", scope="plans", body=PlanWishes, answer=PlanWishesKept, status=201, errors=(422,), tag=TAG)
def submit(body: PlanWishes) -> PlanWishesKept:
    slug = USUAL_TYPE if body.planType is None else body.planType
    given = {name: value for name, value in (body.preferences or {}).items() if value is not None}
    if slug not in plan_types.slugs():
        raise Refused({"planType": f"There is no plan type named {slug}."})
    return PlanWishesKept(preferenceId=service.submit(caller(), slug, {**given, "goals": body.goals}).id)


@both(bp, "/service/generate", methods=("POST",))
@operation(
    "Create a plan and wait for it",
    scope="plans",
    body=PlanOrder,
    answer=PlanMade,
    errors=(404, *STARTS),
    others=NO_ANSWER,
    tag=TAG,
)
def generate(body: PlanOrder) -> PlanMade:
    plan = service.make(_inputs(caller(), body.preferenceId), is_whole=True)
    plan_id = plan.id
    generation = wait_until_ended(found(queries.generation_of(plan)))
    made = found(kind.plan_now(plan_id))
    if made.status == "failed":
        raise NoAnswer(Failed(made.error_code, made.error), {"planId": plan_id}, generation.attempts)
    return PlanMade(
        success=made.status == "completed",
        planId=plan_id,
        status=made.status,  # type: ignore[arg-type]
        reason=made.error_code or generation.reason,
        notices=[Notice(code=made.error_code, message=made.error)] if made.error_code else [],
    )


@both(bp, "/api/streaming/generate-plan", methods=("POST",))
@operation("Create a plan and stream it", scope="plans", body=StreamedPlanOrder, stream=PLANS, errors=(404, *STARTS), tag=TAG)
def generate_and_watch(body: StreamedPlanOrder) -> Response:
    inputs = _inputs(_whose(body.userId), body.preferenceId)
    return _stream(service.make(inputs, when_unwatched=ABORT))


@both(bp, "/api/streaming/status/<id>")
@operation("Show a plan's progress", scope="plans", answer=PlanState, errors=(404,), tag=TAG)
def status(id: str) -> PlanState:
    # Polling does not count as presence: clients poll to find out whether a plan was stopped for lack of a reader.
    plan = _plan(id)
    content, chars = _now(plan)
    done = content.get(main_list(plan.schema))
    count = len(done) if isinstance(done, list) else 0
    return PlanState(
        planId=plan.id,
        status=plan.status,  # type: ignore[arg-type]
        progress=PlanProgress(weeksCompleted=count, weeksTotal=max(count, expected(plan.schema)), chars=chars),
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


def _stream(plan: Plan) -> Response:
    engine, generation = the_engine(), found(queries.generation_of(plan))
    projection = PlanProjection(plan.schema, {}, [])
    outcome = partial(_outcome, engine, plan.id, generation.id)
    encoder = PlansEncoder(plan.id, plan.schema, projection, engine.now, outcome)
    return plan_stream(plan, generation, encoder)


def _outcome(engine: Engine, plan_id: str, generation_id: str) -> PlanOutcome:
    with engine.in_app():
        plan, generation = kind.plan_now(plan_id), db.session.get(Generation, generation_id, populate_existing=True)
        if plan is None or generation is None:
            return PlanOutcome("failed", {}, None, "deleted", "The plan has been deleted.", retryable=False)
        usage = {"inputTokens": generation.input_tokens, "outputTokens": generation.output_tokens, "cost": generation.cost}
        code, message = (plan.error_code, plan.error) if plan.error_code else (UNFINISHED.code, UNFINISHED.message)
        return PlanOutcome(plan.status, plan.content, usage, code, message, retryable=code in RETRYABLE)


def _now(plan: Plan) -> tuple[dict[str, object], int]:
    """Returns the current content of a plan and the number of characters written so far."""
    generation = queries.generation_of(plan)
    broadcast = the_engine().broadcast(generation) if generation and plan.is_running else None
    if not broadcast or not generation:
        return plan.content, len(kind.text_of(plan))
    live, (shown, _) = the_engine().live.get(generation.id), broadcast.snapshot()
    return shown, live.run.transcript.chars if live else 0


def _whose(user_id: str | None) -> User:
    """Returns the user for whom the plan is made; only admins can name someone else."""
    me = caller()
    if user_id in (None, "", me.id):
        return me
    if not access.may("admin"):
        raise Forbidden("userId must be your own.")
    return found(db.session.get(User, user_id))


def _inputs(owner: User, id: str) -> PlanInputs:
    return found(queries.own_inputs(owner.id, id))


def _plan(id: str) -> Plan:
    return found(queries.own_plan(caller().id, id))
