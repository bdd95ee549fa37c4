"""What a person can do to have a plan written: start one, complete it, repeat parts, stop it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp import topic_names
from webapp.accounts import creation_limit
from webapp.accounts.tables import User
from webapp.connections.models import providers
from webapp.database import rows
from webapp.db import db, utc_now, write
from webapp.engine import service as generations
from webapp.engine.engine import the_engine
from webapp.engine.metric_events import Exposed
from webapp.engine.tables import Generation
from webapp.errors import Conflict, Invalid
from webapp.plans import plan_types, prompts, quota
from webapp.plans.kind import PLAN, announce
from webapp.plans.model_requests import parameters_of, request_of, source_of
from webapp.plans.queries import generation_of, inputs_of
from webapp.plans.schema import at, missing, steps, value_at
from webapp.plans.tables import Plan, PlanInputs
from webapp.prompts import active_prompts, arm_choice
from webapp.prompts.arm_choice import ExperimentUnit

DETACH = "detach"


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a plan's generation: its kind, and a function that stores related rows in the same transaction."""

    kind: str = PLAN.name
    stored: Callable[[Session, Plan], None] = lambda _session, _plan: None


A_PERSON = Origin()


def submit(owner: User, type: str, values: dict[str, Any]) -> PlanInputs:
    """Stores a person's inputs for a plan; raises `Rejected` with a sentence for each invalid field."""
    found, owner_id = plan_types.get(type), owner.id
    filled = found.filled(values)
    creation_limit.count(owner_id)
    with write() as session:
        inputs = PlanInputs(owner_id=owner_id, type=found.slug, values=filled)
        session.add(inputs)
    return db.session.merge(inputs)


def make(
    inputs: PlanInputs,
    *,
    model: str = "",
    when_unwatched: str = DETACH,
    is_whole: bool = False,
    again_of: str | None = None,
    origin: Origin = A_PERSON,
) -> Plan:
    """Starts a new plan, which is stored when this returns; `is_whole` requests the answer without streaming."""
    type, owner_id = plan_types.get(inputs.type), inputs.owner_id
    about = {**type.about, "type": type.slug}
    for name in ("sample", "example"):
        about.pop(name, None)
    wanted = _model(inputs, model)
    plan = Plan(owner_id=owner_id, inputs_id=inputs.id, type=type.slug, about=about, title=type.title, again_of_id=again_of)
    parts = {**_prompt_parts(about, inputs), "is_whole": is_whole}
    return _begin(plan, parts, model=wanted, when_unwatched=when_unwatched, origin=origin)


def finish_it(plan: Plan, *, is_whole: bool = False, origin: Origin = A_PERSON) -> Plan:
    """Has the model write what a plan lacks; saved parts stay. `is_whole` requests the rest without streaming."""
    if plan.is_running:
        generations.refuse_if_busy(plan.lane)
    if not plan.content:
        parts = {**_prompt_parts(plan.about, inputs_of(plan)), "is_whole": is_whole}
        return _begin(plan, parts, model=_model_of(plan), origin=origin)
    places = missing(plan.content, plan.schema)
    if not places:
        raise Conflict("This plan is complete, so there is nothing to finish.")
    return _complete(plan, places, is_whole=is_whole, origin=origin)


def again_at(plan: Plan, place: str) -> Plan:
    """Has one part written again, with all others locked; the old part stays until the new one is finished."""
    generations.refuse_if_busy(plan.lane)
    if len(steps(place)) > 2 or value_at(plan.content, place) is None or at(plan.schema, place) is None:
        raise Invalid("This plan has no such part.")
    return _complete(plan, [place], is_anew=True)


def start_again(plan: Plan) -> Plan:
    """Starts another plan from the same inputs; this one stays."""
    return make(inputs_of(plan), again_of=plan.id)


def stop(plan: Plan) -> None:
    """Stops the generation; finished parts are kept. Does nothing if none is running."""
    generation = generation_of(plan)
    if generation and generation.is_active:
        generations.stop(the_engine(), generation)


def _complete(plan: Plan, places: list[str], *, is_anew: bool = False, is_whole: bool = False, origin: Origin = A_PERSON) -> Plan:
    about, there = plan.about, plan.content
    inputs = inputs_of(plan)
    parts = prompts.for_places(about, inputs.values, there, places, _unit(inputs), is_anew=is_anew)
    schema = prompts.schema_of_places(plan.schema, places)
    prompt = {**parts, "schema": schema, "places": places, "there": there, "is_whole": is_whole}
    return _begin(plan, prompt, model=_model_of(plan), origin=origin)


def _prompt_parts(about: dict[str, Any], inputs: PlanInputs) -> dict[str, Any]:
    """Returns the prompt for a whole plan."""
    return {**prompts.for_plan(about, inputs.values, _unit(inputs)), "schema": about["plan"]}


def _unit(inputs: PlanInputs) -> ExperimentUnit:
    """Returns the unit that experiments assign a version to: the same for all plans with the same inputs."""
    return ExperimentUnit(inputs.owner_id, f"inputs:{inputs.id}")


def _model_of(plan: Plan) -> str:
    last = generation_of(plan)
    return last.model_asked if last else _model(inputs_of(plan), "")


def _begin(plan: Plan, parts: dict[str, Any], *, model: str, when_unwatched: str = DETACH, origin: Origin = A_PERSON) -> Plan:
    """Stores the plan, its quota unit and its generation in one transaction, then starts the generation."""
    engine, known, plan_id, owner_id = the_engine(), providers(), plan.id, plan.owner_id
    known.of(model)
    prompt = {**parts, "parameters": parameters_of(model)}

    def store(session: Session) -> Generation:
        stored = session.get(Plan, plan_id) if plan_id else plan
        if stored is None:
            raise Conflict("This plan has been deleted.")
        session.add(stored)
        session.flush()
        origin.stored(session, stored)
        quota.reserve(session, stored)
        rows.locked(session, User, owner_id)
        generation = Generation(
            kind=origin.kind,
            lane=stored.lane,
            user_id=owner_id,
            model_asked=model,
            connection=known.connection_of(model),
            when_unwatched=when_unwatched,
            owner=engine.worker.id,
            prompt=prompt,
            led_by=active_prompts.words(prompt),
        )
        generations.store_within_limits(engine, session, generation, request_of(generation))
        for key, version in arm_choice.store_exposures(session, prompt, generation.id, ExperimentUnit(owner_id, generation.lane)):
            engine.emit(Exposed(key, version))
        stored.status, stored.generation_id, stored.generation_started_at = "generating", generation.id, utc_now()
        stored.error_code = stored.error = ""
        return generation

    with generations.admitted(engine, owner_id, lane=topic_names.of_plan(plan_id or "")), generations.beginning(engine):
        try:
            with write() as session:
                generation = store(session)
                source = source_of(engine, generation, session.get_one(Plan, topic_names.plan_in(generation.lane)))
        except IntegrityError as error:
            generations.refuse_if_busy(topic_names.of_plan(plan_id))
            raise Conflict("This plan has just changed. Please try again.") from error
        generations.start(engine, generation, source)
    begun = db.session.get_one(Plan, topic_names.plan_in(generation.lane))
    announce(begun)
    return begun


def _model(inputs: PlanInputs, wanted: str) -> str:
    owner = db.session.get_one(User, inputs.owner_id)
    model = wanted or providers().default(owner.default_model)
    providers().of(model)
    return model
