"""Quiet hours: times of day in a person's time zone at which nothing is sent. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of day until another, which can be on the next day; none if both are the same.

    Both are what the clock on the wall shows. A time that a clock change skips counts as the moment of the change; of one that
    it repeats the first begins quiet hours, and the second ends them.
    """

    begins: time
    ends: time
    zone: str

    def end_after(self, moment: datetime) -> datetime | None:
        """Returns when the quiet hours end that this moment lies in, in UTC; None if it lies in none."""
        if self.begins == self.ends:
            return None
        zone = ZoneInfo(self.zone)
        today = moment.astimezone(zone).date()
        # Those that began yesterday can reach into today.
        for day in (today - A_DAY, today):
            begins = _instant(datetime.combine(day, self.begins), zone, fold=0)
            last = day if self.begins < self.ends else day + A_DAY
            ends = _instant(datetime.combine(last, self.ends), zone, fold=1)
            if begins <= moment < ends:
                return ends
        return None


def _instant(wall: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    """Returns the moment at which a clock in the zone shows this time."""
    local = wall.replace(tzinfo=zone, fold=fold)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    # The clock skips it: the two readings of a skipped time lie around the change.
    before, after = (wall.replace(tzinfo=zone, fold=side).astimezone(UTC) for side in (1, 0))
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        is_after = middle.astimezone(zone).utcoffset() == after.astimezone(zone).utcoffset()
        before, after = (before, middle) if is_after else (middle, after)
    return after.replace(microsecond=0)
