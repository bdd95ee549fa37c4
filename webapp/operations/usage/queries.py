"""Usage by day, person and model, from the records of generations."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Integer, Select, bindparam, case, cast, func, or_, select

from webapp.base.db import db, is_sqlite
from webapp.base.heavy.turns import by_turns, queue_for_turn
from webapp.engine.costs import SILENT
from webapp.engine.tables import ACTIVE, EXAMPLE, NOT_HERE, Generation
from webapp.models.connections.effective import OWN_START
from webapp.operations.usage.exact import plus, total

VISITORS = "visitors"
A_DAY = timedelta(days=1)
A_MOMENT = timedelta(milliseconds=1)
# Generations per aggregate query, which then takes about 30 milliseconds.
SLICE = 4_000
K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Sums:
    """Sums of known values, None if all are unknown; `without_tokens` and `without_cost` count answers with unknown values."""

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
class UsageRow:
    """A person's usage of one model on one day in UTC; `who` is an id, `VISITORS`, or None for deleted accounts.

    `kind` is that of the generations, and so the purpose; without a `day`, the sums are of several days.
    """

    day: date | None
    who: str | None
    model: str
    kind: str
    is_demo: bool
    sums: Sums
    # Paid by the person, with a connection of their own.
    is_own: bool = False


def used(since: date, until: date, *, user_id: str | None = None) -> Iterator[UsageRow]:
    """Yields the usage of one person or of everyone, including both days, without running and rejected requests.

    A busy day is split into several parts. Don't keep all parts: there are many, and the garbage collector would traverse them.
    """
    query = _statement(user_id)
    for span in _slices(since, until, user_id):
        for row in db.session.execute(query, span).all():
            without = row.answers - row.with_tokens, row.answers - row.with_cost
            sums = Sums(row.answers, row.input_tokens, row.output_tokens, total(row.costs or ""), *without)
            yield UsageRow(date.fromisoformat(row.day), row.who, row.model, row.kind, bool(row.demo), sums, bool(row.own))


def used_in_all(since: date, until: date) -> list[UsageRow]:
    """Returns everyone's usage, summed over all days."""
    sums = summed(used(since, until), by=lambda row: (row.who, row.model, row.kind, row.is_demo, row.is_own))
    return [UsageRow(None, *which[:-1], summed_up, which[-1]) for which, summed_up in sums.items()]


def summed(parts: Iterable[UsageRow], by: Callable[[UsageRow], K]) -> dict[K, Sums]:
    """Sums up usage by a key, in order of first occurrence; other greenlets run in between."""
    sums: dict[K, Sums] = {}
    for part in by_turns(parts):
        sums.setdefault(by(part), Sums()).add(part.sums)
    return sums


def _slices(since: date, until: date, user_id: str | None) -> Iterator[dict[str, datetime]]:
    """Yields time spans of about `SLICE` generations: SQLite blocks all other greenlets during an aggregate query."""
    first, end = datetime.combine(since, time(), UTC), datetime.combine(until, time(), UTC) + A_DAY
    while first < end:
        # If more than a slice have the same timestamp, all of them are in one slice.
        following = _after(first, user_id) or end
        last = min(end, following if following > first else first + A_MOMENT)
        yield {"first": first, "end": last}
        first = last
        queue_for_turn()


def _after(first: datetime, user_id: str | None) -> datetime | None:
    """Returns the time of the first generation after the slice that begins at this moment."""
    query = select(Generation.created_at).where(Generation.created_at >= first)
    if user_id:
        query = query.where(Generation.user_id == user_id)
    return db.session.scalar(query.order_by(Generation.created_at).offset(SLICE).limit(1))


def _statement(user_id: str | None) -> Select[*tuple[Any, ...]]:
    one, at = Generation, Generation.created_at
    day = func.date(at) if is_sqlite() else func.to_char(func.timezone("UTC", at), "YYYY-MM-DD")
    query = select(
        day.label("day"),
        # Only visitors' chats have no owner: those of a deleted account were deleted with it.
        case((one.user_id.is_(None) & one.message_id.is_not(None), VISITORS), else_=one.user_id).label("who"),
        one.model.label("model"),
        cast(or_(one.is_demo, one.model_asked.startswith("demo/")), Integer).label("demo"),
        cast(one.connection.startswith(OWN_START), Integer).label("own"),
        one.kind.label("kind"),
        func.count().label("answers"),
        func.sum(one.input_tokens).label("input_tokens"),
        func.sum(one.output_tokens).label("output_tokens"),
        func.count(one.input_tokens + one.output_tokens).label("with_tokens"),
        func.count(one.cost).label("with_cost"),
        # Concatenated, and added up in Python, because SQLite has no decimal numbers.
        func.aggregate_strings(one.cost, " ").label("costs"),
    ).where(
        one.created_at >= bindparam("first"), one.created_at < bindparam("end"), one.kind.not_in([NOT_HERE, EXAMPLE]), _is_made()
    )
    if user_id:
        query = query.where(one.user_id == user_id)
    return query.group_by("day", "who", "model", "demo", "own", one.kind)


def _is_made() -> ColumnElement[bool]:
    """Returns the condition that a model can have generated something, as for receipts: a rejected request is no answer."""
    one = Generation
    is_reported = or_(one.cost.is_not(None), one.output_tokens.is_not(None), one.upstream_id != "", one.reason.in_(SILENT))
    return one.status.not_in(ACTIVE) & ((one.status != "failed") | is_reported)
