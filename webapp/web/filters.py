"""Template filters for times and numbers; a script converts UTC to local time. Pure."""

from datetime import UTC, datetime, timedelta

from webapp.base.words import number, plural

__all__ = ["ago", "day", "full", "iso", "number", "plural"]
STEPS = ((60, "minute"), (3600, "hour"), (86400, "day"))
A_MONTH = timedelta(days=30)


def iso(moment: datetime) -> str:
    """Formats a time for the `datetime` attribute: `2026-03-01T09:05:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def full(moment: datetime) -> str:
    """Formats a time for the `title` attribute: `1 March 2026, 09:05 UTC`."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def day(moment: datetime) -> str:
    """Formats a day: `1 March 2026`."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y}"


def ago(moment: datetime, now: datetime) -> str:
    """Formats the time since then: `just now`, `5 minutes ago`, `yesterday`, and after a month the date."""
    seconds = (now - moment).total_seconds()
    if seconds >= A_MONTH.total_seconds():
        utc = moment.astimezone(UTC)
        return f"{utc.day} {utc:%b %Y}"
    if 86400 <= seconds < 2 * 86400:
        return "yesterday"
    for length, unit in reversed(STEPS):
        if count := int(seconds // length) if seconds > 0 else 0:
            return f"{plural(count, unit)} ago"
    return "just now"
