"""Texts for budgets on pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import url_for

from webapp.models.connections.models import providers
from webapp.operations.budgets import queries
from webapp.operations.budgets.amounts import part_words, words
from webapp.operations.budgets.periods import WHOSE, limit_words, local, used_up_words
from webapp.operations.budgets.tables import Budget
from webapp.people.accounts.tables import User

THIS = {"day": "today", "week": "this week", "month": "this month"}
KINDS = {"group": "Group", "user": "Person", "character": "Character", "token": "API token"}


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
        return "Team"
    return f"{KINDS[budget.who]}: {names.get(budget.who_id, 'deleted')}"


def _words(level: queries.Level) -> str:
    budget = level.budget
    if level.is_used_up:
        return used_up_words(budget, level.resets_at)
    words_left = part_words(budget.unit, level.left, budget.most)
    return f"{WHOSE[budget.who]}: {words_left} left until {local(level.resets_at)}."


def _line(level: queries.Level, names: dict[str, str], *, is_linked: bool) -> ShownBudget:
    budget = level.budget
    state = "used up" if level.is_used_up else "little left" if level.is_near else ""
    used = f"{part_words(budget.unit, level.used, budget.most)} used {THIS[budget.period]}"
    used += f", {words(budget.unit, level.reserved)} reserved" if level.reserved else ""
    url = url_for("budgets.show", id=budget.id) if is_linked else ""
    name, percent = name_of(budget, names), min(100, round(100 * level.share))
    resets = f"resets on {local(level.resets_at)}"
    return ShownBudget(name, limit_words(budget), state, used, resets, percent, providers().display_name(budget.model), url)
