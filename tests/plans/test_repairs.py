"""Models that fail in every known way: how the ladder handles it, and what is recorded."""

from collections import Counter

import pytest

from tests.plans.conftest import LorebookEditor
from tests.support.rounds import ROUNDS
from webapp.plans.tables import Plan
from webapp.plans.types import validation
from webapp.settings.service import set_setting

FAULTY = ("demo/truncated", "demo/malformed", "demo/fenced", "demo/wrong-types")
RUNS = 50 if ROUNDS > 1 else 10


@pytest.mark.slow
@pytest.mark.rounds
def test_of_many_runs_nearly_all_are_mended(desk: LorebookEditor) -> None:
    desk.pace(0)
    with desk.app.app_context():
        set_setting("limits.made_per_minute", "0")
    plans = {model: runs_of(desk, model) for model in FAULTY}

    statuses = Counter(plan.status for same in plans.values() for plan in same)
    assert statuses["completed"] >= 0.95 * len(FAULTY) * RUNS
    assert statuses["failed"] == 0
    assert all(
        validation.faults(plan.content, plan.schema) == []
        for same in plans.values()
        for plan in same
        if plan.status == "completed"
    )
    taken = {model: Counter(step for plan in same for step in steps_of(desk, plan.id)) for model, same in plans.items()}
    assert taken["demo/fenced"] == {}
    assert taken["demo/truncated"]["asked"] == RUNS
    assert taken["demo/wrong-types"]["asked"] == RUNS
    assert taken["demo/malformed"]["closed"] == RUNS
    assert all(set(steps) <= {"stream", "closed", "dropped", "asked", "kept"} for steps in taken.values())


@pytest.mark.slow
def test_only_what_is_missing_is_asked_for_again(desk: LorebookEditor) -> None:
    plan = desk.made(model="demo/truncated")
    generation = desk.generation(plan.id)
    assert plan.status == "completed"
    assert [notice["code"] for notice in generation.notices] == ["mending"]
    assert steps_of(desk, plan.id) == ["stream", "closed", "dropped", "asked"]
    assert plan.content == desk.made().content


@pytest.mark.slow
def test_what_two_requests_took_is_added_up(desk: LorebookEditor) -> None:
    once, twice = (desk.generation(desk.made(model=model).id) for model in ("demo/fenced", "demo/wrong-types"))
    assert (once.input_tokens, once.cost) != (None, None)
    assert twice.input_tokens
    assert once.input_tokens
    assert twice.input_tokens > once.input_tokens


def steps_of(desk: LorebookEditor, id: str) -> list[str]:
    return [attempt["how"] for attempt in desk.generation(id).attempts]


def runs_of(desk: LorebookEditor, model: str) -> list[Plan]:
    """Makes plans one after another, each with different inputs, since a model that repeatedly fails is skipped."""
    return [desk.made(model=model, values={"goals": [f"Goal number {seed}", "Rest"]}) for seed in range(RUNS)]
