"""Figures of a period: from the sums of whole days, made in the background, and from single answers for the rest."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, delete, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base.db import db, is_sqlite, utc_now, write
from webapp.base.heavy.turns import by_turns
from webapp.engine.chores import Chore
from webapp.engine.tables import NOT_HERE, WHILE_ACTIVE, Generation
from webapp.operations.insights.figures import SUMS, AnswerFacts, Day, Figures, Known, beginning, stepping, summed_by, times
from webapp.operations.insights.queries import AnswerFilter, all_answered, answered, is_asked
from webapp.operations.insights.tables import InsightDay, InsightMark
from webapp.operations.usage.exact import total
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.people.members import service as people_service
from webapp.prompts import active_prompts

A_DAY = timedelta(days=1)
DAYS_AT_ONCE = 7
DAYS = 14
EVERYONE = "*"
# By then, every cost that a provider reports late is known.
SETTLED_AFTER = timedelta(hours=1)
# Rows per transaction: on SQLite, no other writer can run during it.
ROWS_AT_ONCE = 200
# Person, kind, model and prompt.
Cell = tuple[str, str, str, str]


def known(answer_filter: AnswerFilter) -> Iterator[Known]:
    """Yields the requested answers; whole days as their sums, where these exist."""
    days = _made(answer_filter)
    yield from _days(answer_filter, days)
    for part in _rest(answer_filter, days):
        yield from answered(part)


def people(answer_filter: AnswerFilter) -> Iterator[Day]:
    """Yields the sums of whole days by person, without the single times to the first text.

    The database adds them up, because there can be many people; a person occurs once per few days.
    """
    one = InsightDay
    costs = func.aggregate_strings(one.cost, " ").label("costs")
    # PostgreSQL returns decimals for sums of integers.
    sums = [cast(func.sum(getattr(one, name)), BigInteger).label(name) for name in SUMS]
    which = one.user_id == answer_filter.user_id if answer_filter.user_id else one.user_id != EVERYONE
    for row in by_turns(_rows(answer_filter, _made(answer_filter), (one.user_id, costs, *sums), which, by=one.user_id)):
        user_id, spent, *numbers = row
        figures = Figures(**dict(zip(SUMS, numbers, strict=True)))
        figures.cost = total(spent or "")
        yield Day("", "", user_id or None, "", figures)


def _made(answer_filter: AnswerFilter) -> list[date]:
    """Returns the whole days of the period that have sums; if one is missing, starts the background job."""
    first = _day_of(answer_filter.since + A_DAY - timedelta(microseconds=1))
    # Sums can't be filtered by the outcome of single answers.
    last = first if answer_filter.outcome else _day_of(answer_filter.until)
    marks = select(InsightMark.day).where(InsightMark.day >= first, InsightMark.day < last).order_by(InsightMark.day)
    days = list(db.session.scalars(marks))
    if len(days) < (min(last, last_day()) - first).days:
        wake()
    return days


def _rest(answer_filter: AnswerFilter, days: Sequence[date]) -> Iterator[AnswerFilter]:
    """Yields the parts of the period that the days with sums (`days`) don't cover."""
    at = answer_filter.since
    for day in days:
        begins = datetime.combine(day, time(), UTC)
        if at < begins:
            yield replace(answer_filter, since=at, until=begins)
        at = begins + A_DAY
    if at < answer_filter.until:
        yield replace(answer_filter, since=at)


def _days(answer_filter: AnswerFilter, days: Sequence[date]) -> Iterator[Day]:
    one = InsightDay
    columns = (one.day, one.kind, one.model, one.prompt, one.cost, one.first_texts, *(getattr(one, name) for name in SUMS))
    for row in by_turns(_rows(answer_filter, days, columns, one.user_id == (answer_filter.user_id or EVERYONE))):
        day, kind, model, prompt, cost, first_texts, *sums = row
        figures = Figures(**dict(zip(SUMS, sums, strict=True)))
        figures.first_texts = times(map(int, first_texts.split(",")) if first_texts else ())
        figures.cost = None if cost is None else Decimal(cost)
        yield Day(f"{day:%Y-%m-%d} 00", kind, answer_filter.user_id or EVERYONE, model, figures, prompt)


def _rows(
    answer_filter: AnswerFilter, days: Sequence[date], columns: Sequence[Any], condition: ColumnElement[bool], by: Any = None
) -> Iterator[Any]:
    """Yields rows of a few days per query: a year has tens of thousands, and a query is not interrupted."""
    one = InsightDay
    statement = select(*columns).where(condition, is_asked(one.kind, answer_filter.kind))
    statement = statement.where(one.model.in_(answer_filter.models)) if answer_filter.models else statement
    statement = statement.where(one.prompt == answer_filter.prompt) if answer_filter.prompt else statement
    statement = statement if by is None else statement.group_by(by)
    for start in range(0, len(days), DAYS_AT_ONCE):
        some = days[start : start + DAYS_AT_ONCE]
        yield from db.session.execute(statement.where(one.day >= some[0], one.day <= some[-1])).all()


def _day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def of_days(me: User) -> Mapping[str, Sequence[int]]:
    """Returns the answers of each day by key, oldest first; members see only their own."""
    now = utc_now()
    since, day_of = beginning(now, "day") - timedelta(days=DAYS - 1), stepping("day")
    answer_filter = AnswerFilter(since, now, "" if may(me, "administer") else me.id)
    _, parts = summed_by(known(answer_filter), {"cell": lambda one: (day_of(one), one.prompt)})
    counts_by_day = dict[str, list[int]]()
    for (day, prompt), figures in parts["cell"].items():
        for key in active_prompts.keys_in(prompt):
            counts_by_day.setdefault(key, [0] * DAYS)[(day - since).days] += figures.answers
    return counts_by_day


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
    query = select(func.min(Generation.created_at)).where(Generation.kind != NOT_HERE)
    if newest:
        day = newest + A_DAY
    elif oldest := db.session.scalar(query):
        day = oldest.astimezone(UTC).date()
    else:
        return None
    active = select(func.min(Generation.created_at)).where(WHILE_ACTIVE)
    running = db.session.scalar(active)
    end = min(last_day(), running.astimezone(UTC).date()) if running else last_day()
    db.session.rollback()
    return day if day < end else None


def _cells(answers: Iterable[AnswerFacts]) -> dict[Cell, Figures]:
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


def _forget(session: Session, person_id: str) -> None:
    """Deletes a departing person's own sums; they stay in those of everyone."""
    session.execute(delete(InsightDay).where(InsightDay.user_id == person_id).execution_options(synchronize_session=False))


DEPARTURE = people_service.Departure(detach=_forget)
