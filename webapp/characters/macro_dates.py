"""Moments in the words of a format such as `dddd, D MMMM YYYY [at] HH:mm`, as cards write it. Pure."""

import re
from collections.abc import Callable
from datetime import datetime

WORDS = re.compile(r"\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|Do|DD|D|dddd|ddd|HH|H|hh|h|mm|m|ss|s|A|a|Z")
# Beyond that it is no format.
MOST_CHARS = 200
ENDINGS = {1: "st", 2: "nd", 3: "rd"}
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


def told(moment: datetime, form: str) -> str | None:
    """The moment, which has a time zone, in these words; what is in square brackets stays. None for what is too long."""
    if len(form) > MOST_CHARS:
        return None
    return WORDS.sub(lambda found: str(BY_NAME[found[0]](moment)) if found[1] is None else found[1], form)


def _ordinal(day: int) -> str:
    return f"{day}th" if day in (11, 12, 13) else f"{day}{ENDINGS.get(day % 10, 'th')}"
