"""What a person can do with plans: have one written, finished or repeated in parts, stop, edit, tick off, rate and delete it."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import and_, delete as deleted, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base import changes, topic_names
from webapp.base.database import rows
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.untrusted_json import JsonObject
from webapp.base.words import plural
from webapp.engine import generations
from webapp.engine.costs import keep_costs_alone
from webapp.engine.engine import Engine, the_engine
from webapp.engine.live import EventSource
from webapp.engine.metric_events import Exposed
from webapp.engine.tables import Generation
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.rules import service as model_rules
from webapp.models.rules.rules import Occasion
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User
from webapp.people.members import service as people_service
from webapp.plans import queries
from webapp.plans.plan_about import PlanAbout
from webapp.plans.tables import Plan, PlanInputs
from webapp.plans.types import service as plan_type_service, validation
from webapp.plans.types.schema import at, dotted, missing, put, steps, value_at
from webapp.plans.writing import model_requests, quota
from webapp.plans.writing.kind import PLAN, announce
from webapp.plans.writing.plan_prompt import PlanPrompt
from webapp.prompts import arm_choice
from webapp.settings.service import setting

DETACH = "detach"
# The number of plans deleted in one transaction.
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a plan's generation: its kind, and a function that stores related rows in the same transaction."""

    kind: str = PLAN.name
    stored: Callable[[Session, Plan], None] = lambda _session, _plan: None


A_PERSON = Origin()


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A plan to be written, with its prompt and model; `plan_id` is empty for a new one.

    `sent_as` identifies a request with an idempotency key.
    """

    plan: Plan
    plan_id: str
    prompt: PlanPrompt
    model: str
    sent_as: str | None


def submit(owner: User, type: str, values: JsonObject, *, others: Mapping[str, str] | None = None, key: str = "") -> PlanInputs:
    """Stores a person's inputs for a plan; raises `Rejected` with a sentence for each invalid field.

    `others` are texts for the model that belong to no field. A request that repeats an idempotency key and all values gets the
    inputs that the first one stored.
    """
    type_, owner_id = plan_type_service.get(type), owner.id
    filled = type_.filled(values) | ({model_requests.OTHERS: dict(others)} if others else {})
    sent = json.dumps([values, others], sort_keys=True)
    sent_as = generations.request_hash(owner_id, key, f"inputs\0{type_.slug}\0{sent}")
    if repeated := queries.inputs_of_request(sent_as):
        return repeated
    creation_limit.count(owner_id)
    try:
        with write() as session:
            inputs = PlanInputs(owner_id=owner_id, type=type_.slug, values=filled, sent_as=sent_as)
            session.add(inputs)
    except IntegrityError:
        if repeated := queries.inputs_of_request(sent_as):
            return repeated
        raise
    return db.session.merge(inputs)


def make(
    inputs: PlanInputs,
    *,
    model: str = "",
    when_unwatched: str = DETACH,
    is_whole: bool = False,
    again_of: str | None = None,
    origin: Origin = A_PERSON,
    key: str = "",
) -> Plan:
    """Starts a new plan, which is stored when this returns; `is_whole` requests the answer without streaming.

    With an idempotency key, a repeated call for the same inputs returns the plan of the first one.
    """
    name = generations.request_hash(inputs.owner_id, key, f"plan\0{inputs.id}")
    plan_request = _new(inputs, model, again_of=again_of, is_whole=is_whole, sent_as=name)
    return _begin([plan_request], when_unwatched=when_unwatched, origin=origin)[0]


def make_several(several: Sequence[PlanInputs], *, when_unwatched: str = DETACH, key: str = "") -> list[Plan]:
    """Starts a plan for each of a person's inputs, or none of them if one is refused, for example by a limit."""
    most = int(setting("limits.concurrent_streams"))
    if most and len(several) > most:
        # Not a refusal to try again later: they would never fit.
        raise Invalid(f"You can have {plural(most, 'answer')} in progress at once, so send fewer.", field="preferenceIds")
    request = ",".join(inputs.id for inputs in several)
    plan_requests = [
        _new(inputs, sent_as=generations.request_hash(inputs.owner_id, key, f"plans\0{request}\0{inputs.id}"))
        for inputs in several
    ]
    return _begin(plan_requests, when_unwatched=when_unwatched)


def finish_it(
    plan: Plan, *, is_whole: bool = False, when_unwatched: str = DETACH, origin: Origin = A_PERSON, key: str = ""
) -> Plan:
    """Has the model write what a plan lacks; saved parts stay. `is_whole` requests the rest without streaming.

    With an idempotency key, a repeated call changes nothing.
    """
    name = generations.request_hash(plan.owner_id, key, f"finish\0{plan.id}")
    if generations.generation_of_request(name):
        return plan
    if plan.is_running:
        generations.refuse_if_busy(plan.lane)
    if not plan.content:
        prompt = _prompt(plan.about, queries.inputs_of(plan), is_whole=is_whole)
        plan_request = PlanRequest(plan, plan.id, prompt, _model_of(plan), name)
        return _begin([plan_request], when_unwatched=when_unwatched, origin=origin)[0]
    paths = missing(plan.content, plan.schema)
    if not paths:
        raise Conflict("This plan is complete, so there is nothing to finish.")
    plan_request = _of_paths(plan, paths, is_whole=is_whole, sent_as=name)
    return _begin([plan_request], when_unwatched=when_unwatched, origin=origin)[0]


def again_at(plan: Plan, path: str) -> Plan:
    """Has one part written again, with all others locked; the old part stays until the new one is finished."""
    generations.refuse_if_busy(plan.lane)
    if len(steps(path)) > 2 or value_at(plan.content, path) is None or at(plan.schema, path) is None:
        raise Invalid("This plan has no such part.")
    return _begin([_of_paths(plan, [path], is_anew=True)])[0]


def start_again(plan: Plan) -> Plan:
    """Starts another plan from the same inputs; this one stays."""
    return make(queries.inputs_of(plan), again_of=plan.id)


def stop(plan: Plan) -> None:
    """Stops the generation; finished parts are kept. Does nothing if none is running."""
    generation = queries.generation_of(plan)
    if generation and generation.is_active:
        generations.stop(generation)


def _new(
    inputs: PlanInputs, model: str = "", *, again_of: str | None = None, is_whole: bool = False, sent_as: str | None = None
) -> PlanRequest:
    """Returns the request for a new plan."""
    type = plan_type_service.get(inputs.type)
    about: PlanAbout = {**type.about, "type": type.slug}
    about.pop("sample", None)
    about.pop("example", None)
    plan = Plan(
        owner_id=inputs.owner_id, inputs_id=inputs.id, type=type.slug, about=about, title=type.title, again_of_id=again_of
    )
    prompt = _prompt(about, inputs, is_whole=is_whole)
    return PlanRequest(plan, "", prompt, _model(inputs, model), sent_as)


def _of_paths(
    plan: Plan, paths: list[str], *, is_anew: bool = False, is_whole: bool = False, sent_as: str | None = None
) -> PlanRequest:
    """Returns the request for some parts of an existing plan."""
    about, there = plan.about, plan.content
    inputs = queries.inputs_of(plan)
    prompt = model_requests.for_paths(about, inputs.values, there, paths, _unit(inputs), is_anew=is_anew)
    return PlanRequest(plan, plan.id, replace(prompt, is_whole=is_whole), _model_of(plan), sent_as)


def _prompt(about: PlanAbout, inputs: PlanInputs, *, is_whole: bool) -> PlanPrompt:
    """Returns the prompt for a whole plan."""
    return replace(model_requests.for_plan(about, inputs.values, _unit(inputs)), is_whole=is_whole)


def _unit(inputs: PlanInputs) -> arm_choice.ExperimentUnit:
    """Returns the unit that experiments assign a version to: the same for all plans with the same inputs."""
    return arm_choice.ExperimentUnit(inputs.owner_id, f"inputs:{inputs.id}")


def _model_of(plan: Plan) -> str:
    last = queries.generation_of(plan)
    return last.model_asked if last else _model(queries.inputs_of(plan), "")


def _begin(plan_requests: Sequence[PlanRequest], *, when_unwatched: str = DETACH, origin: Origin = A_PERSON) -> list[Plan]:
    """Stores plans of one person, their units and their generations in one transaction, then starts the generations.

    A request that was sent before gets the plans of the first one.
    """
    engine, owner_id = the_engine(), plan_requests[0].plan.owner_id
    if repeated := _sent_before(plan_requests):
        return repeated
    for request in plan_requests:
        providers().refuse_unless_choosable(request.model, person=owner_id)
    ids = list[str]()

    def store(session: Session) -> list[tuple[Generation, EventSource]]:
        if plan_requests[0].sent_as:
            # So that of two requests with the same key, the second finds what the first has stored.
            rows.locked(session, User, owner_id)
        if _sent_before(plan_requests):
            return []
        stored = [_stored(engine, session, request, when_unwatched, origin) for request in plan_requests]
        ids.extend(topic_names.plan_in(generation.lane) for generation, _ in stored)
        return stored

    if not generations.begin(owner_id, [topic_names.of_plan(request.plan_id or "") for request in plan_requests], store):
        return _sent_before(plan_requests)
    plans = [db.session.get_one(Plan, id) for id in ids]
    for plan in plans:
        announce(plan)
    return plans


def _stored(
    engine: Engine, session: Session, plan_request: PlanRequest, when_unwatched: str, origin: Origin
) -> tuple[Generation, EventSource]:
    """Stores one plan with its unit and its generation, and returns what to start."""
    plan = session.get(Plan, plan_request.plan_id) if plan_request.plan_id else plan_request.plan
    if plan is None:
        raise Conflict("This plan has been deleted.")
    session.add(plan)
    session.flush()
    origin.stored(session, plan)
    quota.reserve(session, plan)
    # After what `origin` locks, which other transactions lock before their person.
    rows.locked(session, User, plan.owner_id)
    occasion = Occasion(origin.kind, len(plan_request.prompt.asked), is_chosen=not model_rules.is_usual(plan_request.model))
    choice = model_rules.chosen(plan_request.model, occasion, person=plan.owner_id)
    parameters = model_requests.parameters_of(choice.model)
    prompt = replace(plan_request.prompt, parameters=parameters, chars_before=plan.chars)
    generation = Generation(
        kind=origin.kind,
        lane=plan.lane,
        user_id=plan.owner_id,
        model_asked=choice.model,
        connection=the_connections().slug_of(choice.model),
        when_unwatched=when_unwatched,
        owner=engine.worker.id,
        prompt=prompt.as_record(),
        rule=choice.label,
        led_by=prompt.versions.label,
        sent_as=plan_request.sent_as,
    )
    generations.store_within_limits(engine, session, generation, model_requests.request_of(generation))
    for key, version in arm_choice.store_exposures(
        session, prompt.versions.arms, generation.id, arm_choice.ExperimentUnit(plan.owner_id, plan.lane)
    ):
        engine.emit(Exposed(key, version))
    plan.status, plan.generation_id, plan.generation_started_at = "generating", generation.id, utc_now()
    plan.error_code = plan.error = ""
    return generation, model_requests.source_of(engine, generation, plan)


def _sent_before(plan_requests: Sequence[PlanRequest]) -> list[Plan]:
    """Returns the plans of an earlier request with the same key; none without one."""
    earlier = [generations.generation_of_request(request.sent_as) for request in plan_requests]
    plans = [queries.plan_of(generation) for generation in earlier if generation]
    return [plan for plan in plans if plan]


def _model(inputs: PlanInputs, preferred: str) -> str:
    owner = db.session.get_one(User, inputs.owner_id)
    model = preferred or the_models().default(owner.default_model, owner.id)
    providers().refuse_unless_choosable(model, person=owner.id)
    return model


def edit(plan: Plan, path: str, new: Any) -> None:
    """Replaces the value at a path if it is valid for its schema; raises `Rejected` with a sentence for each field."""
    part = at(plan.schema, path)
    if not path or part is None or value_at(plan.content, path) is None:
        raise Invalid("This plan has no such part.")
    validation.check(new, part)

    def change(plan: Plan) -> None:
        _refuse_while_it_runs(plan)
        content = copy.deepcopy(plan.content)
        put(content, path, new)
        plan.content = content
        plan.title = str(content.get("title") or plan.title)[:200]

    _change(plan, change)


def tick(plan: Plan, path: str) -> None:
    """Marks a task as done, or as not done if it was."""
    # Normalizes the path, because `weeks..0` leads to the same value as `weeks.0`.
    path = dotted(tuple(steps(path)))
    if not path or value_at(plan.content, path) is None:
        raise Invalid("This plan has no such task.")
    is_done = path not in plan.ticked

    def change(plan: Plan) -> None:
        others = [task for task in plan.ticked if task != path]
        plan.ticked = [*others, path] if is_done else others

    _change(plan, change)


def accept(plan: Plan) -> None:
    """Accepts an incomplete plan as it is, so that it is no longer offered for completion."""
    _change(plan, lambda plan: setattr(plan, "is_kept", True))


def rate(plan: Plan, is_good: bool | None) -> None:
    """Stores a person's rating of a plan; None removes it."""
    _change(plan, lambda plan: setattr(plan, "is_good", is_good))


def delete(plan: Plan) -> None:
    """Permanently deletes a plan. The record of its cost stays, without any of its text."""
    id, owner_id = plan.id, plan.owner_id
    with write() as session:
        stored_plan = session.get(Plan, id)
        if stored_plan is None:
            return
        _refuse_while_it_runs(stored_plan)
        conditions = (
            Generation.user_id == owner_id,
            Generation.created_at >= stored_plan.created_at,
            Generation.lane == stored_plan.lane,
        )
        keep_costs_alone(session, and_(*conditions))
        session.delete(stored_plan)
    # Open pages of the plan reload and find nothing; lists remove it.
    for topic in (topic_names.of_plan(id), topic_names.of_person(owner_id)):
        changes.notify(topic, "plan", id)


def delete_all_of(owner_id: str) -> None:
    """Deletes the plans of a deleted account in small batches, because each plan can be large."""
    while _delete_some(owner_id):
        queue_for_turn()


def _delete_some(owner_id: str) -> bool:
    with write() as session:
        if ids := session.scalars(select(Plan.id).where(Plan.owner_id == owner_id).limit(AT_ONCE)).all():
            session.execute(deleted(Plan).where(Plan.id.in_(ids)).execution_options(synchronize_session=False))
    return bool(ids)


def _change(plan: Plan, change: Callable[[Plan], None]) -> None:
    id = plan.id
    with write() as session:
        # A concurrent change waits for this one, and is applied to its result.
        stored_plan = rows.locked(session, Plan, id)
        if stored_plan is None:
            raise Conflict("This plan has been deleted.")
        change(stored_plan)
        stored_plan.changed_at = utc_now()
    announce(stored_plan)


def _refuse_while_it_runs(plan: Plan) -> None:
    if plan.is_running:
        raise Conflict("This plan is still being written. Wait until it finishes, or stop it.")


DEPARTURE = people_service.Departure(erase=delete_all_of)
