"""Formats dates in the Moment.js notation that cards use, such as `dddd, D MMMM YYYY [at] HH:mm`. Pure."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

WORDS = re.compile(r"\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|Do|DD|D|dddd|ddd|HH|H|hh|h|mm|m|ss|s|A|a|Z")
# A longer text is not a format.
MOST_CHARS = 200
ENDINGS = {1: "st", 2: "nd", 3: "rd"}
MINUTE, HOUR, DAY = 60, 3_600, 86_400
MONTH, YEAR = 30.44 * DAY, 365.25 * DAY
# Upper limit in seconds, unit, and wording of each range.
SPANS = (
    (45, 1, "a few seconds"),
    (1.5 * MINUTE, 1, "a minute"),
    (45 * MINUTE, MINUTE, "{} minutes"),
    (1.5 * HOUR, 1, "an hour"),
    (22 * HOUR, HOUR, "{} hours"),
    (1.5 * DAY, 1, "a day"),
    (26 * DAY, DAY, "{} days"),
    (1.5 * MONTH, 1, "a month"),
    (10.5 * MONTH, MONTH, "{} months"),
    (1.5 * YEAR, 1, "a year"),
    (float("inf"), YEAR, "{} years"),
)
BY_NAME: dict[str, Callable[[datetime], object]] = {
    "YYYY": lambda moment: f"{moment.year:04}",
    "YY": lambda moment: f"{moment.year % 100:02}",
    "MMMM": lambda moment: f"{moment:%B}",
    "MMM": lambda moment: f"{moment:%b}",
    "MM": lambda moment: f"{moment.month:02}",
    "M": lambda moment: moment.month,
    "Do": lambda moment: _ordinal(moment.day),
    "DD": lambda moment: f"{moment.day:02}",
    "D": lambda moment: moment.day,
    "dddd": lambda moment: f"{moment:%A}",
    "ddd": lambda moment: f"{moment:%a}",
    "HH": lambda moment: f"{moment.hour:02}",
    "H": lambda moment: moment.hour,
    "hh": lambda moment: f"{moment.hour % 12 or 12:02}",
    "h": lambda moment: moment.hour % 12 or 12,
    "mm": lambda moment: f"{moment.minute:02}",
    "m": lambda moment: moment.minute,
    "ss": lambda moment: f"{moment.second:02}",
    "s": lambda moment: moment.second,
    "A": lambda moment: "AM" if moment.hour < 12 else "PM",
    "a": lambda moment: "am" if moment.hour < 12 else "pm",
    "Z": lambda moment: moment.isoformat()[-6:],
}


def formatted(moment: datetime, form: str) -> str | None:
    """Formats an aware datetime; text in square brackets is copied. Returns None if the format is too long."""
    if len(form) > MOST_CHARS:
        return None
    return WORDS.sub(lambda match: str(BY_NAME[match[0]](moment)) if match[1] is None else match[1], form)


def lasted(time: timedelta) -> str:
    """Returns the approximate duration in words."""
    seconds = abs(time.total_seconds())
    _, unit, words = next(span for span in SPANS if seconds < span[0])
    return words.format(round(seconds / unit))


def apart(one: str, other: str) -> str | None:
    """Returns how long the first time is after or before the second; None if one of them is not a valid time."""
    try:
        first, second = (datetime.fromisoformat(text.strip()) for text in (one, other))
    except ValueError:
        return None
    first, second = (moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in (first, second))
    return f"in {lasted(first - second)}" if first >= second else f"{lasted(first - second)} ago"


def _ordinal(day: int) -> str:
    return f"{day}th" if day in (11, 12, 13) else f"{day}{ENDINGS.get(day % 10, 'th')}"
