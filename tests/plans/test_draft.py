"""A plan while it is written, cut anywhere: what is shown, what is kept, and what is requested again."""

import json
import random

import pytest

from webapp.plans.types import service as plan_type_service, validation
from webapp.plans.types.schema import at, missing, received, reduced_to, upstream, without
from webapp.plans.types.service import FOLDER, Type
from webapp.plans.writing.draft import PlanDraft, heading
from webapp.plans.writing.ending import kept, repaired
from webapp.plans.writing.projection import PlanProjection
from webapp.streaming.events import Delta
from webapp.streaming.topics import Entry

MONTHLY = plan_type_service.parsed("monthly", (FOLDER / "monthly.yaml").read_text("utf-8"))
WHOLE = MONTHLY.example or {}
TEXT = json.dumps(WHOLE, ensure_ascii=False)


def drafted(text: str) -> PlanDraft:
    draft = PlanDraft()
    draft.feed(text)
    return draft


@pytest.mark.mostly_slow
@pytest.mark.parametrize("end", range(0, len(TEXT), 7))
def test_cut_anywhere_only_right_elements_are_kept_and_the_rest_is_asked_for(end: int) -> None:
    result = repaired(drafted(TEXT[:end]), MONTHLY.plan)
    value = kept(result, MONTHLY.plan)
    finished = [place for place in drafted(TEXT[:end]).elements if place.count(".") == 1]

    ended = len([place for place in finished if place.startswith("weeks.")])
    # A week that lacks only its closing bracket is complete as well.
    assert ended <= len(value.get("weeks", [])) <= ended + TEXT.startswith('"}', end - 1)
    assert value.get("weeks", []) == WHOLE["weeks"][: len(value.get("weeks", []))]
    rest = {place: part for place in missing(value, MONTHLY.plan) if (part := value_of(place)) is not None}
    again = PlanDraft(value, list(rest), takes_paths=True)
    again.feed(json.dumps(rest))
    assert again.value == WHOLE


@pytest.mark.mostly_slow
@pytest.mark.parametrize("end", range(0, len(TEXT), 11))
def test_what_is_shown_never_loses_a_finished_week(end: int) -> None:
    projection = PlanProjection(MONTHLY.plan, {}, [])
    shown = 0
    for start in range(0, end, 40):
        for _ in projection.fold(Entry(1, Delta(TEXT[start : min(start + 40, end)]))):
            pass
        weeks = projection.shown.get("weeks", [])
        assert len(weeks) >= shown
        assert weeks == WHOLE["weeks"][: len(weeks)]
        shown = len(weeks)


@pytest.mark.parametrize("name", ["", ".", "weeks.x", "weeks.0", "0", "a..b"])
def test_names_that_no_schema_has_are_no_places(name: str) -> None:
    text = json.dumps({"title": "T", name: "whatever", "intro": {name: [{name: "more"}]}})
    projection = PlanProjection(MONTHLY.plan, {}, [])
    for place, sign in enumerate(text):
        list(projection.fold(Entry(place + 1, Delta(sign))))
        projection.since((0, 0, 0, 0, 0))
        cut = repaired(drafted(text[: place + 1]), MONTHLY.plan)
        assert set(kept(cut, MONTHLY.plan)) <= {"title"}
        assert projection.shown.keys() <= {"title", name, "intro"}
    assert set(projection.draft.elements) == {"title", "intro"}


def test_an_item_cut_in_a_name_of_its_own_is_dropped() -> None:
    result = repaired(drafted('{"weeks": [{"a.b": "half'), MONTHLY.plan)
    assert kept(result, MONTHLY.plan).get("weeks", []) == []


def test_places_that_were_not_asked_for_are_locked() -> None:
    start = without(WHOLE, "risks")
    draft = PlanDraft(start, ["risks"], takes_paths=True)
    draft.feed('{"risks": ["Rain"], "title": "Mine", "weeks.0": {}, "weeks": []}')
    assert draft.value == {**start, "risks": ["Rain"]}


def test_a_part_that_is_written_anew_stays_until_it_is_finished() -> None:
    draft = PlanDraft(WHOLE, ["weeks.1", "monthly_summary"], takes_paths=True)
    draft.feed('{"monthly_summary": "Half of')
    assert draft.value["monthly_summary"] == "Half of"
    assert draft.settled() == WHOLE
    draft.feed(' it", "weeks.1": {"focus": "New", "tasks": [')
    assert draft.value == {**WHOLE, "monthly_summary": "Half of it"}


def test_a_second_answer_gives_what_its_heading_names() -> None:
    draft = PlanDraft()
    text = TEXT[: TEXT.index('"weeks"') + 60] + heading(["weeks.0", "weeks.1", "weeks.2", "weeks.3", "risks", "first_step"])
    asked = {f"weeks.{number}": week for number, week in enumerate(WHOLE["weeks"])}
    text += json.dumps({**asked, "risks": WHOLE["risks"], "first_step": WHOLE["first_step"], "title": "Not asked for"})
    dice = random.Random(4)
    while text:
        size = dice.randint(1, 30)
        draft.feed(text[:size])
        text = text[size:]
    result = repaired(draft, MONTHLY.plan)
    assert result.value == WHOLE
    assert result.steps == ("closed", "dropped", "asked")


@pytest.mark.mostly_slow
@pytest.mark.parametrize("end", range(TEXT.index('"weeks"'), len(TEXT), 97))
@pytest.mark.parametrize("answered", [0, 40, 400, 10_000])
def test_a_second_answer_never_takes_a_counted_week_back(end: int, answered: int) -> None:
    projection = PlanProjection(MONTHLY.plan, {}, [], validation.is_valid)
    rest = {place: value_of(place) for place in repaired(drafted(TEXT[:end]), MONTHLY.plan).paths}
    second = json.dumps(rest)[:answered]
    counts = []
    for text in (TEXT[:end], heading(list(rest)), *(second[start : start + 30] for start in range(0, len(second), 30))):
        list(projection.fold(Entry(1, Delta(text))))
        counts.append((projection.done, projection.draft.chars))
        assert len(projection.shown.get("weeks", [])) >= projection.done
    result = repaired(projection.draft, MONTHLY.plan)
    counts.append((len(kept(result, MONTHLY.plan).get("weeks", [])), end + len(second)))

    assert counts == sorted(counts)
    assert [done for done, _ in counts] == sorted(done for done, _ in counts)


def test_a_week_counts_when_it_is_valid() -> None:
    projection = PlanProjection(MONTHLY.plan, {}, [], validation.is_valid)
    wrong = TEXT.replace('"minutes": 40', '"minutes": "forty"', 1)
    list(projection.fold(Entry(1, Delta(wrong))))
    assert projection.done == 3
    (place,) = repaired(projection.draft, MONTHLY.plan).paths
    list(projection.fold(Entry(2, Delta(heading([place]) + json.dumps({place: 40})))))
    assert (projection.done, projection.draft.value) == (4, WHOLE)


def test_a_schema_goes_out_strict_and_comes_in_as_it_was() -> None:
    strict = upstream(MONTHLY.plan)
    task = at(strict, "weeks.0.tasks.0") or {}
    assert "x-" not in json.dumps(strict)
    assert task["required"] == ["title", "day", "minutes", "why"]
    assert task["additionalProperties"] is False
    assert task["properties"]["why"]["type"] == ["string", "null"]
    sent = {
        **WHOLE,
        "extra": 1,
        "weeks": [{**week, "tasks": [{"why": None, **task} for task in week["tasks"]]} for week in WHOLE["weeks"]],
    }
    assert received(sent, MONTHLY.plan) == WHOLE
    assert upstream(reduced_to(MONTHLY.plan, ["weeks.2", "nowhere"]))["required"] == ["weeks.2"]


def value_of(place: str) -> object:
    name, _, number = place.partition(".")
    return WHOLE[name][int(number)] if number else WHOLE[name]


def test_every_shipped_type_is_right() -> None:
    for file in FOLDER.glob("*.yaml"):
        assert isinstance(plan_type_service.parsed(file.stem, file.read_text("utf-8")), Type)
