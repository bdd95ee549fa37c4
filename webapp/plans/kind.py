"""What the engine needs to know of plans."""

from sqlalchemy.orm import Session

from webapp import lanes
from webapp.extensions import db, utc_now
from webapp.generations.engine import the_engine
from webapp.generations.kinds import Kind
from webapp.generations.tables import Generation
from webapp.plans import quota
from webapp.plans.ending import Ending, Mended, ending, kept, mended, steps_taken
from webapp.plans.projection import PlanProjection
from webapp.plans.queries import plan_of
from webapp.plans.schema import is_within
from webapp.plans.tables import Plan
from webapp.streaming.events import Changed, Saved
from webapp.streaming.transcript import Transcript


def projection(generation: Generation) -> PlanProjection:
    plan, prompt = plan_of(generation), generation.prompt
    return PlanProjection(plan.schema if plan else {}, prompt.get("there", {}), prompt.get("places", []))


def finish(session: Session, generation: Generation, transcript: Transcript, picture: PlanProjection) -> None:
    """Keeps what is right of the plan, says what it is now, and settles its unit."""
    plan = session.get(Plan, lanes.plan_in(generation.lane))
    if plan is None:
        # It was deleted meanwhile.
        return
    result = mended(picture.draft, plan.schema)
    end = _take(plan, generation, result, transcript.text)
    quota.settle(session, plan)
    taken = [{"how": step, "model": generation.model_asked, "code": "mended", "message": ""} for step in steps_taken(result, end)]
    generation.attempts = [*generation.attempts, *taken]


def saved(generation: Generation) -> list[Saved]:
    plan = plan_of(generation)
    return [Saved("plan", plan.id, "assistant")] if plan else []


def changed(generation: Generation) -> None:
    if plan := plan_of(generation):
        announce(plan)


def announce(plan: Plan) -> None:
    """Tells every open page of the plan, and the lists it stands in, that it has changed."""
    topics = the_engine().topics
    topics.append(plan.lane, Changed("plan", plan.id))
    topics.append(lanes.of_person(plan.owner_id), Changed("plan", plan.id))


def _take(plan: Plan, generation: Generation, result: Mended, text: str) -> Ending:
    value = result.value if result.is_complete else kept(result, plan.schema)
    end = ending(generation.status, generation.reason, generation.error, result, value)
    plan.content, plan.status, plan.error_code, plan.error = value, end.status, end.code, end.message
    plan.partial_content = None if end.status == "completed" else text
    plan.title = str(value.get("title") or plan.title)[:200]
    anew = generation.prompt.get("places", [])
    plan.ticked = [each for each in plan.ticked if not any(is_within(each, place) for place in anew)]
    plan.is_kept, plan.changed_at = False, utc_now()
    return end


def plan_now(plan_id: str) -> Plan | None:
    """The plan as it is saved at this moment."""
    return db.session.get(Plan, plan_id, populate_existing=True)


PLAN = Kind("plan", projection, finish, saved, changed)
