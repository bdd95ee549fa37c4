"""Limits on schemas, values and texts, checked before anything slow is done with them."""

import re
from datetime import date, datetime
from typing import Any

import pytest

from tests.support.turns import nobody_waits
from webapp.base.errors import Invalid
from webapp.plans.export import as_calendar
from webapp.plans.types import service as plan_type_service, validation
from webapp.plans.types.schema import MOST_ITEMS, MOST_VALUES, at, is_path, steps, value_at
from webapp.plans.writing.draft import PlanDraft
from webapp.plans.writing.ending import ParsedPlan, kept, repaired
from webapp.plans.writing.model_requests import MOST_CHARS
from webapp.rendering.difference import difference

UNIQUE = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}, "b": {"type": "string"}}}
HOSTILE: dict[str, str] = {
    "lists": "a: [" + "[]," * 19_000 + "]",
    "mappings": "a: {" + "a: 1," * 11_000 + "}",
    "depth": "[" * 60_000,
    "lines": "a:\n" + "- a\n" * 14_000,
    "merges": "<<: {a: 1}\n" * 5_400,
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_a_type_with_too_many_parts_is_refused_at_once(source: str) -> None:
    with nobody_waits(), pytest.raises(Invalid, match="too many parts"):
        plan_type_service.parsed("hostile", source)


def test_a_place_with_thousands_of_digits_is_a_name_like_any_other() -> None:
    digits = "1" * 5_000
    assert steps(f"weeks.{digits}") == ["weeks", digits]
    assert is_path((digits,))
    assert value_at({"weeks": [1]}, f"weeks.{digits}") is None
    assert at({"properties": {"weeks": {"items": {}}}}, f"weeks.{digits}") is None
    draft = PlanDraft()
    assert draft.feed(f'{{"{digits}": [1]}}')
    assert draft.settled() == {digits: [1]}


@pytest.mark.parametrize("source", ['"\\ud800": x', 'title: "\\udfff"', 'a: ["\\ud83d\\ude00"]'], ids=["name", "text", "pair"])
def test_half_a_character_is_refused_in_words(source: str) -> None:
    with pytest.raises(Invalid, match="can't be stored") as refused:
        plan_type_service.parsed("half", source)
    assert refused.value.message.encode()


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({f"p{number}": {"type": "string"} for number in range(500)}, "too many parts"),
        ({"a": {"enum": list(range(5_000))}}, "too many parts"),
        ({"a": {"type": "array", "minItems": 10**9}}, "more than 500 items"),
    ],
    ids=["properties", "choices", "items"],
)
def test_a_schema_that_asks_for_too_much_is_refused(properties: dict[str, Any], sentence: str) -> None:
    with nobody_waits(), pytest.raises(Invalid, match=sentence):
        validation.check_schema({"type": "object", "properties": properties}, "plan")


@pytest.mark.parametrize(
    "items", [[{"x": number} if number % 2 else number for number in range(5_000)], [[[]]] * 400 * 30], ids=["mixed", "lists"]
)
def test_a_value_that_takes_long_to_check_is_refused_by_its_section(items: list[Any]) -> None:
    with nobody_waits():
        found = validation.faults({"a": items, "b": "kept"}, UNIQUE)

    assert found == [validation.PlanFault("a", "This is too large.")]
    assert kept(ParsedPlan({"a": items, "b": "kept"}, tuple(found), ()), UNIQUE) == {"b": "kept"}


def test_not_every_fault_of_thousands_is_listed() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "array", "minItems": 500}}}}

    with nobody_waits():
        found = validation.faults({"a": [[]] * 400}, schema)

    assert len(found) == validation.MOST_FAULTS


@pytest.mark.mostly_slow
@pytest.mark.parametrize("part", ["{", "[", '{"a":', '"\\', '{"weeks":[', "[],", "{},", '"a",', '"a":1,', " "])
def test_what_a_model_says_instead_of_a_plan_is_judged_at_once(part: str) -> None:
    schema = plan_type_service.parsed("monthly", (plan_type_service.FOLDER / "monthly.yaml").read_text("utf-8")).plan
    for before in ("", '{"weeks":[', '{"title":"'):
        draft = PlanDraft()
        with nobody_waits():
            draft.feed((before + part * MOST_CHARS)[:MOST_CHARS])
            found = repaired(draft, schema)

        assert not found.is_complete
        assert len(draft.elements) <= MOST_VALUES + 2
        assert len(draft.value.get("weeks", ())) <= MOST_ITEMS + 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\n" * 5_000, "b\na\n" * 2_500),
        ("a\nb\n" * 2_500, "b\na\na\n" * 1_700),
        ("a\nb\n" * 2_500, "a\n" * 2_500 + "b\n" * 2_500),
    ],
    ids=["every second", "every third", "sorted"],
)
def test_texts_that_say_the_same_again_and_again_are_compared_quickly(old: str, new: str) -> None:
    with nobody_waits():
        assert difference(old, new)


CALENDAR = {"calendar": {"list": "weeks", "tasks": "tasks", "weekday": "day", "start": "start_date", "days_each": 7}}


def dates(start: str, weeks: int, count: int) -> list[date]:
    content = {"weeks": [{"tasks": [{"title": "Oil it", "day": "Sunday"}] * count}] * weeks}
    text = as_calendar("p", "Pumps", CALENDAR, content, {"start_date": start}, now=datetime(2026, 3, 2))
    return [datetime.strptime(day, "%Y%m%d").date() for day in re.findall(r"DTSTART;VALUE=DATE:(\d+)", text)]


def test_the_calendar_of_the_largest_plan_has_all_its_days() -> None:
    assert len(dates("2026-03-02", MOST_ITEMS, 8)) == MOST_ITEMS * 8


def test_a_calendar_ends_where_the_days_do() -> None:
    """A plan can begin on any day that `date` supports, up to its last one."""
    assert dates("9999-12-13", 500, 1) == [date(9999, 12, 19), date(9999, 12, 26)]
    assert dates("9999-12-31", 1, 1) == []
