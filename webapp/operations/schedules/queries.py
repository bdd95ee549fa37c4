"""Reads schedules and their runs."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select

from webapp.base.db import db
from webapp.operations.schedules.tables import ACTIVE, OPEN, RUNNING, STARTING, WAITING, Schedule, ScheduleRun

# As many runs of a schedule are kept, and as many are begun in one go.
MOST_RUNS, AT_ONCE = 100, 200


def schedules_of(owner_id: str) -> Sequence[Schedule]:
    """Returns a person's schedules: those that come next first, and after them those that don't run."""
    query = select(Schedule).where(Schedule.owner_id == owner_id)
    return db.session.scalars(query.order_by(Schedule.next_at.is_(None), Schedule.next_at, Schedule.id)).all()


def own_schedule(owner_id: str, id: str) -> Schedule | None:
    return db.session.scalar(select(Schedule).where(Schedule.id == id, Schedule.owner_id == owner_id))


def runs_of(schedule_id: str, *, limit: int = MOST_RUNS) -> Sequence[ScheduleRun]:
    """Returns the runs of a schedule, the newest first."""
    query = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule_id)
    return db.session.scalars(query.order_by(ScheduleRun.id.desc()).limit(limit)).all()


def last_runs(owner_id: str) -> dict[str, ScheduleRun]:
    """Returns the newest run of each of a person's schedules, by the id of the schedule."""
    of_person = select(Schedule.id).where(Schedule.owner_id == owner_id)
    newest = select(func.max(ScheduleRun.id)).where(ScheduleRun.schedule_id.in_(of_person)).group_by(ScheduleRun.schedule_id)
    return {run.schedule_id: run for run in db.session.scalars(select(ScheduleRun).where(ScheduleRun.id.in_(newest)))}


def due_ids(now: datetime) -> Sequence[str]:
    """Returns the ids of the schedules that are due, those that have waited longest first."""
    query = select(Schedule.id).where(Schedule.next_at <= now, Schedule.state == ACTIVE)
    return db.session.scalars(query.order_by(Schedule.next_at).limit(AT_ONCE)).all()


def coming(now: datetime) -> Sequence[Schedule]:
    """Returns the schedules that are due later."""
    return db.session.scalars(select(Schedule).where(Schedule.next_at > now, Schedule.state == ACTIVE)).all()


def ids_to_start(now: datetime, *, again_after: timedelta) -> Sequence[str]:
    """Returns the ids of the runs that no worker has tried to start, or not for so long."""
    is_free = or_(ScheduleRun.tried_at.is_(None), ScheduleRun.tried_at <= now - again_after, ScheduleRun.tried_at > now)
    query = select(ScheduleRun.id).where(ScheduleRun.status == STARTING, is_free)
    return db.session.scalars(query.order_by(ScheduleRun.id).limit(AT_ONCE)).all()


def ids_under_way() -> Sequence[str]:
    """Returns the ids of the runs that have begun something which may have ended since."""
    return db.session.scalars(select(ScheduleRun.id).where(ScheduleRun.status.in_((RUNNING, WAITING)))).all()


def is_run(message_id: str) -> bool:
    """Returns whether a run that hasn't ended has begun the answer in this message."""
    query = select(ScheduleRun.id).where(ScheduleRun.status.in_(OPEN), ScheduleRun.message_id == message_id)
    return db.session.scalar(query.limit(1)) is not None


def is_anything_active() -> bool:
    """Returns whether a schedule will be due, or a run has not ended."""
    active = select(Schedule.id).where(Schedule.next_at.is_not(None)).limit(1)
    under_way = select(ScheduleRun.id).where(ScheduleRun.status.in_(OPEN)).limit(1)
    return db.session.scalar(active) is not None or db.session.scalar(under_way) is not None
