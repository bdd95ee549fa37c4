"""Sums up past days, one after the other in the background; or all days again, by a command."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError

from webapp.base.db import db, is_sqlite, utc_now, write
from webapp.base.heavy.turns import by_turns
from webapp.engine.chores import Chore
from webapp.engine.tables import NOT_HERE, WHILE_ACTIVE, Generation
from webapp.operations.insights.figures import SUMS, Answered, Figures
from webapp.operations.insights.queries import all_answered
from webapp.operations.insights.tables import InsightDay, InsightMark

EVERYONE = "*"
A_DAY = timedelta(days=1)
# By then, every cost that a provider reports late is known.
SETTLED_AFTER = timedelta(hours=1)
# Rows per transaction: on SQLite, no other writer can run during it.
ROWS_AT_ONCE = 200
# Person, kind, model and prompt.
Cell = tuple[str, str, str, str]


def last_day() -> date:
    """Returns the first day that can't be summed up yet."""
    return (utc_now() - SETTLED_AFTER).date()


def sum_up_next() -> bool:
    """Sums up the oldest day without sums; returns whether there can be another."""
    if (day := _next()) is None:
        return False
    sum_up(day)
    return True


wake = Chore("insights", sum_up_next, every_seconds=0.05, most_seconds=60.0).wake


def sum_up_all() -> int:
    """Deletes all sums and computes them again from the answers; returns the number of days."""
    with write() as session:
        session.execute(delete(InsightMark))
        session.execute(delete(InsightDay))
    days = 0
    while sum_up_next():
        days += 1
    return days


def sum_up(day: date) -> None:
    """Stores the sums of a day in several transactions; the last one adds the mark that all are stored.

    If another worker has just done the same, or was killed halfway, its rows are equal.
    """
    begins = datetime.combine(day, time(), UTC)
    cells = _cells(all_answered(begins, begins + A_DAY))
    rows = (_row(day, key, figures) for key, figures in cells.items())
    for some in by_turns(iter(lambda: list(islice(rows, ROWS_AT_ONCE)), [])):
        with write() as session:
            session.execute(_put(), some)
    try:
        with write() as session:
            session.add(InsightMark(day=day))
    except IntegrityError:
        db.session.rollback()


def _put() -> Any:
    """Returns an INSERT … ON CONFLICT DO NOTHING, for which each dialect of SQLAlchemy has a separate class."""
    if is_sqlite():
        return sqlite.insert(InsightDay).on_conflict_do_nothing()
    # Imported late: a server with SQLite is spared the PostgreSQL dialect.
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(InsightDay).on_conflict_do_nothing()


def _next() -> date | None:
    """Returns the oldest day without sums, unless one of its answers is still being written."""
    newest = db.session.scalar(select(func.max(InsightMark.day)))
    made_at = select(func.min(Generation.created_at)).where(Generation.kind != NOT_HERE)
    if newest:
        day = newest + A_DAY
    elif oldest := db.session.scalar(made_at):
        day = oldest.astimezone(UTC).date()
    else:
        return None
    active = select(func.min(Generation.created_at)).where(WHILE_ACTIVE)
    running = db.session.scalar(active)
    end = min(last_day(), running.astimezone(UTC).date()) if running else last_day()
    db.session.rollback()
    return day if day < end else None


def _cells(answers: Iterable[Answered]) -> dict[Cell, Figures]:
    cells: dict[Cell, Figures] = defaultdict(Figures)
    for answer in answers:
        for user_id in (answer.user_id or "", EVERYONE):
            cells[user_id, answer.kind, answer.model, answer.prompt].add(answer)
    return cells


def _row(day: date, key: Cell, figures: Figures) -> dict[str, Any]:
    user_id, kind, model, prompt = key
    return {
        "day": day,
        "user_id": user_id,
        "kind": kind,
        "model": model,
        "prompt": prompt,
        "cost": None if figures.cost is None else f"{figures.cost:f}",
        "first_texts": ",".join(map(str, sorted(figures.first_texts))),
        **{name: getattr(figures, name) for name in SUMS},
    }
