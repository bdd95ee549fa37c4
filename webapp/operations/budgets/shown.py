"""Texts for budgets on pages, in their language; refusals and emails say the same in English (periods.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import url_for

from webapp.base import languages
from webapp.base.languages import gettext as _, ngettext
from webapp.models.connections.models import providers
from webapp.operations.budgets import queries
from webapp.operations.budgets.amounts import words
from webapp.operations.budgets.periods import WHOSE, local, time_zone
from webapp.operations.budgets.tables import Budget
from webapp.people.accounts.tables import User

USED = {
    "day": "%(amount)s used today",
    "week": "%(amount)s used this week",
    "month": "%(amount)s used this month",
}
PER = {"day": "%(amount)s per day", "week": "%(amount)s per week", "month": "%(amount)s per month"}
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
    budget, values = level.budget, {"budget": _(WHOSE[level.budget.who]), "time": _when(level.resets_at)}
    if level.is_used_up:
        return _("%(budget)s of %(limit)s is used up. It resets on %(time)s.", limit=_limit(budget), **values)
    return _("%(budget)s: %(amount)s left until %(time)s.", amount=_part(budget.unit, level.left, budget.most), **values)


def _line(level: queries.Level, names: dict[str, str], *, is_linked: bool) -> ShownBudget:
    budget = level.budget
    used = [_(USED[budget.period], amount=_part(budget.unit, level.used, budget.most))]
    if level.reserved:
        used.append(_("%(amount)s reserved", amount=_amount(budget.unit, level.reserved)))
    return ShownBudget(
        name=name_of(budget, names),
        limit=_limit(budget),
        state=_("used up") if level.is_used_up else _("little left") if level.is_near else "",
        used=", ".join(used),
        resets=_("resets on %(time)s", time=_when(level.resets_at)),
        percent=min(100, round(100 * level.share)),
        model=providers().display_name(budget.model),
        url=url_for("budgets.show", id=budget.id) if is_linked else "",
    )


def _limit(budget: Budget) -> str:
    limit = _(PER[budget.period], amount=_amount(budget.unit, budget.most))
    return _("%(limit)s with %(model)s", limit=limit, model=budget.model) if budget.model else limit


def _amount(unit: str, amount: int) -> str:
    if unit == "tokens":
        return ngettext("%(num)s token", "%(num)s tokens", amount)
    return ngettext("%(num)s answer", "%(num)s answers", amount) if unit == "answers" else words(unit, amount)


def _part(unit: str, part: int, whole: int) -> str:
    """Returns a part of a whole, with the unit only once."""
    number = words(unit, part) if unit == "usd" else languages.current().formats.number(part)
    return _("%(part)s of %(whole)s", part=number, whole=_amount(unit, whole))


def _when(moment: datetime) -> str:
    """Returns a moment in the team's time zone."""
    language, zone = languages.current(), time_zone()
    if language.code == languages.ENGLISH:
        return local(moment)
    here = moment.astimezone(ZoneInfo(zone))
    return f"{language.formats.date(here)}, {here:%H:%M} ({zone.replace('_', ' ')})"
