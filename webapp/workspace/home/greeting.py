"""The greeting of the home page: by name, and by the time of day where the person is."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from webapp.base.languages import gettext as _

# The cookie in which a browser says its time zone; `times.js` sets it.
COOKIE = "zone"
NAME = re.compile(r"[A-Za-z][\w+-]{0,30}(?:/[\w+-]{1,30}){0,2}", re.ASCII)
MORNING, AFTERNOON, EVENING = 5, 12, 18
MOST_NAME_CHARS = 30


def greeting(name: str, zone: str, now: datetime) -> str:
    """Returns *Good morning, Ben*; without a known time zone, *Hello, Ben*."""
    words, called = _words(zone, now), first_name(name)
    # Translators: such as "Good morning, Ben".
    return _("%(greeting)s, %(name)s", greeting=words, name=called) if called else words


def first_name(name: str) -> str:
    """Returns the name that people call someone by; the whole name if it begins with a title or an initial."""
    first = name.split()[0] if name.split() else ""
    chosen = " ".join(name.split()) if first.endswith(".") or len(first) < 2 else first
    return chosen if len(chosen) <= MOST_NAME_CHARS else ""


def _words(zone: str, now: datetime) -> str:
    try:
        hour = now.astimezone(ZoneInfo(zone)).hour if NAME.fullmatch(zone) else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hour = None
    if hour is None:
        return _("Hello")
    if MORNING <= hour < AFTERNOON:
        return _("Good morning")
    return _("Good afternoon") if AFTERNOON <= hour < EVENING else _("Good evening")
