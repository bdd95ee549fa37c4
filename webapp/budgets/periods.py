"""Days, weeks and months of a time zone: when the one begins in which a moment lies, and when the next. Pure."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

PERIODS = ("day", "week", "month")


def beginning(moment: datetime, period: str, zone: str) -> datetime:
    """When the period began, in UTC; a week begins on Monday."""
    return _at_midnight(_first_day(moment.astimezone(_known(zone)), period), zone)


def following(moment: datetime, period: str, zone: str) -> datetime:
    """When the next period begins, in UTC."""
    first = _first_day(moment.astimezone(_known(zone)), period)
    # Longer than any period, and never as long as two.
    later = first + {"day": timedelta(hours=36), "week": timedelta(days=8), "month": timedelta(days=32)}[period]
    return _at_midnight(_first_day(later, period), zone)


def is_zone(name: str) -> bool:
    """Whether there is a time zone of that name."""
    try:
        _known(name)
    except (ValueError, OSError, KeyError):
        # An unknown name is a KeyError, one that cannot be a file's name an OSError or a ValueError.
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
