"""Deletes what its days are over for, as long as the server runs: every quarter of an hour, in one of several workers."""

from datetime import UTC, datetime, time, timedelta

from sqlalchemy import delete, select, update

from webapp.base import keeping_clock
from webapp.base.db import db, write
from webapp.base.errors import Invalid
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.keeping_clock import keeping_now
from webapp.chat.messages import keeping
from webapp.engine.chores import Chore, run_steps
from webapp.engine.tables import ACTIVE, NOT_HERE, Generation
from webapp.operations.insights.tables import InsightDay, InsightMark
from webapp.people.audit_retention import forget_old_entries
from webapp.people.notices.telling import forget_old_notices
from webapp.people.things.thing import empty_all
from webapp.settings.service import setting

AT_ONCE = 200
A_DAY = timedelta(days=1)
# Budgets count the answers of a month, and of the month before.
LEAST_INSIGHTS = 62
SENT = "what was sent"


def forget_sent() -> None:
    """Deletes what models were sent for answers older than the days in the settings; their texts and figures stay."""
    if days := int(setting("traces.days")):
        due = keeping_now() - timedelta(days=days)
        while _forget_some_sent(due):
            queue_for_turn()


def _forget_some_sent(due: datetime) -> bool:
    """Empties the next records; returns whether there can be more. Plans are written from theirs, so these stay."""
    with write() as session:
        since = keeping_clock.mark_of(SENT)
        query = select(Generation.id, Generation.created_at).where(Generation.created_at > since, Generation.created_at <= due)
        query = query.where(Generation.lane.like("chat:%"), Generation.status.not_in(ACTIVE))
        rows = session.execute(query.order_by(Generation.created_at).limit(AT_ONCE)).all()
        statement = update(Generation).where(Generation.id.in_([row.id for row in rows])).values(prompt={})
        session.execute(statement.execution_options(synchronize_session=False))
        if rows:
            keeping_clock.set_mark(session, SENT, rows[-1].created_at)
    return bool(rows)


def check_insights(days: int) -> None:
    """Refuses days in which budgets would lose answers that they count."""
    if 0 < days < LEAST_INSIGHTS:
        raise Invalid(f"insights.days is 0 or at least {LEAST_INSIGHTS}, as budgets count the answers of a month.", field="value")


def forget_insights() -> None:
    """Deletes the sums of days that are over, and the records of these days' answers whose chats are deleted."""
    if days := int(setting("insights.days")):
        due = (keeping_now() - timedelta(days=days)).date()
        while day := db.session.scalar(select(InsightMark.day).where(InsightMark.day < due).order_by(InsightMark.day).limit(1)):
            since = datetime.combine(day, time(), UTC)
            while _forget_some_alone(since):
                queue_for_turn()
            with write() as session:
                session.execute(delete(InsightDay).where(InsightDay.day == day))
                session.execute(delete(InsightMark).where(InsightMark.day == day))
            queue_for_turn()


def _forget_some_alone(since: datetime) -> bool:
    with write() as session:
        of_day = Generation.created_at >= since, Generation.created_at < since + A_DAY, Generation.status.not_in(ACTIVE)
        alone = select(Generation.id).where(*of_day, Generation.message_id.is_(None), Generation.kind != NOT_HERE)
        ids = session.scalars(alone.limit(AT_ONCE)).all()
        session.execute(delete(Generation).where(Generation.id.in_(ids)).execution_options(synchronize_session=False))
    return bool(ids)


STEPS = (
    keeping_clock.look,
    keeping.sweep,
    empty_all,
    forget_old_entries,
    forget_sent,
    forget_insights,
    forget_old_notices,
)


def sweep() -> bool:
    """Runs every sweep; there is always a next time, as a command of another process can change the rules."""
    run_steps(STEPS)
    return True


wake = Chore("keeping", sweep, every_seconds=900.0, most_seconds=60.0).wake
