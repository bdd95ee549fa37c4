"""What admins can do with budgets."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webapp.base import audit, languages
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.base.inputs import Input, Line, OneLine, Refusal
from webapp.models.connections import naming
from webapp.operations.budgets import periods
from webapp.operations.budgets.amounts import parsed
from webapp.operations.budgets.queries import NAMED
from webapp.operations.budgets.recount import begin, counted_before, used_since
from webapp.operations.budgets.tables import Budget
from webapp.settings.service import set_settings, setting, unset_setting
from webapp.settings.tables import ApplicationSetting

MOST = 500
ENABLED = "budgets.enabled"
Who = Literal["team", "group", "user", "character", "token"]
Unit = Literal["usd", "tokens", "answers"]
Period = Literal["day", "week", "month"]
Limit = Annotated[Decimal, Field(gt=0, le=10**12, description="In the unit; dollars with up to nine decimal places.")]
WarnAt = Annotated[
    float,
    Field(gt=0, le=1, description="The share of the limit at which people are warned."),
    Refusal("Enter a percentage from 1 to 100."),
]


class BudgetInput(Input):
    """What is entered for a budget."""

    who: Who
    who_id: Line = ""
    unit: Unit
    limit: Limit
    period: Period
    warn_at: WarnAt = 0.8
    model: Annotated[
        str,
        Field(max_length=200, description="Only answers asked of this model count; empty for all."),
        OneLine("That name is too long for a model.", 200),
    ] = ""


class BudgetChange(Input):
    """Updates only the fields that are sent."""

    limit: Limit | None = None
    warn_at: WarnAt | None = None


def create(entered: BudgetInput, *, author: audit.AuditAuthor) -> Budget:
    """Creates a budget, including known usage since its current period began."""
    naming.refuse_unlisted(entered.model, field="model")
    most, who_id = _amount(entered.unit, entered.limit), _known(entered.who, entered.who_id)
    values = entered.model_dump(exclude={"limit", "who_id"})
    budget = Budget(**values, most=most, who_id=who_id)
    _turn_on(author)
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
        _note(session, "created a budget", budget, author)
    # Another admin can have deleted the last budget in between, which turned them off.
    _keep_on(author)
    return budget


def change(budget: Budget, entered: BudgetChange, *, author: audit.AuditAuthor) -> None:
    """Changes the amount, or when to warn; the usage is kept."""
    id = budget.id
    most = None if entered.limit is None else _amount(budget.unit, entered.limit)
    with write() as session:
        row = _existing(session, id)
        row.most = row.most if most is None else most
        row.warn_at = row.warn_at if entered.warn_at is None else entered.warn_at
        _note(session, "changed a budget", row, author)


def remove(budget: Budget, *, author: audit.AuditAuthor) -> None:
    """Deletes a budget with its counts; without any budget, usage is no longer counted."""
    id = budget.id
    with write() as session:
        _note(session, "deleted a budget", _existing(session, id), author)
        session.execute(delete(Budget).where(Budget.id == id))
        is_last = not session.scalar(select(func.count()).select_from(Budget))
    if is_last:
        unset_setting(ENABLED, author=author)
        # A budget created in between found them still turned on.
        _keep_on(author)


def check_time_zone(value: Any) -> None:
    """Raises `Invalid` for an unknown time zone."""
    if not periods.is_zone(str(value)):
        raise Invalid(f"There is no time zone named {value}. Use a name such as Europe/Berlin or UTC.", field="value")


def _turn_on(author: audit.AuditAuthor) -> None:
    # Before the budget is created, so that a crash never leaves a budget that isn't counted.
    if not setting(ENABLED):
        set_settings({ENABLED: "true"}, author=author)


def _keep_on(author: audit.AuditAuthor) -> None:
    """Turns budgets on if any exist; reads the stored setting, because this process's cache can be stale."""
    stored = db.session.scalar(select(ApplicationSetting.value).where(ApplicationSetting.key == ENABLED))
    if stored != "true" and db.session.scalar(select(func.count()).select_from(Budget)):
        set_settings({ENABLED: "true"}, author=author)


def _known(who: str, id: str) -> str:
    if who == "team":
        return ""
    if not id or len(id) > 26 or "\0" in id or db.session.get(NAMED[who], id) is None:
        raise Invalid(f"There is no such {'person' if who == 'user' else who}.", field="who_id")
    return id


def _amount(unit: str, limit: Decimal) -> int:
    try:
        return parsed(unit, str(limit))
    except ValueError as error:
        raise Invalid(str(error), field="limit") from error


def _existing(session: Session, id: str) -> Budget:
    budget = session.get(Budget, id)
    if budget is None:
        raise NotFound("That budget no longer exists.")
    return budget


@languages.using(languages.ENGLISH)
def _note(session: Session, action: str, budget: Budget, author: audit.AuditAuthor) -> None:
    detail = f"{budget.who}: {periods.limit_words(budget)}"
    audit.add(session, action, author=author, object_kind="budget", object_id=budget.id, detail=detail)
