"""Reads plans, their inputs and their generations."""

from collections.abc import Sequence

from sqlalchemy import and_, or_, select

from webapp.base import topic_names
from webapp.base.db import db
from webapp.engine.tables import Generation
from webapp.plans.tables import RUNNING, Plan, PlanInputs

# How many plans tell how long one takes: their median changes soon after the model does.
RECENT = 20


def own_plan(owner_id: str, id: str) -> Plan | None:
    return db.session.scalar(select(Plan).where(Plan.id == id, Plan.owner_id == owner_id))


def own_inputs(owner_id: str, id: str) -> PlanInputs | None:
    return db.session.scalar(select(PlanInputs).where(PlanInputs.id == id, PlanInputs.owner_id == owner_id))


def inputs_of_request(sent_as: str | None) -> PlanInputs | None:
    """Returns the inputs that an earlier request with this hash has stored."""
    return db.session.scalar(select(PlanInputs).where(PlanInputs.sent_as == sent_as)) if sent_as else None


def plans_of(owner_id: str, *, before: str = "", limit: int = 50) -> Sequence[Plan]:
    """Returns a person's plans, newest first."""
    # Selects the ids first, because sorting whole rows would read all of the plans.
    ids = select(Plan.id).where(Plan.owner_id == owner_id).order_by(Plan.id.desc()).limit(limit)
    newest = db.session.scalars(ids.where(Plan.id < before) if before else ids).all()
    return db.session.scalars(select(Plan).where(Plan.id.in_(newest)).order_by(Plan.id.desc())).all()


def open_plans(owner_id: str, limit: int) -> Sequence[Plan]:
    """Returns a person's newest plans that are being written, or were left unfinished and not kept like that."""
    is_open = or_(Plan.status == RUNNING, and_(Plan.status == "partial", Plan.is_kept.is_(False)))
    ids = select(Plan.id).where(Plan.owner_id == owner_id, is_open).order_by(Plan.id.desc()).limit(limit)
    return db.session.scalars(select(Plan).where(Plan.id.in_(ids)).order_by(Plan.id.desc())).all()


def running_generations(owner_id: str) -> dict[str, Generation]:
    """Returns the generations that are writing a person's newest plans, by plan id."""
    running = [plan for plan in plans_of(owner_id) if plan.is_running]
    return {plan.id: generation for plan in running if (generation := generation_of(plan))}


def inputs_of(plan: Plan) -> PlanInputs:
    return db.session.get_one(PlanInputs, plan.inputs_id)


def generation_of(plan: Plan) -> Generation | None:
    """Returns the plan's newest generation, which is the running one if there is any."""
    return db.session.get(Generation, plan.generation_id) if plan.generation_id else None


def usual_seconds(plan: Plan, model: str) -> float | None:
    """Returns how long the last completed plans of this plan's type took to write; None if there are none."""
    newest = select(Plan.generation_id).where(Plan.type == plan.type, Plan.status == "completed", Plan.id != plan.id)
    recent = select(Generation.model_asked, Generation.started_at, Generation.ended_at).where(
        Generation.id.in_(newest.order_by(Plan.id.desc()).limit(RECENT))
    )
    times = db.session.execute(recent).all()
    return median_seconds([(name, (end - start).total_seconds()) for name, start, end in times if start and end], model)


def median_seconds(durations: Sequence[tuple[str, float]], model: str) -> float | None:
    """Returns the usual duration of pairs of model and seconds: that of this model if there is one, else that of all."""
    own = [seconds for name, seconds in durations if name == model]
    usual = sorted(own or [seconds for _, seconds in durations])
    # `statistics` has the median, and a megabyte of modules for it.
    return (usual[(len(usual) - 1) // 2] + usual[len(usual) // 2]) / 2 if usual else None


def plan_of(generation: Generation) -> Plan | None:
    return db.session.get(Plan, topic_names.plan_in(generation.lane))
