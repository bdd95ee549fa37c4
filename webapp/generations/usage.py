"""What was used of which model on which day and by whom, from the records of its generations."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, case, cast, func, or_, select

from webapp.extensions import db, is_sqlite
from webapp.generations.engine import the_engine
from webapp.generations.spent import SILENT
from webapp.generations.tables import ACTIVE, Generation

# They were run elsewhere.
NOT_HERE = "imported"
VISITORS = "visitors"
A_DAY = timedelta(days=1)
# No sum is rounded.
EXACT = Context(prec=100)
K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Sums:
    """Sums of what is known; None while nothing is. `without_tokens` and `without_cost` count the answers of which it is not."""

    answers: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    without_tokens: int = 0
    without_cost: int = 0

    def add(self, more: "Sums") -> None:
        self.answers += more.answers
        self.without_tokens += more.without_tokens
        self.without_cost += more.without_cost
        if more.input_tokens is not None:
            self.input_tokens = (self.input_tokens or 0) + more.input_tokens
        if more.output_tokens is not None:
            self.output_tokens = (self.output_tokens or 0) + more.output_tokens
        if more.cost is not None:
            self.cost = EXACT.add(self.cost or Decimal(0), more.cost)


@dataclass(frozen=True, slots=True)
class Used:
    """What somebody used of one model on one day in UTC: a person's id, `VISITORS`, or None for accounts that are deleted."""

    day: date
    who: str | None
    model: str
    is_demo: bool
    sums: Sums


def used(since: date, until: date, *, user_id: str | None = None) -> list[Used]:
    """Of one person or of everybody; both days count. What still runs, and what was refused, is not in it."""
    wanted = _statement(user_id)
    return [_used(row) for days in _slices(since, until, user_id) for row in db.session.execute(wanted, days)]


def summed(parts: Iterable[Used], by: Callable[[Used], K]) -> dict[K, Sums]:
    """The sums of all that have the same of something, in the order in which that is met."""
    sums: dict[K, Sums] = {}
    for each in parts:
        sums.setdefault(by(each), Sums()).add(each.sums)
    return sums


def _slices(since: date, until: date, user_id: str | None) -> Iterator[dict[str, datetime]]:
    """Of everybody one day after the other: SQLite lets nobody else go on while it sums up."""
    first, end = datetime.combine(since, time(), UTC), datetime.combine(until, time(), UTC) + A_DAY
    step = end - first if user_id else A_DAY
    while first < end:
        yield {"first": first, "end": first + step}
        first += step
        the_engine().pause(0)


def _statement(user_id: str | None) -> Select[Any]:
    one = Generation
    wanted = select(
        _day().label("day"),
        # Visitors' chats are the only ones that belong to nobody: those of a deleted account went with it.
        case((one.user_id.is_(None) & one.message_id.is_not(None), VISITORS), else_=one.user_id).label("who"),
        func.coalesce(func.nullif(one.model_used, ""), one.model_asked).label("model"),
        cast(or_(one.is_demo, one.model_asked.startswith("demo/")), Integer).label("demo"),
        func.count().label("answers"),
        func.sum(one.input_tokens).label("input_tokens"),
        func.sum(one.output_tokens).label("output_tokens"),
        func.count(one.input_tokens + one.output_tokens).label("with_tokens"),
        func.count(one.cost).label("with_cost"),
        # They are added up here, as SQLite knows no decimal numbers.
        func.aggregate_strings(one.cost, " ").label("costs"),
    ).where(one.created_at >= bindparam("first"), one.created_at < bindparam("end"), one.kind != NOT_HERE, _is_made())
    if user_id:
        wanted = wanted.where(one.user_id == user_id)
    return wanted.group_by("day", "who", "model", "demo")


def _day() -> ColumnElement[str]:
    at = Generation.created_at
    return func.date(at) if is_sqlite() else func.to_char(func.timezone("UTC", at), "YYYY-MM-DD")


def _is_made() -> ColumnElement[bool]:
    """Whether a model may have made anything, as receipts see it: what was refused is no answer."""
    one = Generation
    is_told = or_(one.cost.is_not(None), one.output_tokens.is_not(None), one.upstream_id != "", one.reason.in_(SILENT))
    return one.status.not_in(ACTIVE) & ((one.status != "failed") | is_told)


def _used(row: Row[Any]) -> Used:
    cost = None
    for each in (row.costs or "").split():
        cost = EXACT.add(cost or Decimal(0), Decimal(each))
    without = row.answers - row.with_tokens, row.answers - row.with_cost
    sums = Sums(row.answers, row.input_tokens, row.output_tokens, cost, *without)
    return Used(date.fromisoformat(row.day), row.who, row.model, bool(row.demo), sums)
