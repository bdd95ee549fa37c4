"""When a schedule is due: its rule, the times that follow from it in a time zone, and both in words. Pure."""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise, takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from webapp.base import languages
from webapp.base.languages import gettext as _

Every = Literal["day", "weekday", "week", "month", "once"]
EVERY: tuple[Every, ...] = ("day", "weekday", "week", "month", "once")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CRON_FIELDS, MOST_CRON_CHARS = 5, 100
# The words for two fields, by the library's.
CRON_WORDS = {"day-of-month": "day of the month", "day-of-week": "weekday"}
A_YEAR, A_DAY, A_SECOND = timedelta(days=366), timedelta(days=1), timedelta(seconds=1)
# So many times show how often a rule is due.
ENOUGH = 50
SHORTEST_MONTH, WORKDAYS = 28, 5
LAST_YEAR = 9_990
TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
ZONE = re.compile(r"[A-Za-z][\w+-]{0,30}(?:/[\w+-]{1,30}){0,2}", re.ASCII)


class BadRule(ValueError):
    """Raised with a sentence for what is wrong, and the field that it belongs to."""

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class ScheduleRule:
    """A checked rule: `every` with the time `at` and, unless it is daily, the day `on`; or a rule of its own in `cron`.

    `on` is a weekday's name, the number of a day of the month, or a date.
    """

    every: Every | Literal[""] = ""
    at: str = ""
    on: str = ""
    cron: str = ""

    @classmethod
    def checked(cls, *, every: str = "", at: str = "", on: str = "", cron: str = "") -> "ScheduleRule":
        """Returns the rule; raises `BadRule` for one that can't be read."""
        if cron.strip():
            return cls(cron=_checked_cron(cron))
        kind = next((known for known in EVERY if known == every), None)
        if kind is None:
            raise BadRule("Choose how often it is due.", "every")
        if not TIME.fullmatch(at):
            raise BadRule("Enter a time of day, such as 08:00.", "at")
        return cls(kind, at, CHECKS[kind](on.strip().lower()) if kind in CHECKS else "")

    @property
    def time(self) -> time:
        return time.fromisoformat(self.at)


@dataclass(frozen=True, slots=True)
class DueTime:
    """A time at which a schedule is due, and the local time that its rule names, which can be one that doesn't exist."""

    at: datetime
    local: datetime
    zone: ZoneInfo

    @property
    def words(self) -> str:
        """The day and the time in its zone: `Monday, 2 November 2026, 08:00`."""
        here = self.at.astimezone(self.zone)
        return f"{_day_words(here.date())}, {here:%H:%M}"

    @property
    def note(self) -> str:
        """What a change of the clocks does to this time; empty for nearly all."""
        here = self.at.astimezone(self.zone)
        named, later = f"{self.local:%H:%M}", f"{here:%H:%M}"
        if here.replace(tzinfo=None) != self.local:
            return _(
                "%(time)s doesn't exist that day because clocks go forward. It runs right after, at %(later)s.",
                time=named,
                later=later,
            )
        if here.utcoffset() != here.replace(fold=1).utcoffset():
            return _("%(time)s occurs twice that day because clocks go back. It runs once, the first time.", time=named)
        return ""


def zone_of(name: str) -> ZoneInfo:
    """Returns a time zone; raises `BadRule` for an unknown one."""
    try:
        if not ZONE.fullmatch(name):
            raise ValueError(name)
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise BadRule("Enter a time zone, such as Europe/Berlin.", "time_zone") from error


def due_times(rule: ScheduleRule, zone: ZoneInfo, after: datetime) -> Iterator[DueTime]:
    """Yields when the rule is due after a moment, in order and each moment once.

    A local time that doesn't exist is due right after the gap, and one that exists twice is due the first time.
    """
    last = after
    for local in _local_times(rule, after.astimezone(zone).replace(tzinfo=None)):
        moment = _moment(local, zone)
        if moment > last:
            last = moment
            yield DueTime(moment, local, zone)


def next_due(rule: ScheduleRule, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Returns when the rule is due next after a moment; None if never."""
    return next((due.at for due in due_times(rule, zone, after)), None)


def least_gap(rule: ScheduleRule, zone: ZoneInfo, after: datetime) -> timedelta | None:
    """Returns the shortest time between two of the next times, as far as a year shows; None if there is only one."""
    until = after + A_YEAR
    coming = takewhile(lambda due: due.at < until, islice(due_times(rule, zone, after), ENOUGH))
    return min((later.at - earlier.at for earlier, later in pairwise(coming)), default=None)


def sentence(rule: ScheduleRule) -> str:
    """Returns the rule in words, without a full stop: `Every weekday, Monday to Friday, at 08:00`."""
    match rule.every:
        case "":
            return _cron_words(rule.cron)
        case "day":
            return _("Every day at %(time)s", time=rule.at)
        case "weekday":
            return _("Every weekday, Monday to Friday, at %(time)s", time=rule.at)
        case "week":
            return _("Every %(weekday)s at %(time)s", weekday=_(rule.on.capitalize()), time=rule.at)
        case "month":
            day = _ordinal(int(rule.on))
            if int(rule.on) <= SHORTEST_MONTH:
                return _("On the %(day)s of every month at %(time)s", day=day, time=rule.at)
            return _("On the %(day)s of every month, or on the last day of a shorter one, at %(time)s", day=day, time=rule.at)
        case _:
            return _("Once, on %(day)s, at %(time)s", day=_day_words(date.fromisoformat(rule.on)), time=rule.at)


def _local_times(rule: ScheduleRule, after: datetime) -> Iterator[datetime]:
    """Yields the local times that a rule names, as a clock on the wall shows them, from one of these on."""
    if rule.cron:
        yield from _cron_times(rule.cron, after)
        return
    # From the day before, whose time can be due only after a gap at midnight.
    for day in _days(rule, (after - A_DAY).date()):
        yield datetime.combine(day, rule.time)


def _days(rule: ScheduleRule, day: date) -> Iterator[date]:
    if rule.every == "once":
        yield from filter(day.__le__, [date.fromisoformat(rule.on)])
        return
    while day.year < LAST_YEAR:
        if rule.every == "month":
            on = day.replace(day=min(int(rule.on), monthrange(day.year, day.month)[1]))
            if on >= day:
                yield on
            day = (day.replace(day=SHORTEST_MONTH) + timedelta(days=4)).replace(day=1)
            continue
        if _is_on(rule, day):
            yield day
        day += A_DAY


def _is_on(rule: ScheduleRule, day: date) -> bool:
    if rule.every == "week":
        return WEEKDAYS[day.weekday()] == rule.on
    return rule.every == "day" or day.weekday() < WORKDAYS


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    """Returns when a clock on the wall shows this: of two moments the first, and right after a gap if it never does."""
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local:
        return moment
    # Read with the offset before the gap, a time in it is after the change; with the one after the gap, before.
    before, after = local.replace(tzinfo=zone, fold=1).astimezone(UTC), moment
    old = before.astimezone(zone).utcoffset()
    while after - before > A_SECOND:
        middle = before + (after - before) // 2
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == old else (before, middle)
    return after.replace(microsecond=0)


def _checked_cron(text: str) -> str:
    """Returns a cron rule with single spaces; it must have five fields, and be due at some time."""
    from cronsim import CronSimError  # few people write such a rule, and it takes half a megabyte

    fields = text.upper().split()
    if len(text) > MOST_CRON_CHARS or len(fields) != CRON_FIELDS:
        raise BadRule("Enter five fields: minute, hour, day of the month, month and weekday, such as 0 8 * * 1-5.", "cron")
    cron = " ".join(fields)
    try:
        is_ever = next(_cron_times(cron, datetime(2024, 1, 1)), None)  # a clock on the wall
    except CronSimError as error:
        name = str(error).lower().removeprefix("bad ")
        raise BadRule(f"The {CRON_WORDS.get(name, name)} of this rule can't be read, or never comes.", "cron") from error
    if is_ever is None:
        raise BadRule("This rule is never due: no day fits it. Change its day or its month.", "cron")
    return cron


def _cron_times(cron: str, after: datetime) -> Iterator[datetime]:
    from cronsim import CronSim  # as above

    # Without a time zone: what a change of the clocks does is the same for every rule.
    yield from CronSim(cron, after)


def _cron_words(cron: str) -> str:
    from cronsim.explain import explain  # as above

    return f"{explain(cron)} ({cron})"


def _checked_weekday(on: str) -> str:
    if on not in WEEKDAYS:
        raise BadRule("Choose a weekday, such as monday.", "on")
    return on


def _checked_day(on: str) -> str:
    if not re.fullmatch(r"[0-9]{1,2}", on, re.ASCII) or not 1 <= int(on) <= 31:
        raise BadRule("Enter a day of the month from 1 to 31.", "on")
    return str(int(on))


def _checked_date(on: str) -> str:
    try:
        day = date.fromisoformat(on) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", on, re.ASCII) else None
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < LAST_YEAR:
        raise BadRule("Choose a date, such as 2026-12-01.", "on")
    return day.isoformat()


CHECKS = {"week": _checked_weekday, "month": _checked_day, "once": _checked_date}


def _ordinal(day: int) -> str:
    if languages.current().code != languages.ENGLISH:
        return str(day)
    return f"{day}{'th' if 10 < day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


def _day_words(day: date) -> str:
    """Returns a day in words: `Monday, 2 November 2026`."""
    weekday = _(WEEKDAYS[day.weekday()].capitalize())
    return _("%(weekday)s, %(date)s", weekday=weekday, date=languages.current().formats.date(day))
