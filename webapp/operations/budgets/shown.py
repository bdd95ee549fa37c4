"""Texts for budgets on pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import url_for

from webapp.base.languages import gettext as _
from webapp.models.connections.models import the_models
from webapp.operations.budgets import queries
from webapp.operations.budgets.amounts import part_words, words
from webapp.operations.budgets.periods import WHOSE, limit_words, local, used_up_words
from webapp.operations.budgets.tables import Budget
from webapp.people.accounts.tables import User

USED = {
    "day": "%(amount)s used today",
    "week": "%(amount)s used this week",
    "month": "%(amount)s used this month",
}
KINDS = {
    "group": "Group: %(name)s",
    "user": "Person: %(name)s",
    "character": "Character: %(name)s",
    "token": "API token: %(name)s",
}


@dataclass(frozen=True, slots=True)
class ShownBudget:
    """A line of a list: the budget's subject, how much is used, when it resets."""

    name: str
    limit: str
    state: str
    used: str
    resets: str
    percent: int
    model: str = ""
    url: str = ""


def lines(budgets: Sequence[Budget], *, is_linked: bool) -> list[ShownBudget]:
    names = queries.names(budgets)
    return [_line(level, names, is_linked=is_linked) for level in queries.levels(budgets)]


def line(budget: Budget) -> ShownBudget:
    return _line(queries.level(budget), queries.names([budget]), is_linked=False)


def near(user: User | None) -> list[str]:
    """Returns the composer's warnings, one for each budget with little left."""
    return [_words(level) for level in queries.near_levels(user)] if user else []


def name_of(budget: Budget, names: dict[str, str]) -> str:
    if budget.who == "team":
        return _("Team")
    return _(KINDS[budget.who], name=names.get(budget.who_id) or _("deleted"))


def _words(level: queries.Level) -> str:
    budget = level.budget
    if level.is_used_up:
        return used_up_words(budget, level.resets_at)
    values = {"budget": _(WHOSE[budget.who]), "amount": part_words(budget.unit, level.left, budget.most)}
    return _("%(budget)s: %(amount)s left until %(time)s.", time=local(level.resets_at), **values)


def _line(level: queries.Level, names: dict[str, str], *, is_linked: bool) -> ShownBudget:
    budget = level.budget
    used = [_(USED[budget.period], amount=part_words(budget.unit, level.used, budget.most))]
    if level.reserved:
        used.append(_("%(amount)s reserved", amount=words(budget.unit, level.reserved)))
    return ShownBudget(
        name=name_of(budget, names),
        limit=limit_words(budget),
        state=_("used up") if level.is_used_up else _("little left") if level.is_near else "",
        used=", ".join(used),
        resets=_("resets on %(time)s", time=local(level.resets_at)),
        percent=min(100, round(100 * level.share)),
        model=the_models().display_name(budget.model),
        url=url_for("budgets.show", id=budget.id) if is_linked else "",
    )
