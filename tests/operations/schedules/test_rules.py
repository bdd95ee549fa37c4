"""When rules are due: in order, once each, over changes of the clocks and leap days, in words; and which rules are refused."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from webapp.operations.schedules.rules import WEEKDAYS, BadRule, ScheduleRule, due_times, least_gap, next_due, sentence, zone_of

# Half an hour, at midnight, a whole day left out, none, and the southern half of the year.
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia", "UTC", "America/Santiago"]
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
RULES = st.one_of(
    st.builds(lambda every, at: ScheduleRule.checked(every=every, at=at), st.sampled_from(["day", "weekday"]), TIMES),
    st.builds(lambda at, on: ScheduleRule.checked(every="week", at=at, on=on), TIMES, st.sampled_from(WEEKDAYS)),
    st.builds(lambda at, on: ScheduleRule.checked(every="month", at=at, on=str(on)), TIMES, st.integers(1, 31)),
    st.builds(lambda minute, hour: ScheduleRule.checked(cron=f"{minute} {hour} * * *"), st.integers(0, 59), st.integers(0, 23)),
    st.sampled_from([ScheduleRule.checked(cron=cron) for cron in ("*/20 * * * *", "0 */3 * * 1-5", "30 2 L * *", "0 0 29 2 *")]),
)
MOMENTS = st.datetimes(datetime(2008, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


def words(rule: ScheduleRule, zone: str, after: datetime, count: int) -> list[str]:
    dues = islice(due_times(rule, zone_of(zone), after.replace(tzinfo=UTC)), count)
    return [f"{due.at.astimezone(due.zone):%m-%d %H:%M}{' !' if due.note else ''}" for due in dues]


@settings(max_examples=60, deadline=None)
@given(rule=RULES, zone=st.sampled_from(ZONES), after=MOMENTS)
def test_times_come_in_order_and_are_the_same_from_wherever_one_looks(rule, zone, after):
    dues = list(islice(due_times(rule, ZoneInfo(zone), after), 40))
    moments = [due.at for due in dues]
    assert (len(moments), moments) == (40, sorted(set(moments)))
    assert moments[0] > after
    assert all(due.at.second == 0 for due in dues)
    for before, moment in zip([after, *moments], moments, strict=False):
        assert next_due(rule, ZoneInfo(zone), before) == moment
        # Between two, nothing is due, whenever one asks.
        assert next_due(rule, ZoneInfo(zone), before + (moment - before) / 2) == moment


@settings(max_examples=40, deadline=None)
@given(at=TIMES, zone=st.sampled_from(ZONES), year=st.integers(2008, 2030))
def test_every_day_has_its_one_time(at, zone, year):
    rule, here = ScheduleRule.checked(every="day", at=at), ZoneInfo(zone)
    start = datetime(year, 1, 1, tzinfo=here)
    moments = [due.at for due in islice(due_times(rule, here, start - timedelta(seconds=1)), 367)]
    for index in range(365):
        day = date(year, 1, 1) + timedelta(days=index)
        local = datetime.combine(day, time.fromisoformat(at), here)
        exists = local.astimezone(UTC).astimezone(here).replace(tzinfo=None) == local.replace(tzinfo=None)
        if exists:
            assert local.astimezone(UTC) in moments
        else:
            # Right after the gap: a second earlier, the clock showed less than the time asked for.
            [moment] = [moment for moment in moments if timedelta(0) <= local.astimezone(UTC) - moment < timedelta(days=1)]
            assert (moment - timedelta(seconds=1)).astimezone(here).replace(tzinfo=None) < local.replace(tzinfo=None)
            assert moment.astimezone(here).replace(tzinfo=None) >= local.replace(tzinfo=None)


def test_a_change_of_the_clocks_is_said():
    at_night = ScheduleRule.checked(every="day", at="02:30")
    assert words(at_night, "Europe/Berlin", datetime(2026, 3, 28, 12), 3) == ["03-29 03:00 !", "03-30 02:30", "03-31 02:30"]
    assert words(at_night, "Europe/Berlin", datetime(2026, 10, 24, 12), 3) == ["10-25 02:30 !", "10-26 02:30", "10-27 02:30"]
    # From inside the hour that comes twice, it isn't due again.
    assert words(at_night, "Europe/Berlin", datetime(2026, 10, 25, 1, 10), 1) == ["10-26 02:30"]
    own = ScheduleRule.checked(cron="*/30 1-3 * * *")
    assert words(own, "Europe/Berlin", datetime(2026, 3, 28, 23, 50), 5) == [
        "03-29 01:00",
        "03-29 01:30",
        "03-29 03:00 !",
        "03-29 03:30",
        "03-30 01:00",
    ]
    gap, twice = (
        next(due_times(at_night, zone_of("Europe/Berlin"), datetime(2026, *day, tzinfo=UTC))) for day in ((3, 29), (10, 25))
    )
    assert gap.note == "02:30 doesn't exist that day because clocks go forward. It runs right after, at 03:00."
    assert twice.note == "02:30 occurs twice that day because clocks go back. It runs once, the first time."


def test_leap_days_and_short_months():
    last = ScheduleRule.checked(every="month", at="08:00", on="31")
    assert words(last, "UTC", datetime(2028, 1, 31, 9), 3) == ["02-29 08:00", "03-31 08:00", "04-30 08:00"]
    leap = ScheduleRule.checked(cron="0 8 29 2 *")
    assert [due.at.year for due in islice(due_times(leap, zone_of("UTC"), datetime(2026, 1, 1, tzinfo=UTC)), 2)] == [2028, 2032]


@pytest.mark.parametrize(
    ("entered", "said"),
    [
        ({"every": "day", "at": "08:00"}, "Every day at 08:00"),
        ({"every": "weekday", "at": "08:00"}, "Every weekday, Monday to Friday, at 08:00"),
        ({"every": "week", "at": "18:30", "on": "Friday"}, "Every Friday at 18:30"),
        ({"every": "month", "at": "08:00", "on": "22"}, "On the 22nd of every month at 08:00"),
        (
            {"every": "month", "at": "08:00", "on": "31"},
            "On the 31st of every month, or on the last day of a shorter one, at 08:00",
        ),
        ({"every": "once", "at": "08:00", "on": "2026-12-01"}, "Once, on Tuesday, 1 December 2026, at 08:00"),
        ({"cron": " 0  8 * * mon-fri "}, "At 08:00 on Monday through Friday (0 8 * * MON-FRI)"),
    ],
)
def test_a_rule_is_read_back(entered, said):
    assert sentence(ScheduleRule.checked(**entered)) == said


@pytest.mark.parametrize(
    ("entered", "field"),
    [
        ({}, "every"),
        ({"every": "hour", "at": "08:00"}, "every"),
        ({"every": "day", "at": "8"}, "at"),
        ({"every": "day", "at": "24:00"}, "at"),
        ({"every": "day", "at": "०८:००"}, "at"),
        ({"every": "week", "at": "08:00", "on": "someday"}, "on"),
        ({"every": "month", "at": "08:00", "on": "0"}, "on"),
        ({"every": "month", "at": "08:00", "on": "32"}, "on"),
        ({"every": "once", "at": "08:00", "on": "2026-02-30"}, "on"),
        ({"every": "once", "at": "08:00", "on": "9999-12-31"}, "on"),
        *(
            ({"cron": cron}, "cron")
            for cron in ("0 8 * *", "0 8 * * * *", "@daily", "61 * * * *", "0 0 1 * 9", "a b c d e", "*/0 * * * *")
        ),
        *(({"cron": cron}, "cron") for cron in ("0 0 30 2 *", "0 0 31 4,6 *", "0 0 */31 2 MON#5", "0 8 * * " + "1," * 60 + "1")),
    ],
)
def test_what_can_not_be_read_or_never_comes_is_refused(entered, field):
    with pytest.raises(BadRule) as refused:
        ScheduleRule.checked(**entered)
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["", "Nowhere/City", "../etc/passwd", "/etc/localtime", "Europe/", "x" * 80])
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(BadRule):
        zone_of(name)


def test_how_often_a_rule_is_due_is_known():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    gaps = {
        cron: least_gap(ScheduleRule.checked(cron=cron), zone_of("UTC"), now)
        for cron in ("*/5 * * * *", "1,2 0 1 * *", "0 0 1 1 *")
    }
    assert gaps == {"*/5 * * * *": timedelta(minutes=5), "1,2 0 1 * *": timedelta(minutes=1), "0 0 1 1 *": None}
