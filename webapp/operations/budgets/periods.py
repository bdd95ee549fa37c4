"""Days, weeks and months of a time zone: the start of the period that contains a moment, and of the next. Pure."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

PERIODS = ("day", "week", "month")
# Shorter than any, also on days with a clock change: periods that begin closer together are of different time zones.
LEAST = {"day": timedelta(hours=20), "week": timedelta(days=6), "month": timedelta(days=27)}


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
