"""Schedules for tests, made at a time of the test's choice, and what has become of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from tests.support.people import user_with_session
from webapp.base.db import db, write
from webapp.operations.schedules import queries
from webapp.operations.schedules.rules import ScheduleRule, next_due, zone_of
from webapp.operations.schedules.tables import Schedule, ScheduleRun
from webapp.people.accounts.tables import User

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def added(start: datetime, *, rule: dict[str, str], time_zone: str = "UTC", owner_id: str = "", **about: Any) -> str:
    """Adds a schedule that is due from a moment on, of the first person by default; returns its id."""
    if not owner_id and not (owner_id := db.session.scalar(select(User.id).order_by(User.id).limit(1)) or ""):
        user_with_session("owner@example.org", "owner")
        owner_id = db.session.scalars(select(User.id)).one()
    next_at = next_due(ScheduleRule.checked(**rule), zone_of(time_zone), start)
    values = {"title": "News", "prompt": "News", **about}
    with write() as session:
        schedule = Schedule(owner_id=owner_id, rule=rule, time_zone=time_zone, next_at=next_at, **values)
        session.add(schedule)
        session.flush()
        return schedule.id


def runs_of(id: str) -> Sequence[ScheduleRun]:
    db.session.expire_all()
    return queries.runs_of(id, limit=1_000)


def state_of(id: str) -> Schedule:
    return db.session.get_one(Schedule, id, populate_existing=True)
