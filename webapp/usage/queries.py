"""What was used of which model on which day and by whom, from the records of its generations."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, case, cast, func, or_, select

from webapp.db import db, is_sqlite
from webapp.engine.tables import ACTIVE, EXAMPLE, NOT_HERE, Generation
from webapp.heavy.turns import by_turns, stand_in_line
from webapp.usage.cost_text import SILENT
from webapp.usage.exact import plus, total

VISITORS = "visitors"
A_DAY = timedelta(days=1)
A_MOMENT = timedelta(milliseconds=1)
# Generations summed up in one go: about 30 milliseconds.
SLICE = 4_000
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
        self.cost = plus(self.cost, more.cost)


@dataclass(frozen=True, slots=True)
class Used:
    """What somebody used of one model on one day in UTC: a person's id, `VISITORS`, or None for accounts that are deleted.

    `kind` is that of the generations, and so says for what; without a `day`, it is that of several.
    """

    day: date | None
    who: str | None
    model: str
    kind: str
    is_demo: bool
    sums: Sums


def used(since: date, until: date, *, user_id: str | None = None) -> Iterator[Used]:
    """Usage of one person or of everyone, including both days, without running and refused requests.

    A busy day comes in several parts. They are many: whoever keeps all of them has the collector look through them.
    """
    wanted = _statement(user_id)
    for span in _slices(since, until, user_id):
        yield from map(_used, db.session.execute(wanted, span).all())


def used_in_all(since: date, until: date) -> list[Used]:
    """The same of everyone, each once for all days."""
    sums = summed(used(since, until), by=lambda each: (each.who, each.model, each.kind, each.is_demo))
    return [Used(None, *which, each) for which, each in sums.items()]


def summed(parts: Iterable[Used], by: Callable[[Used], K]) -> dict[K, Sums]:
    """The sums of all that have the same of something, in the order in which that is met; others have their turn meanwhile."""
    sums: dict[K, Sums] = {}
    for each in by_turns(parts):
        sums.setdefault(by(each), Sums()).add(each.sums)
    return sums


def _slices(since: date, until: date, user_id: str | None) -> Iterator[dict[str, datetime]]:
    """Spans of about so many generations, one after the other: SQLite lets nobody else go on while it sums up."""
    first, end = datetime.combine(since, time(), UTC), datetime.combine(until, time(), UTC) + A_DAY
    while first < end:
        # Of more at one and the same moment, all are in one slice.
        following = _after(first, user_id) or end
        last = min(end, following if following > first else first + A_MOMENT)
        yield {"first": first, "end": last}
        first = last
        stand_in_line()


def _after(first: datetime, user_id: str | None) -> datetime | None:
    """When the first generation was made that has no room in the slice that begins here."""
    made = select(Generation.created_at).where(Generation.created_at >= first)
    if user_id:
        made = made.where(Generation.user_id == user_id)
    return db.session.scalar(made.order_by(Generation.created_at).offset(SLICE).limit(1))


def _statement(user_id: str | None) -> Select[Any]:
    one = Generation
    wanted = select(
        _day().label("day"),
        # Visitors' chats are the only ones that belong to nobody: those of a deleted account went with it.
        case((one.user_id.is_(None) & one.message_id.is_not(None), VISITORS), else_=one.user_id).label("who"),
        one.model.label("model"),
        cast(or_(one.is_demo, one.model_asked.startswith("demo/")), Integer).label("demo"),
        one.kind.label("kind"),
        func.count().label("answers"),
        func.sum(one.input_tokens).label("input_tokens"),
        func.sum(one.output_tokens).label("output_tokens"),
        func.count(one.input_tokens + one.output_tokens).label("with_tokens"),
        func.count(one.cost).label("with_cost"),
        # They are added up here, as SQLite knows no decimal numbers.
        func.aggregate_strings(one.cost, " ").label("costs"),
    ).where(
        one.created_at >= bindparam("first"), one.created_at < bindparam("end"), one.kind.not_in([NOT_HERE, EXAMPLE]), _is_made()
    )
    if user_id:
        wanted = wanted.where(one.user_id == user_id)
    return wanted.group_by("day", "who", "model", "demo", one.kind)


def _day() -> ColumnElement[str]:
    at = Generation.created_at
    return func.date(at) if is_sqlite() else func.to_char(func.timezone("UTC", at), "YYYY-MM-DD")


def _is_made() -> ColumnElement[bool]:
    """Whether a model may have made anything, as receipts see it: what was refused is no answer."""
    one = Generation
    is_told = or_(one.cost.is_not(None), one.output_tokens.is_not(None), one.upstream_id != "", one.reason.in_(SILENT))
    return one.status.not_in(ACTIVE) & ((one.status != "failed") | is_told)


def _used(row: Row[Any]) -> Used:
    without = row.answers - row.with_tokens, row.answers - row.with_cost
    sums = Sums(row.answers, row.input_tokens, row.output_tokens, total(row.costs or ""), *without)
    return Used(date.fromisoformat(row.day), row.who, row.model, row.kind, bool(row.demo), sums)
