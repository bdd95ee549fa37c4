"""What answers cost against a budget: the price of each, and what a period begins with, counted from the answers themselves."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from threading import Lock
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, or_, select, text
from sqlalchemy.orm import Session

from webapp.base.current import PerApp
from webapp.base.db import UTCDateTime, db, write
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.ids import least_id
from webapp.chat.record.tables import Chat, Message
from webapp.engine.costs import was_refused
from webapp.engine.engine import the_engine
from webapp.engine.slices import SLICE, in_slices
from webapp.engine.tables import ACTIVE, EXAMPLE, NOT_HERE, WHILE_ACTIVE, Generation
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import OWN_START
from webapp.models.connections.models import the_models
from webapp.models.connections.naming import DEMO
from webapp.models.connections.providers import providers
from webapp.operations.budgets import periods
from webapp.operations.budgets.amounts import FREE, Consumption, Price, amount, per_million
from webapp.operations.budgets.tables import Budget, BudgetCharge, BudgetPeriod
from webapp.people.accounts.tables import Membership
from webapp.settings.service import setting

# An answer requested this long ago is committed, even if the clock of its server differs.
MARGIN = timedelta(minutes=1)
# Charges are corrected within minutes, and can be looked up for weeks.
KEPT = timedelta(days=60)
# For a model without answers yet.
USUAL_TOKENS = 1_000
LATEST_ANSWERS, FRESH_SECONDS = 200, 60.0

BEGIN = text(
    "INSERT INTO budget_periods (budget_id, starts_at, used, reserved) VALUES (:id, :at, :used, 0) ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=UTCDateTime))


@dataclass(frozen=True, slots=True)
class CountedPart:
    """The part that was counted before a transaction: all answers requested before `until`, except those `running` then."""

    used: int
    until: datetime
    running: tuple[str, ...]


def counted_before(
    session: Session, budget: Budget, since: datetime, *, now: datetime, pause: Callable[[], object] = queue_for_turn
) -> CountedPart:
    """Counts the usage since then in slices, between which others run; `used_since` adds the rest."""
    running, until = tuple(session.scalars(select(Generation.id).where(WHILE_ACTIVE))), now - MARGIN
    past = _wanted(budget, Generation.created_at >= since, Generation.created_at < until, Generation.id.not_in(running))
    return CountedPart(_sum(budget, _slices(session, budget, past, since, until=until, pause=pause)), until, running)


def used_since(session: Session, budget: Budget, since: datetime, before: CountedPart | None = None) -> int:
    """Returns the usage of the answers requested since then."""
    deleted = _used_by_deleted(session, budget, since)
    if not before:
        return deleted + _sum(budget, _slices(session, budget, _wanted(budget, Generation.created_at >= since), since))
    start = max(since, before.until)
    late = _wanted(budget, Generation.created_at >= start, Generation.id.not_in(before.running))
    ran = _wanted(budget, Generation.created_at >= since, Generation.id.in_(before.running))
    return deleted + before.used + _sum(budget, _slices(session, budget, late, start)) + _sum(budget, session.execute(ran))


def begin(session: Session, budget: Budget, starts_at: datetime, *, used: int = 0) -> None:
    """Creates a period of a budget, and deletes charges of periods long past."""
    session.execute(BEGIN, {"id": budget.id, "at": starts_at, "used": used})
    is_past = BudgetCharge.budget_id == budget.id, BudgetCharge.starts_at < starts_at - KEPT, BudgetCharge.is_open.is_(False)
    session.execute(delete(BudgetCharge).where(*is_past).execution_options(synchronize_session=False))
    _forget_other_zones(session, budget, starts_at)


def _forget_other_zones(session: Session, budget: Budget, starts_at: datetime) -> None:
    """Deletes periods that overlap this one, as another time zone had them: if it returns, they are counted again.

    A running answer still reserves in its period.
    """
    zone, row = periods.time_zone(), BudgetPeriod
    previous = periods.beginning(starts_at - timedelta(seconds=1), budget.period, zone)
    following = periods.following(starts_at, budget.period, zone)
    overlaps = row.starts_at > previous, row.starts_at < following, row.starts_at != starts_at
    is_held = BudgetCharge.budget_id == row.budget_id, BudgetCharge.starts_at == row.starts_at, BudgetCharge.is_open
    has_reservation = select(BudgetCharge.generation_id).where(*is_held).correlate(row).exists()
    deletion = delete(row).where(row.budget_id == budget.id, *overlaps, ~has_reservation)
    session.execute(deletion.execution_options(synchronize_session=False))


class PeriodStarter:
    """A worker's check for new periods, at the first answer of a day and after a change of the team's time zone.

    At any other time it runs no query.
    """

    def __init__(self, in_app: Callable[[], AbstractContextManager[object]]) -> None:
        self._in_app, self._day, self._lock = in_app, "", Lock()

    def check(self, now: datetime) -> None:
        zone = periods.time_zone()
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
        if budget is None:
            continue
        before = counted_before(session, budget, starts_at, now=now, pause=pause)
        with write():
            # The budget can have been deleted by now.
            if row := session.get(Budget, id):
                begin(session, row, starts_at, used=used_since(session, row, starts_at, before))


def _not_begun(session: Session, now: datetime) -> list[tuple[str, datetime]]:
    zone = periods.time_zone()
    present = [(id, periods.beginning(now, period, zone)) for id, period in session.execute(select(Budget.id, Budget.period))]
    rows = select(BudgetPeriod.budget_id, BudgetPeriod.starts_at).where(BudgetPeriod.starts_at.in_({at for _, at in present}))
    started = {tuple(row) for row in session.execute(rows)}
    return [period for period in present if period not in started]


def _has_more(session: Session, since: datetime, count: int) -> bool:
    some = select(Generation.id).where(Generation.created_at >= since).limit(count + 1).subquery()
    return (session.scalar(select(func.count()).select_from(some)) or 0) > count


def _wanted(budget: Budget, *conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    one = Generation
    side_kinds = [name for name, kind in the_engine().kinds.items() if kind.is_side_request] if budget.unit == "answers" else []
    is_counted = (
        one.status.not_in(ACTIVE),
        ~one.connection.startswith(OWN_START),
        one.kind.not_in([NOT_HERE, EXAMPLE, *side_kinds]),
        *_whose(budget),
    )
    columns: tuple[Any, ...] = (
        one.model_asked,
        one.input_tokens,
        one.output_tokens,
        one.cost,
        one.status,
        one.reason,
        one.upstream_id,
        BudgetCharge.used.label("charged"),
    )
    return select(*columns).outerjoin(BudgetCharge, _is_charge_of(budget)).where(*conditions, *is_counted)


def _is_charge_of(budget: Budget) -> ColumnElement[bool]:
    """Returns the condition for what an answer was charged: estimates, and an API token's answers, are recorded nowhere else."""
    return and_(BudgetCharge.generation_id == Generation.id, BudgetCharge.budget_id == budget.id, BudgetCharge.is_open.is_(False))


def _used_by_deleted(session: Session, budget: Budget, since: datetime) -> int:
    """Returns what was charged for answers since then whose chats have been deleted permanently."""
    is_known = select(Generation.id).where(Generation.id == BudgetCharge.generation_id).correlate(BudgetCharge).exists()
    conditions = (
        BudgetCharge.budget_id == budget.id,
        BudgetCharge.generation_id >= least_id(since),
        BudgetCharge.is_open.is_(False),
    )
    return int(session.scalar(select(func.coalesce(func.sum(BudgetCharge.used), 0)).where(*conditions, ~is_known)) or 0)


def _slices(
    session: Session,
    budget: Budget,
    query: Select[*tuple[Any, ...]],
    since: datetime,
    *,
    until: datetime | None = None,
    pause: Callable[[], object] = lambda: None,
) -> Iterator[Any]:
    user_id = budget.who_id if budget.who == "user" else ""
    return in_slices(session, query, since=since, until=until, user_id=user_id, pause=pause)


def _sum(budget: Budget, rows: Iterable[Any]) -> int:
    price = cache(price_of)
    return sum(_used(budget.unit, row, price) for row in rows)


def _whose(budget: Budget) -> list[ColumnElement[bool]]:
    if budget.who == "token":
        return [BudgetCharge.budget_id.is_not(None)]
    conditions = [Generation.model_asked == budget.model] if budget.model else []
    if budget.who == "user":
        return [*conditions, Generation.user_id == budget.who_id]
    if budget.who == "group":
        return [*conditions, Generation.user_id.in_(select(Membership.user_id).where(Membership.group_id == budget.who_id))]
    return [*conditions, _is_of(budget.who_id)] if budget.who == "character" else conditions


def _is_of(character_id: str) -> ColumnElement[bool]:
    """Returns the condition that an answer is by this character; in a chat with several, by its speaker."""
    by_character = select(Message.id).where(Message.speaker_id == character_id)
    others = select(Message.id).where(Message.id == Generation.message_id, Message.speaker_id.is_not(None))
    chats = select("chat:" + Chat.id).where(Chat.character_id == character_id)
    return or_(Generation.message_id.in_(by_character), Generation.lane.in_(chats) & ~others.correlate(Generation).exists())


def _used(unit: str, row: Any, price: Callable[[str], Price]) -> int:
    if row.charged is not None:
        return int(row.charged)
    consumption = Consumption(row.input_tokens or 0, row.output_tokens or 0, row.cost)
    return 0 if was_refused(row) else amount(unit, consumption, price(row.model_asked))


@dataclass
class _LengthCache:
    """A cache of the median answer length by model; as an estimate, it can be a minute old."""

    medians: dict[str, int] = field(default_factory=dict)
    read_at: float = float("-inf")


MEMORY = PerApp(_LengthCache)


def price_of(model: str) -> Price:
    """Returns the token price of this model, or of the most expensive one among its fallbacks."""
    prices = [_price(name) for name in providers().chain(model)]
    return Price(max(price.input for price in prices), max(price.output for price in prices))


def usual_tokens(session: Session, model: str) -> int:
    """Returns the usual length of this model's answers in tokens, from recent ones."""
    memory = MEMORY.get()
    if time.monotonic() - memory.read_at >= FRESH_SECONDS:
        memory.read_at = time.monotonic()
        memory.medians = _read(session)
    return memory.medians.get(model, USUAL_TOKENS)


def _price(model: str) -> Price:
    if model.startswith(DEMO):
        return FREE
    listed_model = the_models().model(model)
    if listed_model and (price := per_million(listed_model.prompt_price, listed_model.completion_price)):
        return price
    assumed = Decimal(str(setting("budgets.unknown_price"))) * 1000
    return Price(assumed, assumed) if the_connections().is_priced(the_connections().slug_of(model)) else FREE


def _read(session: Session) -> dict[str, int]:
    last = select(Generation.model_asked, Generation.output_tokens).order_by(Generation.id.desc()).limit(LATEST_ANSWERS)
    lengths: dict[str, list[int]] = {}
    for model, tokens in session.execute(last):
        if tokens:
            lengths.setdefault(model, []).append(tokens)
    return {model: sorted(counts)[len(counts) // 2] for model, counts in lengths.items()}
