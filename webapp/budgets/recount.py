"""Computes past usage from the records of answers, for a budget that is new or whose period was moved."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, false, or_, select
from sqlalchemy.orm import Session

from webapp.accounts.tables import Membership
from webapp.budgets.amounts import Consumption, Price, amount
from webapp.budgets.prices import price_of
from webapp.budgets.tables import Budget
from webapp.chat.tables import Chat, Message
from webapp.engine.engine import the_engine
from webapp.engine.slices import in_slices
from webapp.engine.tables import ACTIVE, EXAMPLE, NOT_HERE, WHILE_ACTIVE, Generation
from webapp.heavy.turns import queue_for_turn
from webapp.usage.cost_text import was_refused

# An answer requested this long ago is committed, even if the clock of its server differs.
MARGIN = timedelta(minutes=1)


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
    """Returns the usage of the answers requested since then; none for an API token, as answers don't record theirs."""
    if not before:
        return _sum(budget, _slices(session, budget, _wanted(budget, Generation.created_at >= since), since))
    start = max(since, before.until)
    late = _wanted(budget, Generation.created_at >= start, Generation.id.not_in(before.running))
    ran = _wanted(budget, Generation.created_at >= since, Generation.id.in_(before.running))
    return before.used + _sum(budget, _slices(session, budget, late, start)) + _sum(budget, session.execute(ran))


def _wanted(budget: Budget, *which: ColumnElement[bool]) -> Select[Any]:
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
    )
    return select(*columns).where(*which, *is_counted)


def _slices(
    session: Session,
    budget: Budget,
    wanted: Select[Any],
    since: datetime,
    *,
    until: datetime | None = None,
    pause: Callable[[], object] = lambda: None,
) -> Iterator[Any]:
    if budget.who == "token":
        return iter(())
    user_id = budget.who_id if budget.who == "user" else ""
    return in_slices(session, wanted, since=since, until=until, user_id=user_id, pause=pause)


def _sum(budget: Budget, rows: Iterable[Any]) -> int:
    price = cache(price_of)
    return sum(_amount(budget.unit, row, price(row.model_asked)) for row in rows if not was_refused(row))


def _whose(budget: Budget) -> list[ColumnElement[bool]]:
    if budget.who == "token":
        return [false()]
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


def _amount(unit: str, row: Any, price: Price) -> int:
    return amount(unit, Consumption(row.input_tokens or 0, row.output_tokens or 0, row.cost), price)
