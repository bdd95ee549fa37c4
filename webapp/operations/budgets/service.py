"""What admins can do with budgets."""

from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.audit import About
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.models.connections import naming
from webapp.operations.budgets import periods
from webapp.operations.budgets.amounts import UNITS, parsed
from webapp.operations.budgets.queries import NAMED
from webapp.operations.budgets.recount import begin, counted_before, used_since
from webapp.operations.budgets.tables import Budget
from webapp.settings.service import set_settings, setting, unset_setting
from webapp.settings.tables import ApplicationSetting

WHO = ("team", "group", "user", "character", "token")
MOST = 500
ENABLED = "budgets.enabled"


@dataclass(frozen=True, slots=True)
class BudgetInput:
    """The values of a budget as entered."""

    who: str
    who_id: str
    unit: str
    limit: str
    period: str
    warn_at: float = 0.8
    model: str = ""


def create(entered: BudgetInput, **about: Unpack[About]) -> Budget:
    """Creates a budget, including known usage since its current period began."""
    budget = _checked(entered)
    _turn_on(about)
    now = utc_now()
    starts_at = periods.beginning(now, budget.period, periods.time_zone())
    # Counted before the transaction, as it can take a while.
    before = counted_before(db.session(), budget, starts_at, now=now)
    with write() as session:
        if (session.scalar(select(func.count()).select_from(Budget)) or 0) >= MOST:
            raise Conflict(f"There are already {MOST} budgets, which is the limit. Delete one first.")
        session.add(budget)
        session.flush()
        begin(session, budget, starts_at, used=used_since(session, budget, starts_at, before))
        _note(session, "created a budget", budget, about)
    # Another admin can have deleted the last budget in between, which turned them off.
    _keep_on(about)
    return budget


def change(budget: Budget, *, limit: str | None = None, warn_at: float | None = None, **about: Unpack[About]) -> None:
    """Changes the amount, or when to warn; the usage is kept."""
    id = budget.id
    most = None if limit is None else _amount(budget.unit, limit)
    if warn_at is not None:
        _check_share(warn_at)
    with write() as session:
        found = _existing(session, id)
        found.most = found.most if most is None else most
        found.warn_at = found.warn_at if warn_at is None else warn_at
        _note(session, "changed a budget", found, about)


def remove(budget: Budget, **about: Unpack[About]) -> None:
    """Deletes a budget with its counts; without any budget, usage is no longer counted."""
    id = budget.id
    with write() as session:
        _note(session, "deleted a budget", _existing(session, id), about)
        session.execute(delete(Budget).where(Budget.id == id))
        is_last = not session.scalar(select(func.count()).select_from(Budget))
    if is_last:
        unset_setting(ENABLED, **about)
        # A budget created in between found them still turned on.
        _keep_on(about)


def check_time_zone(value: Any) -> None:
    """Raises `Invalid` for an unknown time zone."""
    if not periods.is_zone(str(value)):
        raise Invalid(f"There is no time zone named {value}. Use a name such as Europe/Berlin or UTC.", field="value")


def _turn_on(about: About) -> None:
    # Before the budget is created, so that a crash never leaves a budget that isn't counted.
    if not setting(ENABLED):
        set_settings({ENABLED: "true"}, **about)


def _keep_on(about: About) -> None:
    """Turns budgets on if any exist; reads the stored setting, because this process's cache can be stale."""
    stored = db.session.scalar(select(ApplicationSetting.value).where(ApplicationSetting.key == ENABLED))
    if stored != "true" and db.session.scalar(select(func.count()).select_from(Budget)):
        set_settings({ENABLED: "true"}, **about)


def _checked(entered: BudgetInput) -> Budget:
    for name, known in (("who", WHO), ("unit", UNITS), ("period", periods.PERIODS)):
        if getattr(entered, name) not in known:
            raise Invalid(f"Choose one of: {', '.join(known)}.", field=name)
    _check_share(entered.warn_at)
    if len(entered.model) > 200:
        raise Invalid("That name is too long for a model.", field="model")
    naming.refuse_unlisted(entered.model.strip(), field="model")
    return Budget(
        who=entered.who,
        who_id=_known(entered.who, entered.who_id),
        unit=entered.unit,
        most=_amount(entered.unit, entered.limit),
        period=entered.period,
        warn_at=entered.warn_at,
        model=entered.model.strip(),
    )


def _known(who: str, id: str) -> str:
    if who == "team":
        return ""
    if not id or len(id) > 26 or "\0" in id or db.session.get(NAMED[who], id) is None:
        raise Invalid(f"There is no such {'person' if who == 'user' else who}.", field="who_id")
    return id


def _amount(unit: str, text: str) -> int:
    try:
        return parsed(unit, text)
    except ValueError as error:
        raise Invalid(str(error), field="limit") from error


def _check_share(share: float) -> None:
    if not 0 < share <= 1:
        raise Invalid("Enter a percentage from 1 to 100.", field="warn_at")


def _existing(session: Session, id: str) -> Budget:
    found = session.get(Budget, id)
    if found is None:
        raise NotFound("That budget no longer exists.")
    return found


def _note(session: Session, action: str, budget: Budget, about: About) -> None:
    detail = f"{budget.who}: {periods.limit_words(budget)}"
    entry: About = {**about, "object_kind": "budget", "object_id": budget.id, "detail": detail}
    audit.add(session, action, **entry)
