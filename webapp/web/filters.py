"""Template filters for times and numbers in the page's language; a script converts UTC to local time. Pure."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from webapp.base import languages
from webapp.base.languages import gettext as _, lowered, ngettext

__all__ = ["ago", "day", "full", "iso", "listed", "lowered", "number", "plural"]
STEPS: tuple[tuple[int, Callable[[int], str]], ...] = (
    (86400, lambda count: ngettext("%(num)s day ago", "%(num)s days ago", count)),
    (3600, lambda count: ngettext("%(num)s hour ago", "%(num)s hours ago", count)),
    (60, lambda count: ngettext("%(num)s minute ago", "%(num)s minutes ago", count)),
)
A_MONTH = timedelta(days=30)


def iso(moment: datetime) -> str:
    """Formats a time for the `datetime` attribute: `2026-03-01T09:05:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def full(moment: datetime) -> str:
    """Formats a time for the `title` attribute: `1 March 2026, 09:05 UTC`."""
    return f"{day(moment)}, {moment.astimezone(UTC):%H:%M} UTC"


def day(moment: datetime) -> str:
    """Formats a day: `1 March 2026`."""
    return languages.current().formats.date(moment.astimezone(UTC))


def number(value: float) -> str:
    """Formats a number like `12,345`."""
    return languages.current().formats.number(value)


def plural(count: int, noun: str) -> str:
    """Formats a count like `1 token` or `2,000 tokens`."""
    one = "%(num)s " + noun
    return ngettext(one, one + "s", count)


def listed(items: Iterable[str]) -> str:
    """Joins the items of a list in a sentence."""
    return languages.current().formats.listed(items)


def ago(moment: datetime, now: datetime) -> str:
    """Formats the time since then: `just now`, `5 minutes ago`, `yesterday`, and after a month the date."""
    seconds = (now - moment).total_seconds()
    if seconds >= A_MONTH.total_seconds():
        return languages.current().formats.date(moment.astimezone(UTC), is_short=True)
    if 86400 <= seconds < 2 * 86400:
        return _("yesterday")
    for length, passed in STEPS:
        if count := int(seconds // length) if seconds > 0 else 0:
            return passed(count)
    return _("just now")
