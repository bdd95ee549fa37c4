"""Begins the current periods of budgets: counts past usage outside the transaction of the next answer."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache
from threading import Lock

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.base.db import db, write
from webapp.base.heavy.turns import queue_for_turn
from webapp.engine.slices import SLICE
from webapp.engine.tables import Generation
from webapp.operations.budgets import periods
from webapp.operations.budgets.periods import time_zone
from webapp.operations.budgets.recount import CountedPart, counted_before, used_since
from webapp.operations.budgets.reservations import begin
from webapp.operations.budgets.tables import Budget, BudgetPeriod


class PeriodStarter:
    """A worker's check for new periods, at the first answer of a day and after a change of the team's time zone.

    At any other time it runs no query.
    """

    def __init__(self, in_app: Callable[[], AbstractContextManager[object]]) -> None:
        self._in_app, self._day, self._lock = in_app, "", Lock()

    def check(self, now: datetime) -> None:
        zone = time_zone()
        day = f"{periods.beginning(now, 'day', zone)} {zone}"
        if day == self._day:
            return
        # Other greenlets wait: otherwise each would count the same answers in its transaction.
        with self._lock, self._in_app():
            if day != self._day:
                count_long_periods(now)
                self._day = day


def count_long_periods(now: datetime, *, above: int = SLICE, pause: Callable[[], object] = queue_for_turn) -> None:
    """Begins every current period that has no row yet and already has more than so many answers.

    If there are only a few, the first answer counts them.
    """
    session = db.session()
    # Many budgets have the same period.
    has_more = cache(lambda since: _has_more(session, since, above))
    for id, starts_at in _not_begun(session, now):
        budget = session.get(Budget, id) if has_more(starts_at) else None
        if budget:
            _begin(session, budget, starts_at, counted_before(session, budget, starts_at, now=now, pause=pause))


def _begin(session: Session, budget: Budget, starts_at: datetime, before: CountedPart) -> None:
    id = budget.id
    with write():
        # The budget can have been deleted by now.
        if found := session.get(Budget, id):
            begin(session, found, starts_at, used=used_since(session, found, starts_at, before))


def _not_begun(session: Session, now: datetime) -> list[tuple[str, datetime]]:
    zone = time_zone()
    present = [(id, periods.beginning(now, period, zone)) for id, period in session.execute(select(Budget.id, Budget.period))]
    rows = select(BudgetPeriod.budget_id, BudgetPeriod.starts_at).where(BudgetPeriod.starts_at.in_({at for _, at in present}))
    begun = {tuple(row) for row in session.execute(rows)}
    return [each for each in present if each not in begun]


def _has_more(session: Session, since: datetime, count: int) -> bool:
    some = select(Generation.id).where(Generation.created_at >= since).limit(count + 1).subquery()
    return (session.scalar(select(func.count()).select_from(some)) or 0) > count
