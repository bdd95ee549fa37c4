"""The pages of plans without JavaScript: form, progress, the actions on a plan, and permissions."""

import json
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import select

from tests.plans.halting import BEGINNING, WEEK_2, halting
from tests.support.browser import Browser
from tests.support.page import Page
from webapp.base.db import db
from webapp.engine.tables import Generation
from webapp.models.connections.providers import PROVIDERS, Providers
from webapp.models.providers.demo import DemoProvider
from webapp.models.upstream import Upstream
from webapp.plans.types import service as plan_type_service
from webapp.plans.types.service import FOLDER

RECIPES = """
title: A week of cooking
prompt: You plan simple meals.
inputs:
  type: object
  required: [goals]
  properties:
    goals: {type: array, x-label: What you like, items: {type: string}, minItems: 1, maxItems: 7}
    people: {type: integer, minimum: 1, maximum: 12, default: 2}
    is_quick: {type: boolean, default: true}
plan:
  type: object
  required: [title, note, shopping, days]
  properties:
    title: {type: string, x-stream: whole}
    note: {type: string, x-view: summary}
    shopping: {type: array, x-view: checklist, items: {type: string}, minItems: 2}
    prices:
      type: array
      x-view: table
      items: {type: object, required: [what, cents], properties: {what: {type: string}, cents: {type: integer}}}
    days:
      type: array
      x-view: timeline
      minItems: 3
      maxItems: 7
      items:
        type: object
        x-label: Day
        required: [dish, minutes]
        properties: {dish: {type: string}, minutes: {type: integer, minimum: 5, maximum: 90}, spicy: {type: boolean}}
"""


@pytest.fixture
def app(app: Flask) -> Flask:
    PROVIDERS.set(Providers(DemoProvider(pace=0), Upstream()), app)
    return app


TYPE_OF = "title: x\nprompt: y\ninputs: {type: object, properties: {a: %s}}\nplan: {type: object, properties: {a: {}}}"


def made(browser: Browser, type: str = "monthly", **fields: str) -> Page:
    page = browser.submit(f"/plans/new?type={type}", **{"goals": "Finish the shelf\nAnswer letters", **fields})
    assert page.path.startswith("/plans/0"), page.text
    return browser.wait_for(page.path, lambda page: status(page) != "generating")


def status(page: Page) -> str:
    return str(page.one("#plan").attributes["data-status"])


def test_from_the_form_to_the_finished_plan(member: Browser) -> None:
    page = made(member, hours_per_week="3")

    assert status(page) == "completed"
    assert page.heading == "Finish the shelf, step by step"
    assert len(page.all(".week")) == 4
    assert len(page.all(".week [role=checkbox]")) >= 8
    assert page.says("What could get in the way")
    assert page.heading in member.page("/plans").text


def test_a_form_that_does_not_fit_comes_back_with_a_sentence_for_each_field(member: Browser) -> None:
    page = member.submit("/plans/new?type=monthly", goals=" ", hours_per_week="90", what_matters="Quiet")

    assert page.status_code == 422
    assert {node.attributes["id"] for node in page.all(".error")} == {"field-goals-error", "field-hours_per_week-error"}
    assert "Quiet" in page.text


def test_the_sample_fills_the_form_and_the_example_shows_a_plan(member: Browser) -> None:
    page = member.page("/plans/new?type=monthly&sample=1")
    assert "Finish the shelf in the hall" in page.text
    assert "Make my plan" in [button.text(strip=True) for button in page.all("button")]
    page = member.page("/plans/examples/monthly")
    assert page.heading == "A gentle month"
    assert len(page.all(".week")) == 4
    assert member.get("/plans/examples/study").status_code == 404


def test_the_example_fits_the_form_and_any_date() -> None:
    """Its weeks get dates from today on, so it must not name a month."""
    monthly = plan_type_service.parsed("monthly", (FOLDER / "monthly.yaml").read_text("utf-8"))
    example, sample = monthly.example or {}, monthly.sample
    months = [f"{date(2026, number, 1):%B}" for number in range(1, 13)]
    assert not [name for name in months if name in json.dumps(example)]
    for week in example["weeks"]:
        assert not {task["day"] for task in week["tasks"]} & set(sample["days_off"])
        assert sum(task["minutes"] for task in week["tasks"]) <= 60 * sample["hours_per_week"]


@pytest.mark.slow
def test_a_task_is_ticked_off_and_back(member: Browser) -> None:
    page = made(member)
    tick = page.path + "/tick/weeks.0.tasks.0"
    for state in ("true", "false"):
        assert member.post(tick).status_code == 303
        box = member.page(page.path).one("#part-weeks-0-tasks-0 [role=checkbox]")
        assert box.attributes["aria-checked"] == state
    for nowhere in ("weeks.9.tasks.0", "..", "."):
        assert member.post(page.path + f"/tick/{nowhere}").status_code == 422
    for number, same in enumerate(("weeks..0.tasks.0", ".weeks.0.tasks.0", "weeks.00.tasks.0.", "weeks.0...tasks.000")):
        assert member.post(page.path + f"/tick/{same}").status_code == 303
        box = member.page(page.path).one("#part-weeks-0-tasks-0 [role=checkbox]")
        assert box.attributes["aria-checked"] == ("false" if number % 2 else "true")


@pytest.mark.slow
def test_a_part_is_edited_by_its_schema(member: Browser) -> None:
    path = made(member).path
    form = {"focus": "All mine", "tasks.0.title": "Nothing", "tasks.0.minutes": "1000"}
    refused = member.submit(f"{path}?edit=weeks.0", **form)
    assert refused.status_code == 422
    assert refused.one(".error").attributes["id"] == "field-tasks-0-minutes-error"
    assert "All mine" in refused.text

    page = member.submit(f"{path}?edit=weeks.0", **{**form, "tasks.0.minutes": "45"})
    assert page.path == path
    assert page.one("#part-weeks-0 .week__name").text() == "All mine"
    for place, field, new in (("monthly_summary", "value", "Short."), ("risks", "value", "Rain\nSnow")):
        page = member.submit(f"{path}?edit={place}", **{field: new})
        assert new.partition("\n")[0] in page.text
    content = member.get(path + ".json").json
    assert content["weeks"][0]["tasks"][0] == content["weeks"][0]["tasks"][0] | {"title": "Nothing", "minutes": 45}
    assert content["risks"] == ["Rain", "Snow"]


@pytest.mark.slow
def test_one_part_is_written_anew(member: Browser) -> None:
    path = made(member).path
    before = member.get(path + ".json").json
    member.submit(f"{path}?edit=weeks.2", focus="Mine")
    assert member.post(f"{path}/parts/weeks.2/again").status_code == 303
    member.wait_for(path, lambda page: status(page) == "completed")
    assert member.get(path + ".json").json == before


def test_it_is_taken_along_in_three_ways(member: Browser) -> None:
    path = made(member, start_date="2026-03-02").path
    member.post(path + "/tick/weeks.0.tasks.0")
    text = member.get(path + ".md")
    assert text.headers["Content-Disposition"] == 'attachment; filename="finish-the-shelf-step-by-step.md"'
    assert text.text.startswith("# Finish the shelf, step by step\n\n## Summary\n")
    assert text.text.count("- [x] ") == 1
    calendar = member.get(path + ".ics").text
    tasks = [task for week in member.get(path + ".json").json["weeks"] for task in week["tasks"]]
    assert calendar.count("BEGIN:VEVENT\r\n") == len(tasks)
    assert calendar.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
    assert "DTSTART;VALUE=DATE:202603" in calendar
    assert all(len(line.encode()) <= 75 for line in calendar.split("\r\n"))


@pytest.mark.slow
def test_made_again_with_other_inputs_it_shows_what_has_changed(member: Browser) -> None:
    first = made(member)
    again = member.submit(f"/plans/new?type=monthly&from={first.path.rpartition('/')[2]}", goals="Finish the shelf\nSleep")
    page = member.wait_for(again.path, lambda page: status(page) == "completed")
    changes = member.page(page.path + "/changes")
    assert page.says("What changed")
    assert any("Sleep" in node.text() for node in changes.all("ins"))
    assert any("letters" in node.text() for node in changes.all("del"))
    assert member.get(first.path + "/changes").status_code == 404


@pytest.mark.slow
def test_a_thumb_is_kept_and_taken_back(member: Browser) -> None:
    path = made(member).path
    for thumb, pressed in (("up", "true"), ("", "false")):
        member.post(path + "/rate", thumb=thumb)
        assert member.page(path).named("button", "Good plan").attributes["aria-pressed"] == pressed


@pytest.mark.slow
def test_a_plan_is_deleted_for_good(member: Browser) -> None:
    path = made(member).path
    assert member.post(path + "/delete").location == "/plans"
    assert member.get(path).status_code == 404
    assert member.page("/plans").says("Your plans will appear here, written step by step.")
    with member.app.app_context():
        left = db.session.scalars(select(Generation)).one()
        assert (left.user_id, left.prompt, left.attempts, left.notices) == (member.person_id, {}, [], [])


@pytest.mark.slow
def test_a_plan_that_ended_early_says_so_and_can_be_kept(app: Flask, member: Browser) -> None:
    demo = halting(app, BEGINNING, WEEK_2)
    page = member.submit("/plans/new?type=monthly", goals="Finish the shelf")
    assert page.named("button", "Stop")
    assert "http-equiv" in page.text
    demo.go_on()
    member.wait_for(page.path, lambda page: page.says("Week 1 of 4"))
    member.post(page.path + "/stop")
    stopped = member.wait_for(page.path, lambda page: status(page) != "generating")
    assert status(stopped) == "partial"
    strip = stopped.one(".strip")
    assert "Saved up to week 1 of 4." in strip.text()
    assert [button.text().strip() for button in strip.css("button")] == ["Finish it", "Keep as is", "Start over"]
    member.post(page.path + "/keep")
    assert not member.page(page.path).all(".strip")
    demo.go_on()
    member.post(page.path + "/finish")
    assert len(member.wait_for(page.path, lambda page: status(page) == "completed").all(".week")) == 4


@pytest.mark.slow
def test_a_page_that_is_not_streamed_loads_itself_again(app: Flask, member: Browser) -> None:
    halting(app, BEGINNING)
    path = member.submit("/plans/new?type=monthly", goals="Finish the shelf").path
    usual, plain = member.page(path), member.page(f"{path}?stream=no")

    assert "hx-sse:connect" in usual.text
    assert usual.one("noscript meta[http-equiv=refresh]")
    assert "hx-sse:connect" not in plain.text
    assert not plain.all("noscript meta[http-equiv=refresh]")
    refreshed = str(plain.one("meta[http-equiv=refresh]").attributes["content"]).partition("url=")[2]
    assert "stream=no" in refreshed
    assert plain.named("a", "Turn live updates on").attributes["href"] == path
    assert usual.named("a", "Continue without streaming").attributes["href"] == f"{path}?stream=no"
    member.post(f"{path}/stop")
    ended = member.wait_for(f"{path}?stream=no", lambda page: status(page) != "generating")
    assert not ended.all("meta[http-equiv=refresh]")


@pytest.mark.slow
def test_plans_are_for_nobody_else(member: Browser, stranger: Browser, visitor: Browser) -> None:
    path = made(member).path
    assert stranger.get(path).status_code == 404
    assert visitor.get(path).location.startswith("/login")
    assert "Finish the shelf" not in stranger.page("/plans").text


@pytest.mark.slow
def test_a_type_is_one_yaml_text_and_no_code(owner: Browser) -> None:
    refused = owner.submit("/admin/plan-types/new", slug="cooking", source="title: x")
    assert refused.status_code == 422
    assert "must be text" in refused.one("[role=alert]").text()
    owner.submit("/admin/plan-types/new", slug="cooking", source=RECIPES)
    assert "A week of cooking" in owner.page("/plans").text

    page = made(owner, "cooking", goals="Soup\nBread", people="4")
    assert status(page) == "completed"
    assert len(page.all(".week")) == 3
    assert len(page.all(".part__table tbody tr")) >= 2
    assert len(page.all("#part-shopping [role=checkbox]")) >= 2
    edited = owner.submit(f"{page.path}?edit=days.0", dish="Stew")
    assert edited.one("#part-days-0 .week__name").text() == "Stew"
    assert json.loads(owner.get(page.path + ".json").text)["days"][0]["dish"] == "Stew"
    assert "### Day 1: Stew" in owner.get(page.path + ".md").text
    assert owner.get(page.path + ".ics").status_code == 200

    owner.post("/admin/plan-types/cooking/remove")
    assert owner.get("/plans/new?type=cooking").status_code == 404
    assert owner.page(page.path).says("Stew")


def test_a_type_is_described_in_words_and_its_yaml_is_folded(owner: Browser) -> None:
    page = owner.page("/admin/plan-types/monthly")
    assert page.heading == "Monthly plan monthly"
    assert page.says("Goals · What matters this month · Hours per week · Days off · Tone · Start")
    assert not page.all("details[open] #type-source")
    assert not owner.page("/admin/plan-types/new").all("details #type-source")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "source",
    [
        "a: [",
        "- 1",
        "title: &a x\nprompt: *a",
        "title: &- [x, x]\n" + "".join(f"a{n}: &-{'-' * n} [*{'-' * n}, *{'-' * n}]\n" for n in range(1, 26)),
        TYPE_OF % "{$ref: 'http://127.0.0.1/'}",
        TYPE_OF % "{pattern: '^(a+)+$'}",
        "title: !!python/object/apply:os.system ['true']",
        TYPE_OF % "{type: wrong}",
        (FOLDER / "monthly.yaml").read_text("utf-8").replace("hours_per_week: 3", "hours_per_week: 300"),
        (FOLDER / "monthly.yaml").read_text("utf-8") + "\ntitle: Another\n",
    ],
)
def test_a_type_that_cannot_work_is_refused(owner: Browser, source: str) -> None:
    page = owner.submit("/admin/plan-types/new", slug="mine", source=source)
    assert page.status_code == 422
    assert page.one("[role=alert]").text().strip()
