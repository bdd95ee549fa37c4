"""Quiet hours: through midnight, and over both changes of the clock."""

from datetime import UTC, datetime, time

import pytest

from webapp.people.notices.quiet_hours import QuietHours

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("hours", "moment", "end"),
    [
        # Plain days; in January Berlin is an hour ahead of UTC.
        (("22:00", "07:00"), "2026-01-10 21:30", "2026-01-11 06:00"),
        (("22:00", "07:00"), "2026-01-10 21:00", "2026-01-11 06:00"),
        (("22:00", "07:00"), "2026-01-10 20:59", ""),
        (("22:00", "07:00"), "2026-01-11 05:59", "2026-01-11 06:00"),
        (("22:00", "07:00"), "2026-01-11 06:00", ""),
        (("12:00", "13:00"), "2026-01-10 11:30", "2026-01-10 12:00"),
        (("12:00", "13:00"), "2026-01-10 10:30", ""),
        (("08:00", "08:00"), "2026-01-10 07:00", ""),
        # The night of 29 March has no 02:00 to 03:00, and an hour less.
        (("22:00", "07:00"), "2026-03-29 00:30", "2026-03-29 05:00"),
        (("22:00", "02:30"), "2026-03-29 00:59", "2026-03-29 01:00"),
        (("22:00", "02:30"), "2026-03-29 01:00", ""),
        (("02:30", "07:00"), "2026-03-29 00:59", ""),
        (("02:30", "07:00"), "2026-03-29 01:00", "2026-03-29 05:00"),
        # That of 25 October has them twice, and an hour more: quiet from the first 02:30, until the second one.
        (("22:00", "07:00"), "2026-10-24 22:30", "2026-10-25 06:00"),
        (("22:00", "02:30"), "2026-10-25 00:45", "2026-10-25 01:30"),
        (("22:00", "02:30"), "2026-10-25 01:30", ""),
        (("02:30", "07:00"), "2026-10-25 00:29", ""),
        (("02:30", "07:00"), "2026-10-25 00:30", "2026-10-25 06:00"),
    ],
)
def test_when_quiet_hours_end(hours: tuple[str, str], moment: str, end: str) -> None:
    quiet = QuietHours(*map(time.fromisoformat, hours), BERLIN)
    ends = quiet.end_after(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert (f"{ends:%Y-%m-%d %H:%M}" if ends else "") == end
