"""People and programs make schedules, see them read back, run, pause and delete them; wrong ones are refused with a sentence."""

import io
import json
import zipfile
from datetime import timedelta

import pytest

from tests.api.client import client_of
from tests.operations.schedules.making import added, state_of
from tests.support.browser import Browser
from tests.support.page import Page
from webapp.base.db import db, utc_now, write
from webapp.chat.record.tables import Chat
from webapp.operations.schedules import service
from webapp.operations.schedules.tables import Schedule
from webapp.people.accounts import permissions
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.members import service as people_service
from webapp.plans.types import service as plan_type_service
from webapp.plans.writing import service as plan_service
from webapp.settings.service import set_setting

DAILY = {"every": "day", "at": "08:00"}
FORM = {
    "title": "Morning news",
    "work": "prompt",
    "prompt": "News",
    "every": "weekday",
    "at": "08:00",
    "time_zone": "Europe/Berlin",
}
BODY = {"title": "News", "prompt": "News", "rule": DAILY, "time_zone": "Europe/Berlin"}


def sent(browser: Browser, path: str, **fields: str) -> Page:
    """Sends a form and follows to the page that it leads to."""
    return browser.send(path, fields, follow=True)


def test_a_person_makes_changes_runs_pauses_and_deletes_one(owner: Browser) -> None:
    assert owner.page("/schedules").says("No schedules yet.")
    assert owner.page("/schedules/new").heading == "New schedule"
    page = sent(owner, "/schedules", **FORM)
    assert page.says("Schedule created.")
    assert page.says("Every weekday, Monday to Friday, at 08:00, Europe/Berlin time.")
    assert len(page.all(".due li")) == 5
    path = page.path.partition("?")[0]
    edit = owner.page(f"{path}/edit")
    assert edit.one("#schedule-prompt").text() == "News"
    page = sent(owner, path, **FORM | {"every": "month", "day": "31", "ends_on": "2099-12-31"})
    assert page.says("On the 31st of every month, or on the last day of a shorter one, at 08:00")
    assert sent(owner, f"{path}/pause").says("It won't run until you continue it.")
    assert owner.page("/schedules").says("Paused")
    assert len(sent(owner, f"{path}/continue").all(".due li")) == 5
    page = sent(owner, f"{path}/run")
    assert page.says("Run manually.")
    assert page.one(".entries a").attributes["href"].startswith("/chats/")
    assert owner.post(f"{path}/run").status_code in (303, 409)
    assert sent(owner, f"{path}/delete").says("Schedule deleted.")
    assert owner.get(path).status_code == 404


def test_a_rule_is_read_back_while_it_is_entered_and_without_a_script(owner: Browser) -> None:
    fragment = owner.htmx_post("/schedules/preview", **FORM)
    assert fragment.says("Every weekday, Monday to Friday, at 08:00, Europe/Berlin time.")
    assert len(fragment.all(".due li")) == 5
    assert owner.htmx_post("/schedules/preview", **FORM | {"every": "cron", "cron": "0 0 30 2 *"}).says("never comes")
    page = owner.post("/schedules", **FORM, preview="yes")
    assert page.status_code == 200
    assert len(page.all(".due li")) == 5
    # And beside a refusal.
    page = owner.post("/schedules", **FORM | {"title": ""})
    assert page.status_code == 422
    assert page.says("Enter a name")
    assert len(page.all(".due li")) == 5


@pytest.mark.parametrize(
    ("entered", "said"),
    [
        ({"prompt": " "}, "Enter a prompt."),
        ({"work": "workflow"}, "Choose a workflow."),
        ({"work": "plan", "plan": "0" * 26}, "Choose one of your plans."),
        ({"at": "8"}, "Enter a time of day"),
        ({"every": "once", "date": "2020-01-01"}, "That time is over."),
        ({"every": "month", "day": "32"}, "Enter a day of the month from 1 to 31."),
        ({"every": "cron", "cron": ""}, "Enter a rule."),
        ({"every": "cron", "cron": "* * * * *"}, "at least 15 minutes must pass between two runs"),
        ({"time_zone": "Nowhere/City"}, "Nothing matches “Nowhere/City”."),
        ({"ends_on": "2020-01-01"}, "It would end before it is due for the first time."),
        ({"ends_on": "soon"}, "Choose a date"),
        ({"model": "nobody/nothing"}, "model"),
        ({"tools": "nothing"}, "There is no tool nothing."),
        ({"project_id": "0" * 26}, "The project is gone"),
    ],
)
def test_what_can_not_be_is_refused_beside_its_field(owner: Browser, entered: dict[str, str], said: str) -> None:
    page = owner.post("/schedules", **FORM | entered)
    assert page.status_code == 422
    assert page.says(said)
    assert page.one("#schedule-title").attributes["value"] == "Morning news"


def test_the_chat_of_a_schedule_can_be_its_own(owner: Browser) -> None:
    with owner.app.app_context(), write() as session:
        session.add(Chat(id="c" * 26, owner_id=owner.person_id, model="demo/quick", title="Rivers"))
    assert owner.page(f"/schedules/new?chat={'c' * 26}").says("The next message in “Rivers”")
    page = sent(owner, "/schedules", **FORM, chat_id="c" * 26)
    assert page.says("Sends the next message in Rivers")
    with owner.app.app_context(), write() as session:
        session.get_one(Chat, "c" * 26).deleted_at = utc_now()
    assert owner.page(page.path.partition("?")[0]).says("It can't run right now: The chat is gone")


def test_programs_do_the_same(owner: Browser, stranger: Browser) -> None:
    program, other = client_of(owner.app, owner.email), client_of(owner.app, stranger.email)
    made = program.post("/schedules", BODY, status=201)
    assert (made["sentence"], made["state"], len(made["next_times"])) == ("Every day at 08:00, Europe/Berlin time.", "active", 5)
    assert made["next_at"] == made["next_times"][0]
    path = f"/schedules/{made['id']}"
    changed = program.said("PATCH", path, 200, {"rule": {"cron": "0 8 29 2 *"}, "title": "Leap"})
    assert (changed["rule"]["cron"], changed["prompt"], changed["title"]) == ("0 8 29 2 *", "News", "Leap")
    changed = program.said("PATCH", path, 200, {"ends_at": "2099-12-31T13:00:00+01:00"})
    assert changed["ends_at"] == "2099-12-31T12:00:00Z"
    changed = program.said("PATCH", path, 200, {"workflow": "weekly-checkin"})
    assert (changed["workflow"], changed["prompt"]) == ("weekly-checkin", "")
    run = program.post(f"{path}/runs", status=201)
    assert (run["is_by_hand"], bool(run["chat_id"])) == (True, True)
    assert [line["id"] for line in program.get(f"{path}/runs")["runs"]] == [run["id"]]
    assert program.post(f"{path}/pause")["next_at"] is None
    assert program.post(f"{path}/continue")["state"] == "active"
    assert [one["id"] for one in program.get("/schedules")["schedules"]] == [made["id"]]
    assert other.get("/schedules")["schedules"] == []
    other.said("GET", path, 404)
    program.said("DELETE", path, 204)
    for wrong, field in [
        ({"prompt": ""}, "prompt"),
        ({"workflow": "weekly-checkin"}, "prompt"),
        ({"rule": {"every": "week", "at": "08:00", "on": "someday"}}, "rule"),
        ({"chat_id": "nothing"}, "chat_id"),
        ({"prompt": "", "plan": {"type": "monthly", "inputs": {"goal": 7}}}, None),
    ]:
        refused = program.said("POST", "/schedules", 422, BODY | wrong)
        assert field is None or refused["field"] == field, refused


def test_there_is_a_bound_on_them(owner: Browser) -> None:
    with owner.app.app_context():
        set_setting("limits.schedules", "1")
    program = client_of(owner.app, owner.email)
    program.post("/schedules", BODY, status=201)
    assert "You have 1 schedule" in program.said("POST", "/schedules", 409, BODY)["detail"]


def test_they_are_in_the_export_and_are_handed_over_paused(owner: Browser, member: Browser) -> None:
    program = client_of(owner.app, member.email)
    made = program.post("/schedules", BODY, status=201)
    archive = zipfile.ZipFile(io.BytesIO(member.client.get("/export.zip").data))
    [exported] = json.loads(archive.read("schedules.json"))
    assert program.post("/schedules", exported, status=201)["sentence"] == made["sentence"]
    with owner.app.app_context():
        boss, person = db.session.get_one(User, owner.person_id), db.session.get_one(User, member.person_id)
        to = people_service.Inheritance(boss.id, ["schedules"])
        receipt = people_service.delete_person(person, person.email, author=PersonAuthor(boss, ""), to=to)
        assert [(line.words, line.count) for line in receipt.of("handed over")] == [("schedules", 2)]
        schedule = state_of(made["id"])
        assert (schedule.owner_id, schedule.state, schedule.next_at) == (boss.id, "paused", None)


def test_without_the_permission_there_are_no_pages(owner: Browser, member: Browser) -> None:
    sent(owner, "/admin/permissions")
    with owner.app.app_context():
        boss = db.session.get_one(User, owner.person_id)
        permissions.change(PersonAuthor(boss, ""), roles={"member": {"schedules": False}})
    assert member.get("/schedules").status_code == 403
    assert "/schedules" not in member.get("/plans").text


def test_a_plan_is_made_from_what_was_entered_for_one(owner: Browser) -> None:
    with owner.app.app_context():
        person = db.session.get_one(User, owner.person_id)
        plan = plan_service.make(plan_service.submit(person, "monthly", plan_type_service.get("monthly").sample))
        plan_id, inputs = plan.id, plan_type_service.get("monthly").filled(plan_type_service.get("monthly").sample)
    assert owner.page(f"/schedules/new?plan={plan_id}").one(f"#schedule-plan option[value='{plan_id}'][selected]")
    page = sent(owner, "/schedules", **FORM | {"work": "plan", "plan": plan_id})
    path = page.path.partition("?")[0]
    # Edited, it keeps them.
    assert sent(owner, path, **FORM | {"work": "plan", "plan": "same", "title": "Again"}).says("A plan: ")
    with owner.app.app_context():
        schedule = state_of(path.rpartition("/")[2])
        assert (schedule.title, schedule.plan_type, schedule.prompt) == ("Again", "monthly", "")
        assert schedule.plan_inputs == inputs


def test_continuing_makes_up_for_nothing(owner: Browser) -> None:
    with owner.app.app_context():
        id = added(utc_now() - timedelta(days=9), rule=DAILY, state="stopped", reason="It failed.", failures=5)
        service.go_on(state_of(id))
        schedule = db.session.get_one(Schedule, id, populate_existing=True)
        assert (schedule.failures, schedule.reason) == (0, "")
        assert schedule.next_at
        assert schedule.next_at > utc_now()
