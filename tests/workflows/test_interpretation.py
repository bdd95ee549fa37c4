"""A model interprets an answer that does not match by the rules."""

from datetime import date

import pytest

from webapp.workflows.definition.slots import Slot
from webapp.workflows.running.interpretation import READABLE, parsed_guess, reading_task

MOOD = Slot("mood", "choice", "How are you?", ("good", "mixed", "low"))
DAYS = Slot("days", "multi", "Which days?", ("Monday", "Friday"))
HOURS = Slot("hours", "number", "How many hours?", least=0, most=60)
DAY, SURE, MAIL = Slot("day", "date", "When?"), Slot("sure", "yes/no", "Sure?"), Slot("mail", "email", "Where?")
READ = [
    (MOOD, "mixed", "mixed"),
    (MOOD, "“Mixed”.", "mixed"),
    (MOOD, "unclear", ""),
    (MOOD, "", ""),
    (MOOD, '{"mood": "mixed"}', ""),
    (MOOD, "Es geht so, wohl gemischt", ""),
    (MOOD, "mixed " * 5_000, ""),
    (DAYS, "- Friday\n- Monday", "Monday\nFriday"),
    (DAYS, "Friday\nSunday", ""),
    (HOURS, "7", "7"),
    (HOURS, "700", ""),
    (HOURS, "`2.5`", "2.5"),
    (DAY, "2026-03-31", "2026-03-31"),
    (DAY, "next week", ""),
    (SURE, "No.", "no"),
    (MAIL, "ann@example.org", "ann@example.org"),
]


@pytest.mark.parametrize(("slot", "said", "expected"), READ)
def test_only_what_fits_is_a_guess(slot: Slot, said: str, expected: str) -> None:
    assert parsed_guess(slot, said) == expected


def test_a_model_is_told_the_question_and_what_fits() -> None:
    today = date(2026, 3, 2)
    slots = (MOOD, DAYS, HOURS, DAY, SURE, MAIL)
    assert {slot.type for slot in slots} == set(READABLE)
    for slot in slots:
        assert slot.ask in reading_task(slot, slot.ask, today)
    assert "“good”, “mixed”, “low”" in reading_task(MOOD, "", today)
    assert "at least 0 and at most 60" in reading_task(HOURS, "", today)
    assert "Monday, 2026-03-02" in reading_task(DAY, "", today)
