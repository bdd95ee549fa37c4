"""The periods of budgets, in the time zone of the team, and the sentence when one is used up, in the language of the page."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil
from zoneinfo import ZoneInfo

from webapp.base import languages
from webapp.base.errors import OverBudget
from webapp.base.languages import gettext as _
from webapp.operations.budgets.amounts import words
from webapp.operations.budgets.tables import Budget
from webapp.settings.service import setting

PERIODS = ("day", "week", "month")
WHOSE = {
    "team": "The team's budget",
    "group": "Your group's budget",
    "user": "Your budget",
    "character": "This character's budget",
    "token": "This token's budget",
}
PER = {"day": "%(amount)s per day", "week": "%(amount)s per week", "month": "%(amount)s per month"}


def beginning(moment: datetime, period: str, zone: str) -> datetime:
    """Returns when the period began, in UTC; a week begins on Monday."""
    return _at_midnight(_first_day(moment.astimezone(_known(zone)), period), zone)


def following(moment: datetime, period: str, zone: str) -> datetime:
    """Returns when the next period begins, in UTC."""
    first = _first_day(moment.astimezone(_known(zone)), period)
    # Longer than any period, but shorter than two.
    later = first + {"day": timedelta(hours=36), "week": timedelta(days=8), "month": timedelta(days=32)}[period]
    return _at_midnight(_first_day(later, period), zone)


def is_zone(name: str) -> bool:
    """Returns whether there is a time zone with that name."""
    try:
        _known(name)
    except (ValueError, OSError, KeyError):
        # An unknown name raises KeyError, one that cannot be a file name OSError or ValueError.
        return False
    return True


@lru_cache(maxsize=32)
def _known(zone: str) -> ZoneInfo:
    return ZoneInfo(zone)


def _first_day(local: datetime, period: str) -> datetime:
    day = local.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day


def _at_midnight(day: datetime, zone: str) -> datetime:
    return day.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=_known(zone)).astimezone(UTC)


@languages.using(languages.ENGLISH)
def refusal(budget: Budget, now: datetime) -> OverBudget:
    """Returns the error for a budget that is used up, with when it resets."""
    resets_at = following(now, budget.period, time_zone())
    seconds = max(1, ceil((resets_at - now).total_seconds()))
    return OverBudget(used_up_words(budget, resets_at), budget_id=budget.id, resets_at=resets_at, retry_after=seconds)


def used_up_words(budget: Budget, resets_at: datetime) -> str:
    values = {"budget": _(WHOSE[budget.who]), "limit": limit_words(budget), "time": local(resets_at)}
    return _("%(budget)s of %(limit)s is used up. It resets on %(time)s.", **values)


def limit_words(budget: Budget) -> str:
    """Formats the amount and its period, like $10.00 per day."""
    limit = _(PER[budget.period], amount=words(budget.unit, budget.most))
    return _("%(limit)s with %(model)s", limit=limit, model=budget.model) if budget.model else limit


def local(moment: datetime) -> str:
    """Formats a moment in the team's time zone."""
    language, zone = languages.current(), time_zone()
    at, place = moment.astimezone(ZoneInfo(zone)), zone.replace("_", " ")
    if language.code == languages.ENGLISH:
        return f"{at.day} {at:%B} at {at:%H:%M} ({place})"
    return f"{language.formats.date(at)}, {at:%H:%M} ({place})"


def time_zone() -> str:
    return str(setting("team.time_zone"))
