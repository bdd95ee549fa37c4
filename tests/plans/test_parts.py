"""The estimated time on a card."""

from typing import Any

import pytest

from webapp.plans.pages.parts import PartsBuilder

TASK = {"type": "object", "properties": {"title": {"type": "string"}, "minutes": {"type": "integer"}}}
WEEK = {"type": "object", "properties": {"aim": {"type": "string"}, "tasks": {"type": "array", "items": TASK}}}
ABOUT: dict[str, Any] = {"plan": {"type": "object", "properties": {"weeks": {"type": "array", "items": WEEK}}}}


@pytest.mark.parametrize(("minutes", "words"), [([], ""), ([20, 25], "45 min"), ([30, 30], "1 h 00"), ([60, 70], "2 h 10")])
def test_the_sum_is_said_also_under_an_hour(minutes: list[int], words: str) -> None:
    week = {"aim": "Begin", "tasks": [{"title": "A task", "minutes": minute} for minute in minutes]}
    card = PartsBuilder(ABOUT, {"weeks": [week]}, {}, frozenset(), is_running=False).card("weeks.0")

    assert card.when == words
