"""The greeting of the home page: the time of day of the person's browser, and the name they are called by."""

from datetime import UTC, datetime

import pytest

from webapp.workspace.home.greeting import first_name, greeting

NIGHT = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("UTC", "Good evening, Ben"),
        ("Asia/Tokyo", "Good morning, Ben"),
        ("America/Los_Angeles", "Good afternoon, Ben"),
        ("Europe/London", "Good evening, Ben"),
        ("", "Hello, Ben"),
        ("Mars/Olympus_Mons", "Hello, Ben"),
        ("../../etc/passwd", "Hello, Ben"),
        ("Europe", "Hello, Ben"),
        ("x" * 4_000, "Hello, Ben"),
    ],
)
def test_the_hour_where_the_person_is(zone: str, words: str) -> None:
    assert greeting("Ben Ortiz", zone, NIGHT) == words


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Ben Ortiz", "Ben"),
        ("  Ben  ", "Ben"),
        ("Dr. Ada Stone", "Dr. Ada Stone"),
        ("J. R. Hartley", "J. R. Hartley"),
        ("علي حسن", "علي"),
        ("", ""),
        ("B" * 60, ""),
    ],
)
def test_the_name_that_someone_is_called_by(name: str, called: str) -> None:
    assert first_name(name) == called


def test_a_person_without_a_short_name_is_greeted_without_it() -> None:
    assert greeting("B" * 60, "UTC", NIGHT) == "Good evening"
