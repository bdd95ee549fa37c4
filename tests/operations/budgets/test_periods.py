"""Periods begin at midnight in the team's time zone, even on days with a clock change."""

from datetime import UTC, datetime, timedelta

import pytest

from webapp.operations.budgets.periods import PERIODS, beginning, following, is_zone

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "period", "zone", "began", "resets"),
    [
        ("2026-11-21T15:00Z", "day", "UTC", "2026-11-21T00:00Z", "2026-11-22T00:00Z"),
        ("2026-11-21T23:30Z", "day", BERLIN, "2026-11-21T23:00Z", "2026-11-22T23:00Z"),
        # A day of 23 hours, and one of 25.
        ("2026-03-29T10:00Z", "day", BERLIN, "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        ("2026-10-25T10:00Z", "day", BERLIN, "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
        ("2026-11-22T10:00Z", "week", "UTC", "2026-11-16T00:00Z", "2026-11-23T00:00Z"),
        ("2026-12-31T12:00Z", "month", BERLIN, "2026-11-30T23:00Z", "2026-12-31T23:00Z"),
        ("2026-02-28T23:30Z", "month", BERLIN, "2026-02-28T23:00Z", "2026-03-31T22:00Z"),
        ("2026-11-21T05:00Z", "day", "Pacific/Kiritimati", "2026-11-20T10:00Z", "2026-11-21T10:00Z"),
    ],
)
def test_a_period_begins_and_ends_at_midnight_there(moment, period, zone, began, resets):
    assert beginning(at(moment), period, zone) == at(began)
    assert following(at(moment), period, zone) == at(resets)


@pytest.mark.parametrize("period", PERIODS)
def test_periods_follow_one_another_without_a_gap(period):
    moment = at("2025-12-30T23:59Z")
    for _ in range(400):
        began, resets = beginning(moment, period, BERLIN), following(moment, period, BERLIN)
        assert began <= moment < resets
        assert beginning(resets, period, BERLIN) == resets
        assert beginning(resets - timedelta(microseconds=1), period, BERLIN) == began
        moment = resets + timedelta(hours=5)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Europe/Berlin\0", "/UTC"])
def test_what_is_no_time_zone_is_told_apart(name):
    assert not is_zone(name)
    assert is_zone("Europe/Berlin")
