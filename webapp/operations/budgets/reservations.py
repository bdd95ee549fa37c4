"""Reserves, settles and corrects the usage of answers, with conditional updates, which stay exact under concurrency."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, Select, Update, and_, insert, or_, select, update
from sqlalchemy.orm import Session

from webapp.engine.tables import ACTIVE, Generation
from webapp.operations.budgets import periods
from webapp.operations.budgets.amounts import Consumption, Price, amount
from webapp.operations.budgets.recount import begin, used_since
from webapp.operations.budgets.tables import Budget, BudgetCharge, BudgetPeriod
from webapp.people.accounts.tables import Membership

CHARGE = (
    BudgetCharge.generation_id,
    BudgetCharge.budget_id,
    BudgetCharge.starts_at,
    BudgetCharge.reserved,
    BudgetCharge.used,
    BudgetCharge.input_tokens,
    BudgetCharge.output_tokens,
)
CLOSED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class UsageRequest:
    """An answer that is about to be requested: its person, its model and its expected usage."""

    generation_id: str
    user_id: str
    model: str
    consumption: Consumption
    price: Price
    character_id: str = ""
    token_id: str = ""
    is_side_request: bool = False


@dataclass(frozen=True, slots=True)
class Reservation:
    """The part of one budget that is reserved for one answer."""

    budget_id: str
    unit: str
    starts_at: datetime
    reserved: int


def reserve(session: Session, request: UsageRequest, now: datetime) -> list[Reservation]:
    """Reserves the whole estimate in every budget that applies; raises `OverBudget` if one is used up."""
    reservations = [_reserved(session, budget, request, now) for budget in session.scalars(_counting(request)).all()]
    if reservations:
        tokens = {
            "input_tokens": request.consumption.input_tokens,
            "output_tokens": request.consumption.output_tokens,
        }
        charge = {"generation_id": request.generation_id, "used": 0, "is_open": True, **tokens}
        rows = [
            {**charge, "budget_id": reservation.budget_id, "starts_at": reservation.starts_at, "reserved": reservation.reserved}
            for reservation in reservations
        ]
        session.execute(insert(BudgetCharge), rows)
    return reservations


def extend(
    session: Session, generation_id: str, reservations: Iterable[Reservation], more: Consumption, price: Price
) -> Budget | None:
    """Reserves more for a running answer; if a budget has nothing left, returns it and changes nothing."""
    for reservation in reservations:
        more_units = 0 if reservation.unit == "answers" else amount(reservation.unit, more, price)
        if not more_units:
            continue
        if _take(session, reservation.budget_id, reservation.starts_at, more_units):
            _change(session, generation_id, reservation.budget_id, is_open=True, reserved=BudgetCharge.reserved + more_units)
        # A budget that has been deleted since no longer limits anything.
        elif session.scalar(select(Budget.id).where(Budget.id == reservation.budget_id)):
            session.rollback()
            return session.get(Budget, reservation.budget_id)
    return None


def held(session: Session, generation_id: str) -> tuple[list[Reservation], Consumption]:
    """Returns what is reserved for an answer that has not ended, and the usage that was expected of it."""
    charges = _charges(session, generation_id, is_open=True)
    reserved = [Reservation(charge.budget_id, unit, charge.starts_at, charge.reserved) for charge, unit in charges]
    tokens = ((charge.input_tokens, charge.output_tokens) for charge, _ in charges)
    return reserved, Consumption(*next(tokens, (0, 0)))


def settle(
    session: Session, generation_id: str, consumption: Consumption, price: Price, *, is_known: bool, is_nothing: bool
) -> None:
    """Replaces an answer's reservation with its usage, as far as that is known; a second call changes nothing.

    If the input tokens are unknown (`is_known`), the estimate from the start of the answer counts.
    """
    for charge, unit in _charges(session, generation_id, is_open=True):
        whole = consumption if is_known else replace(consumption, input_tokens=charge.input_tokens)
        used = 0 if is_nothing else amount(unit, whole, price)
        tokens = {"input_tokens": whole.input_tokens, "output_tokens": whole.output_tokens}
        if _change(session, generation_id, charge.budget_id, is_open=True, used=used, closed=True, **tokens):
            _count(session, charge, used=used, reserved=-charge.reserved)


def correct(session: Session, generation_id: str, consumption: Consumption, price: Price) -> None:
    """Replaces the estimated usage of an answer with its actual usage."""
    for charge, unit in _charges(session, generation_id, is_open=False):
        tokens = consumption.input_tokens or charge.input_tokens, consumption.output_tokens or charge.output_tokens
        used = amount(unit, Consumption(*tokens, consumption.cost), price)
        if used != charge.used and _change(session, generation_id, charge.budget_id, is_open=False, used=used):
            _count(session, charge, used=used - charge.used, reserved=0)


def abandoned(*columns: Any) -> Select[*tuple[Any, ...]]:
    """Selects open charges whose answer is gone, with its chat or its worker."""
    is_running = and_(Generation.id == BudgetCharge.generation_id, Generation.status.in_(ACTIVE))
    return select(*columns).outerjoin(Generation, is_running).where(BudgetCharge.is_open, Generation.id.is_(None))


def close_abandoned(session: Session, budget_id: str) -> bool:
    """Closes open charges whose answer is gone, with its chat or its worker: their estimates count as used.

    It closes a limited number per call; the next request closes more.
    """
    # Locks the periods in order: two transactions that each update what the other has begun to update would deadlock.
    periods = select(BudgetPeriod.starts_at).where(BudgetPeriod.budget_id == budget_id).order_by(BudgetPeriod.starts_at)
    session.execute(periods.with_for_update()).all()
    rows = session.execute(abandoned(*CHARGE).where(BudgetCharge.budget_id == budget_id).limit(CLOSED_AT_ONCE)).all()
    for charge in rows:
        if _change(session, charge.generation_id, budget_id, is_open=True, used=charge.reserved, closed=True):
            _count(session, charge, used=charge.reserved, reserved=-charge.reserved)
    return bool(rows)


def _counting(request: UsageRequest) -> Select[Budget]:
    """Selects the budgets that apply, in the order in which every transaction locks them, so that none deadlock."""
    groups = select(Membership.group_id).where(Membership.user_id == request.user_id)
    ids = {"user": request.user_id, "character": request.character_id, "token": request.token_id}
    conditions = [Budget.who == "team", and_(Budget.who == "group", Budget.who_id.in_(groups))]
    conditions += [and_(Budget.who == who, Budget.who_id == id) for who, id in ids.items() if id]
    query = select(Budget).where(or_(*conditions), Budget.model.in_(("", request.model))).order_by(Budget.id)
    return query.where(Budget.unit != "answers") if request.is_side_request else query


def _reserved(session: Session, budget: Budget, request: UsageRequest, now: datetime) -> Reservation:
    starts_at = periods.beginning(now, budget.period, periods.time_zone())
    units = amount(budget.unit, request.consumption, request.price)
    is_free = budget.unit == "usd" and request.price.is_free
    reservation = Reservation(budget.id, budget.unit, starts_at, units)
    if _take(session, budget.id, starts_at, units, is_free=is_free):
        return reservation
    # Counted once: otherwise every refused request would count all answers of the period again.
    is_it = BudgetPeriod.budget_id == budget.id, BudgetPeriod.starts_at == starts_at
    if session.scalar(select(BudgetPeriod.starts_at).where(*is_it)) is None:
        begin(session, budget, starts_at, used=used_since(session, budget, starts_at))
    if _take(session, budget.id, starts_at, units, is_free=is_free):
        return reservation
    if close_abandoned(session, budget.id) and _take(session, budget.id, starts_at, units):
        return reservation
    raise periods.refusal(budget, now)


def _take(session: Session, budget_id: str, starts_at: datetime, units: int, *, is_free: bool = False) -> bool:
    """Reserves the amount if anything is left, and returns whether it did."""
    most = select(Budget.most).where(Budget.id == budget_id).scalar_subquery()
    is_left = () if is_free else (BudgetPeriod.used + BudgetPeriod.reserved < most,)
    is_it = BudgetPeriod.budget_id == budget_id, BudgetPeriod.starts_at == starts_at
    return _is_changed(session, update(BudgetPeriod).where(*is_it, *is_left).values(reserved=BudgetPeriod.reserved + units))


def _charges(session: Session, generation_id: str, *, is_open: bool) -> list[tuple[Any, str]]:
    conditions = BudgetCharge.generation_id == generation_id, BudgetCharge.is_open.is_(is_open)
    query = select(*CHARGE, Budget.unit).join(Budget, Budget.id == BudgetCharge.budget_id).where(*conditions)
    return [(row, row.unit) for row in session.execute(query.order_by(BudgetCharge.budget_id)).all()]


def _change(session: Session, generation_id: str, budget_id: str, *, is_open: bool, closed: bool = False, **values: Any) -> bool:
    """Updates a charge that is still as it was read; returns False if not, and then its budget must not be counted."""
    conditions = BudgetCharge.generation_id == generation_id, BudgetCharge.budget_id == budget_id
    changed = update(BudgetCharge).where(*conditions, BudgetCharge.is_open.is_(is_open))
    return _is_changed(session, changed.values(is_open=is_open and not closed, **values))


def _count(session: Session, charge: Any, *, used: int, reserved: int) -> None:
    which = BudgetPeriod.budget_id == charge.budget_id, BudgetPeriod.starts_at == charge.starts_at
    values = {"used": BudgetPeriod.used + used, "reserved": BudgetPeriod.reserved + reserved}
    _is_changed(session, update(BudgetPeriod).where(*which).values(**values))


def _is_changed(session: Session, change: Update) -> bool:
    result: CursorResult[Any] = session.connection().execute(change)
    return bool(result.rowcount)
