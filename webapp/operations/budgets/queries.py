"""Queries for budgets: which exist, the names of their subjects, and how much of each is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select

from webapp.base.db import db, utc_now, write
from webapp.base.heavy.turns import queue_for_turn
from webapp.characters.tables import Character
from webapp.operations.budgets import periods
from webapp.operations.budgets.recount import count_long_periods
from webapp.operations.budgets.reservations import abandoned, close_abandoned
from webapp.operations.budgets.tables import Budget, BudgetCharge, BudgetPeriod
from webapp.people.accounts import directory
from webapp.people.accounts.tables import ApiToken, Group, Membership, User
from webapp.settings.service import setting

NAMED: dict[str, Any] = {"user": User, "group": Group, "character": Character, "token": ApiToken}


@dataclass(frozen=True, slots=True)
class Level:
    """A budget in its current period."""

    budget: Budget
    used: int
    reserved: int
    resets_at: datetime

    @property
    def share(self) -> float:
        """The part of it that is used or reserved; more than 1 when it was exceeded."""
        return (self.used + self.reserved) / self.budget.most

    @property
    def left(self) -> int:
        return max(0, self.budget.most - self.used - self.reserved)

    @property
    def is_near(self) -> bool:
        return self.share >= self.budget.warn_at

    @property
    def is_used_up(self) -> bool:
        return self.used + self.reserved >= self.budget.most


def budget(id: str) -> Budget | None:
    return db.session.get(Budget, id)


def all_budgets() -> Sequence[Budget]:
    """Returns the team's budgets first, then the others, oldest first."""
    return db.session.scalars(select(Budget).order_by(Budget.who == "team", Budget.id.desc())).all()[::-1]


def budgets_of(user: User) -> Sequence[Budget]:
    """Returns the budgets that count this person's usage, whatever it is used for."""
    groups = select(Membership.group_id).where(Membership.user_id == user.id)
    tokens = select(ApiToken.id).where(ApiToken.user_id == user.id)
    conditions = (
        Budget.who == "team",
        and_(Budget.who == "user", Budget.who_id == user.id),
        and_(Budget.who == "group", Budget.who_id.in_(groups)),
        and_(Budget.who == "token", Budget.who_id.in_(tokens)),
    )
    return db.session.scalars(select(Budget).where(or_(*conditions)).order_by(Budget.id)).all()


def levels(budgets: Sequence[Budget]) -> list[Level]:
    """Returns how much of each budget is used in its current period."""
    now, zone = utc_now(), periods.time_zone()
    starts = {budget.id: periods.beginning(now, budget.period, zone) for budget in budgets}
    rows = db.session.scalars(
        select(BudgetPeriod).where(BudgetPeriod.budget_id.in_(starts), BudgetPeriod.starts_at.in_(starts.values()))
    )
    present = {row.budget_id: (row.used, row.reserved) for row in rows if row.starts_at == starts[row.budget_id]}
    return [Level(budget, *present.get(budget.id, (0, 0)), periods.following(now, budget.period, zone)) for budget in budgets]


def level(budget: Budget) -> Level:
    return levels([budget])[0]


def near_levels(user: User) -> list[Level]:
    """Returns the budgets that this person should be warned of; runs no query while there are no budgets."""
    return [level for level in levels(budgets_of(user)) if level.is_near] if setting("budgets.enabled") else []


def names(budgets: Sequence[Budget]) -> dict[str, str]:
    """Returns the names of the people, groups, characters and tokens, by id."""
    names_by_id: dict[str, str] = {}
    for who, table in NAMED.items():
        ids = [budget.who_id for budget in budgets if budget.who == who]
        rows = db.session.execute(select(table.id, table.name).where(table.id.in_(ids))) if ids else ()
        names_by_id.update((id, name) for id, name in rows)
    return names_by_id


def tidy() -> None:
    """Closes the charges of answers that are gone, a few per transaction, as a crash can leave thousands.

    Begins the current periods that have answers but no row yet, as after a change of the team's time zone.
    """
    count_long_periods(utc_now(), above=0)
    for id in sorted(db.session.scalars(abandoned(BudgetCharge.budget_id).distinct()).all()):
        is_left = True
        while is_left:
            with write() as session:
                is_left = close_abandoned(session, id)
            queue_for_turn()


def subjects(text: str, limit: int) -> list[tuple[str, str]]:
    """Finds what a budget can be for, other than the team: groups, people, the team's characters and API tokens."""
    choices = [*directory.people_and_groups(text, limit), *_characters(text, limit), *_tokens(text, limit)]
    return choices[:limit]


def _characters(text: str, limit: int) -> list[tuple[str, str]]:
    name = "Character: " + Character.name
    query = select("character:" + Character.id, name).where(Character.owner_id.is_(None), Character.deleted_at.is_(None))
    query = query.where(*directory.has(text.removeprefix("character:"), name, Character.id))
    return [(value, words) for value, words in db.session.execute(query.order_by(Character.name, Character.id).limit(limit))]


def _tokens(text: str, limit: int) -> list[tuple[str, str]]:
    name = "API token: " + ApiToken.name + " (" + User.email + ")"
    query = select("token:" + ApiToken.id, name).join(User, User.id == ApiToken.user_id)
    query = query.where(*directory.has(text.removeprefix("token:"), name, ApiToken.id))
    return [(value, words) for value, words in db.session.execute(query.order_by(User.email, ApiToken.id).limit(limit))]
