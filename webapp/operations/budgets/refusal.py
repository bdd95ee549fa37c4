"""The message when a budget is used up: whose it is, how much, and when it resets."""

from datetime import datetime
from math import ceil
from zoneinfo import ZoneInfo

from webapp.base.errors import OverBudget
from webapp.operations.budgets import periods
from webapp.operations.budgets.amounts import words
from webapp.operations.budgets.tables import Budget
from webapp.settings.service import setting

WHOSE = {
    "team": "The team's budget",
    "group": "Your group's budget",
    "user": "Your budget",
    "character": "This character's budget",
    "token": "This token's budget",
}


def refusal(budget: Budget, now: datetime) -> OverBudget:
    """Returns the error for a budget that is used up, with when it resets."""
    resets_at = periods.following(now, budget.period, time_zone())
    seconds = max(1, ceil((resets_at - now).total_seconds()))
    return OverBudget(used_up_words(budget, resets_at), budget_id=budget.id, resets_at=resets_at, retry_after=seconds)


def used_up_words(budget: Budget, resets_at: datetime) -> str:
    return f"{WHOSE[budget.who]} of {limit_words(budget)} is used up. It resets on {local(resets_at)}."


def limit_words(budget: Budget) -> str:
    """Formats the amount and its period, like $10.00 per day."""
    per = f"{words(budget.unit, budget.most)} per {budget.period}"
    return f"{per} with {budget.model}" if budget.model else per


def local(moment: datetime) -> str:
    """Formats a moment in the team's time zone."""
    zone = time_zone()
    at = moment.astimezone(ZoneInfo(zone))
    return f"{at.day} {at:%B} at {at:%H:%M} ({zone.replace('_', ' ')})"


def time_zone() -> str:
    return str(setting("team.time_zone"))
