"""Which nightly copies are kept: the newest of each of seven days and of each of four weeks. Pure."""

from collections.abc import Iterable
from datetime import datetime

DAYS, WEEKS = 7, 4


def superseded(moments: Iterable[datetime]) -> list[datetime]:
    """Returns the copies, by their times, that no rule keeps any more; days and weeks without a copy don't count.

    So a server that was off for a month still has its copies from before.
    """
    newest_first = sorted(moments, reverse=True)
    by_day, by_week = dict[tuple[int, ...], datetime](), dict[tuple[int, ...], datetime]()
    for moment in newest_first:
        by_day.setdefault((moment.year, moment.month, moment.day), moment)
        by_week.setdefault(moment.isocalendar()[:2], moment)
    kept = {*list(by_day.values())[:DAYS], *list(by_week.values())[:WEEKS]}
    return [moment for moment in newest_first if moment not in kept]
