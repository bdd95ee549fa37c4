"""What was used before anybody counted: from the records of answers, for a budget that is new or whose period was moved."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from webapp.accounts.tables import Membership
from webapp.budgets.amounts import Price, Taken, amount
from webapp.budgets.prices import price_of
from webapp.budgets.tables import Budget
from webapp.chat.tables import Chat
from webapp.engine.engine import the_engine
from webapp.engine.slices import in_slices
from webapp.engine.tables import ACTIVE, EXAMPLE, NOT_HERE, Generation
from webapp.usage.cost_text import was_refused


def used_since(session: Session, budget: Budget, since: datetime, *, pause: Callable[[], object] = lambda: None) -> int:
    """How much the answers asked for since then have taken. By which token they were asked nobody knows.

    `pause` is called between slices, where others may have their turn.
    """
    if budget.who == "token":
        return 0
    asides = [name for name, kind in the_engine().kinds.items() if kind.is_aside] if budget.unit == "answers" else []
    is_counted = Generation.kind.not_in([NOT_HERE, EXAMPLE, *asides])
    which = [Generation.created_at >= since, Generation.status.not_in(ACTIVE), is_counted]
    rows, price = _rows(session, [*which, *_whose(budget)], pause), cache(price_of)
    return sum(_amount(budget.unit, row, price(row.model_asked)) for row in rows if not was_refused(row))


def _rows(session: Session, which: list[ColumnElement[bool]], pause: Callable[[], object]) -> Iterator[Any]:
    one = Generation
    told: tuple[Any, ...] = (
        one.model_asked,
        one.input_tokens,
        one.output_tokens,
        one.cost,
        one.status,
        one.reason,
        one.upstream_id,
    )
    return in_slices(session, select(*told).where(*which), pause=pause)


def _whose(budget: Budget) -> list[ColumnElement[bool]]:
    which = [Generation.model_asked == budget.model] if budget.model else []
    if budget.who == "user":
        return [*which, Generation.user_id == budget.who_id]
    if budget.who == "group":
        return [*which, Generation.user_id.in_(select(Membership.user_id).where(Membership.group_id == budget.who_id))]
    if budget.who == "character":
        return [*which, Generation.lane.in_(select("chat:" + Chat.id).where(Chat.character_id == budget.who_id))]
    return which


def _amount(unit: str, row: Any, price: Price) -> int:
    return amount(unit, Taken(row.input_tokens or 0, row.output_tokens or 0, row.cost), price)
