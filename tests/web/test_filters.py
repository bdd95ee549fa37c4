"""Template filters that write times and numbers in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask, render_template_string

from webapp.web.filters import ago, day, full, iso, number, plural

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-9), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(minutes=60), "1 hour ago"),
        (timedelta(hours=23), "23 hours ago"),
        (timedelta(hours=24), "yesterday"),
        (timedelta(hours=47), "yesterday"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=29), "29 days ago"),
        (timedelta(days=30), "30 Jan 2026"),
        (timedelta(days=400), "25 Jan 2025"),
    ],
)
def test_it_says_how_long_ago(passed: timedelta, words: str) -> None:
    assert ago(NOON - passed, NOON) == words


def test_times_are_in_utc_whatever_their_zone() -> None:
    elsewhere = datetime(2026, 3, 1, 9, 5, 7, tzinfo=timezone(timedelta(hours=-8)))

    assert iso(elsewhere) == "2026-03-01T17:05:07Z"
    assert full(elsewhere) == "1 March 2026, 17:05 UTC"
    assert day(elsewhere) == "1 March 2026"


@pytest.mark.parametrize(("count", "words"), [(0, "0 tokens"), (1, "1 token"), (2000, "2,000 tokens")])
def test_it_counts(count: int, words: str) -> None:
    assert plural(count, "token") == words
    assert number(1234567) == "1,234,567"


def test_templates_know_them(app: Flask) -> None:
    with app.app_context():
        shown = render_template_string("{{ at|iso }} {{ at|full }} {{ at|ago }} {{ 1000|number }} {{ 1|plural('day') }}", at=NOON)

    assert shown.startswith("2026-03-01T12:00:00Z 1 March 2026, 12:00 UTC ")
    assert shown.endswith(" 1,000 1 day")
