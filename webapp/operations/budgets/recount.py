"""What answers cost against a budget: prices in time, and the count of a period from the answers themselves."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from webapp.base.current import PerApp
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.ids import least_id
from webapp.chat.record.tables import Chat, Message
from webapp.engine.costs import was_refused
from webapp.engine.engine import the_engine
from webapp.engine.slices import in_slices
from webapp.engine.tables import ACTIVE, EXAMPLE, NOT_HERE, WHILE_ACTIVE, Generation
from webapp.models.connections.models import DEMO, providers
from webapp.operations.budgets.amounts import FREE, Consumption, Price, amount, per_million
from webapp.operations.budgets.tables import Budget, BudgetCharge
from webapp.people.accounts.tables import Membership
from webapp.settings.service import setting

# An answer requested this long ago is committed, even if the clock of its server differs.
MARGIN = timedelta(minutes=1)
# For a model without answers yet.
USUAL_TOKENS = 1_000
LATEST_ANSWERS, FRESH_SECONDS = 200, 60.0


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


def _wanted(budget: Budget, *which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    one = Generation
    side_kinds = [name for name, kind in the_engine().kinds.items() if kind.is_side_request] if budget.unit == "answers" else []
    is_counted = one.status.not_in(ACTIVE), one.kind.not_in([NOT_HERE, EXAMPLE, *side_kinds]), *_whose(budget)
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
    return select(*columns).outerjoin(BudgetCharge, _is_charge_of(budget)).where(*which, *is_counted)


def _is_charge_of(budget: Budget) -> ColumnElement[bool]:
    """Returns the condition for what an answer was charged: estimates, and an API token's answers, are recorded nowhere else."""
    return and_(BudgetCharge.generation_id == Generation.id, BudgetCharge.budget_id == budget.id, BudgetCharge.is_open.is_(False))


def _used_by_deleted(session: Session, budget: Budget, since: datetime) -> int:
    """Returns what was charged for answers since then whose chats have been deleted permanently."""
    is_known = select(Generation.id).where(Generation.id == BudgetCharge.generation_id).correlate(BudgetCharge).exists()
    which = BudgetCharge.budget_id == budget.id, BudgetCharge.generation_id >= least_id(since), BudgetCharge.is_open.is_(False)
    return int(session.scalar(select(func.coalesce(func.sum(BudgetCharge.used), 0)).where(*which, ~is_known)) or 0)


def _slices(
    session: Session,
    budget: Budget,
    wanted: Select[*tuple[Any, ...]],
    since: datetime,
    *,
    until: datetime | None = None,
    pause: Callable[[], object] = lambda: None,
) -> Iterator[Any]:
    user_id = budget.who_id if budget.who == "user" else ""
    return in_slices(session, wanted, since=since, until=until, user_id=user_id, pause=pause)


def _sum(budget: Budget, rows: Iterable[Any]) -> int:
    price = cache(price_of)
    return sum(_used(budget.unit, row, price) for row in rows)


def _whose(budget: Budget) -> list[ColumnElement[bool]]:
    if budget.who == "token":
        return [BudgetCharge.budget_id.is_not(None)]
    which = [Generation.model_asked == budget.model] if budget.model else []
    if budget.who == "user":
        return [*which, Generation.user_id == budget.who_id]
    if budget.who == "group":
        return [*which, Generation.user_id.in_(select(Membership.user_id).where(Membership.group_id == budget.who_id))]
    return [*which, _is_of(budget.who_id)] if budget.who == "character" else which


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
class _Memory:
    """A cache of the median answer length by model; as an estimate, it can be a minute old."""

    medians: dict[str, int] = field(default_factory=dict)
    read_at: float = float("-inf")


MEMORY = PerApp(_Memory)


def price_of(model: str) -> Price:
    """Returns the token price of this model, or of the most expensive one among its fallbacks."""
    prices = [_price(each) for each in providers().chain(model)]
    return Price(max(price.input for price in prices), max(price.output for price in prices))


def usual_tokens(session: Session, model: str) -> int:
    """Returns the usual length of this model's answers in tokens, from recent ones."""
    memory = MEMORY.get()
    if time.monotonic() - memory.read_at >= FRESH_SECONDS:
        memory.read_at = time.monotonic()
        memory.medians = _read(session)
    return memory.medians.get(model, USUAL_TOKENS)


def _price(model: str) -> Price:
    known = providers()
    if model.startswith(DEMO):
        return FREE
    listed = known.model(model)
    if listed and (price := per_million(listed.prompt_price, listed.completion_price)):
        return price
    assumed = Decimal(str(setting("budgets.unknown_price"))) * 1000
    return Price(assumed, assumed) if known.is_priced(known.connection_of(model)) else FREE


def _read(session: Session) -> dict[str, int]:
    last = select(Generation.model_asked, Generation.output_tokens).order_by(Generation.id.desc()).limit(LATEST_ANSWERS)
    lengths: dict[str, list[int]] = {}
    for model, tokens in session.execute(last):
        if tokens:
            lengths.setdefault(model, []).append(tokens)
    return {model: sorted(each)[len(each) // 2] for model, each in lengths.items()}
