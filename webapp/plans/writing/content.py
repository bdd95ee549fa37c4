"""What a person can do with an existing plan: edit it, tick off tasks, keep it, rate it, delete it."""

import copy
from collections.abc import Callable
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy import delete as deleted

from webapp.base import changes, topic_names
from webapp.base.database import rows
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Invalid
from webapp.base.heavy.turns import queue_for_turn
from webapp.engine.costs import keep_costs_alone
from webapp.engine.tables import Generation
from webapp.people.members import people
from webapp.plans.tables import Plan
from webapp.plans.types import validation
from webapp.plans.types.schema import at, dotted, put, steps, value_at
from webapp.plans.writing.kind import announce

# The number of plans deleted in one transaction.
AT_ONCE = 20


def edit(plan: Plan, place: str, new: Any) -> None:
    """Replaces the value at a path if it is valid for its schema; raises `Rejected` with a sentence for each field."""
    part = at(plan.schema, place)
    if not place or part is None or value_at(plan.content, place) is None:
        raise Invalid("This plan has no such part.")
    validation.check(new, part)

    def change(stored: Plan) -> None:
        _refuse_while_it_runs(stored)
        content = copy.deepcopy(stored.content)
        put(content, place, new)
        stored.content = content
        stored.title = str(content.get("title") or stored.title)[:200]

    _change(plan, change)


def tick(plan: Plan, place: str) -> None:
    """Marks a task as done, or as not done if it was."""
    # Normalizes the path, because `weeks..0` leads to the same place as `weeks.0`.
    place = dotted(tuple(steps(place)))
    if not place or value_at(plan.content, place) is None:
        raise Invalid("This plan has no such task.")
    is_done = place not in plan.ticked

    def change(stored: Plan) -> None:
        others = [each for each in stored.ticked if each != place]
        stored.ticked = [*others, place] if is_done else others

    _change(plan, change)


def accept(plan: Plan) -> None:
    """Accepts an incomplete plan as it is, so that it is no longer offered for completion."""
    _change(plan, lambda stored: setattr(stored, "is_kept", True))


def rate(plan: Plan, is_good: bool | None) -> None:
    """Stores a person's rating of a plan; None removes it."""
    _change(plan, lambda stored: setattr(stored, "is_good", is_good))


def delete(plan: Plan) -> None:
    """Permanently deletes a plan. The record of its cost stays, without any of its text."""
    id, owner_id = plan.id, plan.owner_id
    with write() as session:
        stored = session.get(Plan, id)
        if stored is None:
            return
        _refuse_while_it_runs(stored)
        made = Generation.user_id == owner_id, Generation.created_at >= stored.created_at, Generation.lane == stored.lane
        keep_costs_alone(session, and_(*made))
        session.delete(stored)
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
        stored = rows.locked(session, Plan, id)
        if stored is None:
            raise Conflict("This plan has been deleted.")
        change(stored)
        stored.changed_at = utc_now()
    announce(stored)


def _refuse_while_it_runs(plan: Plan) -> None:
    if plan.is_running:
        raise Conflict("This plan is still being written. Wait until it finishes, or stop it.")


people.BATCH_DELETERS.append(delete_all_of)
