"""Figures of a period: from the sums of whole days where they exist, and from single answers for the rest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, select

from webapp.base.db import db, utc_now
from webapp.base.heavy.turns import by_turns
from webapp.operations.insights import day_sums
from webapp.operations.insights.day_sums import EVERYONE
from webapp.operations.insights.figures import SUMS, Day, Figures, Known, beginning, stepping, summed_by, times
from webapp.operations.insights.queries import AnswerFilter, answered, is_asked
from webapp.operations.insights.tables import InsightDay, InsightMark
from webapp.operations.usage.exact import total
from webapp.people.accounts.roles import may
from webapp.people.accounts.tables import User
from webapp.prompts import active_prompts

A_DAY = timedelta(days=1)
DAYS_AT_ONCE = 7
DAYS = 14


def known(wanted: AnswerFilter) -> Iterator[Known]:
    """Yields the requested answers; whole days as their sums, where these exist."""
    made = _made(wanted)
    yield from _days(wanted, made)
    for part in _rest(wanted, made):
        yield from answered(part)


def people(wanted: AnswerFilter) -> Iterator[Day]:
    """Yields the sums of whole days by person, without the single times to the first text.

    The database adds them up, because there can be many people; a person occurs once per few days.
    """
    one = InsightDay
    costs = func.aggregate_strings(one.cost, " ").label("costs")
    # PostgreSQL returns decimals for sums of integers.
    sums = [cast(func.sum(getattr(one, name)), BigInteger).label(name) for name in SUMS]
    which = one.user_id == wanted.user_id if wanted.user_id else one.user_id != EVERYONE
    for row in by_turns(_rows(wanted, _made(wanted), (one.user_id, costs, *sums), which, by=one.user_id)):
        user_id, spent, *numbers = row
        figures = Figures(**dict(zip(SUMS, numbers, strict=True)))
        figures.cost = total(spent or "")
        yield Day("", "", user_id or None, "", figures)


def _made(wanted: AnswerFilter) -> list[date]:
    """Returns the whole days of the period that have sums; if one is missing, starts the background job."""
    first = _day_of(wanted.since + A_DAY - timedelta(microseconds=1))
    # Sums can't be filtered by the outcome of single answers.
    last = first if wanted.outcome else _day_of(wanted.until)
    marks = select(InsightMark.day).where(InsightMark.day >= first, InsightMark.day < last).order_by(InsightMark.day)
    made = list(db.session.scalars(marks))
    if len(made) < (min(last, day_sums.last_day()) - first).days:
        day_sums.wake()
    return made


def _rest(wanted: AnswerFilter, made: Sequence[date]) -> Iterator[AnswerFilter]:
    """Yields the parts of the period that the days with sums (`made`) don't cover."""
    at = wanted.since
    for day in made:
        begins = datetime.combine(day, time(), UTC)
        if at < begins:
            yield replace(wanted, since=at, until=begins)
        at = begins + A_DAY
    if at < wanted.until:
        yield replace(wanted, since=at)


def _days(wanted: AnswerFilter, made: Sequence[date]) -> Iterator[Day]:
    one = InsightDay
    columns = (one.day, one.kind, one.model, one.prompt, one.cost, one.first_texts, *(getattr(one, name) for name in SUMS))
    for row in by_turns(_rows(wanted, made, columns, one.user_id == (wanted.user_id or EVERYONE))):
        day, kind, model, prompt, cost, first_texts, *sums = row
        figures = Figures(**dict(zip(SUMS, sums, strict=True)))
        figures.first_texts = times(map(int, first_texts.split(",")) if first_texts else ())
        figures.cost = None if cost is None else Decimal(cost)
        yield Day(f"{day:%Y-%m-%d} 00", kind, wanted.user_id or EVERYONE, model, figures, prompt)


def _rows(
    wanted: AnswerFilter, made: Sequence[date], columns: Sequence[Any], which: ColumnElement[bool], by: Any = None
) -> Iterator[Any]:
    """Yields rows of a few days per query: a year has tens of thousands, and a query is not interrupted."""
    one = InsightDay
    statement = select(*columns).where(which, is_asked(one.kind, wanted.kind))
    statement = statement.where(one.model.in_(wanted.models)) if wanted.models else statement
    statement = statement.where(one.prompt == wanted.prompt) if wanted.prompt else statement
    statement = statement if by is None else statement.group_by(by)
    for start in range(0, len(made), DAYS_AT_ONCE):
        some = made[start : start + DAYS_AT_ONCE]
        yield from db.session.execute(statement.where(one.day >= some[0], one.day <= some[-1])).all()


def _day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def of_days(me: User) -> Mapping[str, Sequence[int]]:
    """Returns the answers of each day by key, oldest first; members see only their own."""
    now = utc_now()
    since, day_of = beginning(now, "day") - timedelta(days=DAYS - 1), stepping("day")
    wanted = AnswerFilter(since, now, "" if may(me.role, "administer") else me.id)
    _, parts = summed_by(known(wanted), {"cell": lambda one: (day_of(one), one.prompt)})
    found = dict[str, list[int]]()
    for (day, prompt), figures in parts["cell"].items():
        for key in active_prompts.keys_in(prompt):
            found.setdefault(key, [0] * DAYS)[(day - since).days] += figures.answers
    return found
