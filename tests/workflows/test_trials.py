"""Trials that begin at a step: with the last run's answers, or with those that a small form asks for."""

import json

import pytest
from flask import Flask
from sqlalchemy import select

from tests.support.browser import Browser
from tests.support.page import Page
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.record.tables import Chat
from webapp.models.connections.models import the_models
from webapp.people.accounts.tables import User
from webapp.workflows import queries
from webapp.workflows.definition.conditions import mentioned
from webapp.workflows.definition.definition import Definition
from webapp.workflows.definition.parsing import read
from webapp.workflows.definition.slots import UnfitAnswer
from webapp.workflows.running import service as run_service
from webapp.workflows.running.interpreter import apply
from webapp.workflows.running.record import definition_of
from webapp.workflows.running.trial import beginning, inputs_at
from webapp.workflows.state import MODEL_ANSWERED, Event, RunState
from webapp.workflows.tables import WorkflowRun

__all__ = ["app"]
TRIP = """workflow: trip
title: Trip
slots:
  place: {type: text, ask: "Where to?"}
  days: {type: number, min: 1, max: 30, ask: "How many days?"}
  pace: {type: choice, options: [slow, fast], ask: "Which pace?", optional: true}
  good: {type: yes/no, ask: "Is it good?"}
steps:
  - collect: place
  - collect: days
  - collect: pace
    next: [{if: days > 9, go: long}, {go: plan}]
  - id: plan
    chat: "Plan {{days}} days in {{place}}."
    next: check
  - id: long
    chat: "Plan a long journey to {{place}}."
  - id: check
    chat: "Check this: {{steps.plan}} Is it {{pace}}?"
  - collect: good
    next: [{if: good, go: bye}, {go: plan}]
  - id: bye
    end: "Enjoy {{place}}!"
"""
PLAN, CHECK, GOOD = 3, 5, 6


@pytest.fixture
def trip() -> Definition:
    return read(TRIP)


def names(definition: Definition, index: int, last: RunState | None = None) -> dict[str, str]:
    wanted = inputs_at(definition, definition.steps[index], last or RunState())
    return {one.name: one.text for one in wanted}


def test_a_step_needs_what_it_and_those_behind_it_use_and_none_of_them_asks_for(trip: Definition) -> None:
    assert names(trip, 0) == {}
    assert [*names(trip, 2)] == ["place", "days"]
    assert [*names(trip, PLAN)] == ["place", "days", "pace"]
    # A loop leads back to the plan, which needs the days; the check itself needs its text.
    assert [*names(trip, CHECK)] == ["place", "days", "pace", "steps.plan"]
    assert [*names(trip, 7)] == ["place"]
    assert {*mentioned("a == 'x' and not steps.b or c in [true, none]")} == {"a", "c", "steps.b"}


def test_the_last_runs_answers_are_taken_as_far_as_they_still_fit(trip: Definition) -> None:
    last = RunState(
        step="good",
        slots={"place": "Rome", "days": 3, "pace": "quick", "gone": "x", "good": False},
        said={"plan": "Day one.", "check": "Fine.", "old": "-"},
        outcomes={"place": "done", "plan": "done"},
    )
    assert names(trip, CHECK, last) == {"place": "Rome", "days": "3", "pace": "", "steps.plan": "Day one."}
    event = beginning(trip, trip.steps[CHECK], last, {"days": "4", "steps.plan": "Day two."})
    state = apply(trip, RunState(), event).state
    assert (state.step, state.due, dict(state.slots)) == ("check", True, {"place": "Rome", "days": 4})
    assert dict(state.said) == {"plan": "Day two."}
    # The log gives the same state again, and the run continues as any other.
    stored = Event("begin", event.value, event.name)
    state = apply(trip, apply(trip, RunState(), stored).state, Event(MODEL_ANSWERED, "Fine.", "check")).state
    assert (state.step, state.status) == ("good", "waiting")
    assert apply(trip, state, Event("answer", "no")).state.step == "plan"


def test_what_is_typed_has_to_fit_and_may_be_left_empty(trip: Definition) -> None:
    with pytest.raises(UnfitAnswer, match="How many days\\? Please answer with a number of at most 30"):
        beginning(trip, trip.steps[PLAN], RunState(), {"days": "99"})
    event = beginning(trip, trip.steps[PLAN], RunState(slots={"place": "Rome"}), {"place": " ", "days": "2"})
    assert json.loads(event.value)["slots"] == {"days": 2}
    assert apply(trip, RunState(), Event("begin", "{}", "nowhere")).refusal


def lines(page: Page) -> list[str]:
    return [line.text(strip=True) for line in page.all(".trial__line")]


@pytest.mark.slow
def test_a_step_is_tried_by_forms_alone_with_what_is_asked_for_and_then_with_the_last_runs(
    app: Flask, owner: Browser, member: Browser, fake: Upstream
) -> None:
    fake.says("Stay for a while.")
    page = owner.page("/workflows/new").press("Save draft", source=TRIP).press("Try from step 8")
    assert (page.path, lines(page)) == ("/workflows/preview", [])
    assert page.says("The last run is missing some of these.")
    page = page.press("Try with these", input_place="Rome")
    assert lines(page) == ["Workflow:Enjoy Rome!"]
    assert page.says("Completed.")
    # The next trial has what that one had, and asks for the rest; a wrong answer is asked for again.
    page = page.press("Try from step 4")
    assert page.textbox("Where to?").value == "Rome"
    page = page.press("Try with these", input_days="99", input_pace="slow")
    assert (page.status_code, page.says("at most 30")) == (200, True)
    page = page.press("Try with these", input_days="3", input_pace="slow")
    with app.app_context():
        run = db.session.scalars(select(WorkflowRun).order_by(WorkflowRun.id.desc())).first()
        assert run
        assert run.current_state.slots["days"] == 3
        assert db.session.get_one(Chat, run.chat_id).is_temporary
        first = queries.last_event(run, "begin")
        assert first
        assert apply(definition_of(run), RunState(), Event(first.kind, first.value, first.name)).state.step == "plan"
    # It is in none of the lists of what a person does.
    assert not owner.page("/workflows").says("In progress")
    assert not owner.page("/").says("Trip")
    # Others can't try, and a step that isn't there begins nothing.
    assert member.post("/workflows/preview", deed="from 1", source=TRIP).status_code == 403
    for number in ("", "99", "-1", "x", "9" * 40):
        part = owner.htmx_post("/workflows/preview", deed=f"from {number}", source=TRIP)
        assert part.says("That step isn't there any more.")
    assert owner.htmx_post("/workflows/preview", deed="from 1", source="steps: [").all(".error")


@pytest.mark.parametrize(("model", "chosen"), [("other/model", "other/model"), ("demo/quick", "")])
def test_a_definition_names_a_model_for_those_who_can_use_it(
    app: Flask, owner: Browser, fake: Upstream, model: str, chosen: str
) -> None:
    with app.app_context():
        person = db.session.scalars(select(User).where(User.email == owner.email)).one()
        usual = the_models().default(person.default_model, person.id)
        run = run_service.try_out(person, TRIP.replace("slots:", f'model: "{model}"\nslots:', 1), is_demo=False)
        assert db.session.get_one(Chat, run.chat_id).model == (chosen or usual)
