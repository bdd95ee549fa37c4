"""Runs from beginning to end: on pages without JavaScript, through the API, and across failures and restarts."""

import json

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.chat.conftest import texts
from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.support.page import Page
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from tests.workflows.programs import published, settled
from webapp.base.db import db, write
from webapp.people.accounts.tables import Group, Membership
from webapp.workflows import queries
from webapp.workflows.running import kind
from webapp.workflows.running.interpreter import apply
from webapp.workflows.running.record import definition_of, locked_run, record
from webapp.workflows.state import Event, RunState
from webapp.workflows.tables import WorkflowRun

__all__ = ["app"]
CHECKIN = "/workflows/weekly-checkin/runs"
CARD = {"title": "A calm week", "intention": "Show it to others.", "steps": ["Ask for an hour", "Show it"]}
TWO = "workflow: two\ntitle: Two\nslots: {a: {}, b: {type: number}}\nsteps: [collect: a, collect: b, end: Bye]\n"


@pytest.fixture
def admin(app: Flask, owner: Browser) -> Client:
    return client_of(app, owner.email)


@pytest.fixture
def other(app: Flask, member: Browser) -> Client:
    return client_of(app, member.email)


def is_idle(page: Page) -> bool:
    return bool(page.all(".run__answer"))


def answer(browser: Browser, path: str, value: str) -> None:
    form = browser.page(path).all(".run__answer")[0]
    browser.post(str(form.attributes["action"]), value=value)


@pytest.mark.slow
def test_a_week_is_looked_back_on_by_forms_alone(owner: Browser, fake: Upstream) -> None:
    fake.says("Show it to one more team. And rest. And more.")
    page = owner.page("/workflows").press("Start Weekly check-in")
    path = page.path
    assert texts(page)[-1] == "How was your week overall?"
    assert [button.text(strip=True) for button in page.all(".run__options button")] == ["good", "mixed", "low"]
    assert page.text.index("run__options") < page.text.index("run__answer")
    assert not page.all("#composer-box")
    answer(owner, path, "gOOd")
    answer(owner, path, "We shipped *it*")
    answer(owner, path, "many")
    assert owner.page(path).says("Please answer with a number.")
    answer(owner, path, "3")
    page = owner.wait_for(path, is_idle)
    assert texts(page)[-2:] == ["Show it to one more team. And rest.", "When shall we look at it again?"]
    read, asked = fake.posts()
    assert "a number in digits" in str(read["body"])
    assert "builds on this: We shipped *it*. It has to fit into 3 hours" in str(asked["body"])
    assert asked["body"]["max_tokens"] == 200
    fake.says(json.dumps(CARD), holds=[6])
    page.press("Skip")
    page = owner.wait_for(path, lambda page: page.says("A calm week"))
    assert page.all("#plan .bone")
    assert page.all('noscript meta[http-equiv="refresh"]')
    fake.goes_on()
    page = owner.wait_for(path, lambda page: page.says("Weekly check-in: completed."))
    assert "Show it" in texts(page)[-2]
    assert "We shipped *it*" in str(fake.posts()[-1]["body"])
    assert owner.page(str(page.all('.run__words a[href^="/plans/"]')[0].attributes["href"])).says("A calm week")
    assert [chip.text(strip=True) for chip in page.all(".chip__text")] == ["good", "We shipped *it*", "3"]
    page.press("Continue as a chat")
    assert owner.page(path).all("#composer-box")


@pytest.mark.slow
def test_a_program_answers_changes_and_reads_the_log_that_gives_the_state_again(
    app: Flask, admin: Client, other: Client, fake: Upstream
) -> None:
    fake.says("I am sorry. What was hard?")
    run = admin.post(CHECKIN, {}, status=201)
    assert (run["state"], run["step"]["options"], run["thread_id"]) == ("waiting", ["good", "mixed", "low"], run["chat_id"])
    at = f"/runs/{run['id']}"
    assert "choose one of" in admin.post(f"{at}/answer", {"value": "purple"}, status=422)["error"]
    assert admin.post(f"{at}/answer", {"value": "good"})["step"]["id"] == "win"
    assert admin.post(f"{at}/answer", {"value": "Tests"})["slots"] == {"mood": "good", "win": "Tests"}
    assert admin.post(f"{at}/ask", {"question": " "}, status=422)["fields"] == {"question": "Write a question first."}
    told = admin.said("PUT", f"{at}/facts/mood", 200, {"value": "low"})
    assert (told["steps"], told["is_done"], told["run"]["step"]["id"]) == (["support"], False, "hours")
    admin.said("PUT", f"{at}/facts/mood", 200, {"value": "low", "confirm": True})
    assert settled(admin, run)["step"] == {"id": "support", "verb": "chat", "ask": "Your reply", "options": []}
    assert admin.post(f"{at}/pause")["state"] == "paused"
    admin.post(f"{at}/answer", {"value": "x"}, status=409)
    assert admin.post(f"{at}/resume")["state"] == "waiting"
    assert "A workflow leads this chat" in admin.post(f"/chats/{run['chat_id']}/messages", {"message": "Hi"}, status=409)["error"]
    admin.post(f"{at}/skip")
    assert (admin.post(f"{at}/cancel")["state"], admin.post(f"{at}/back", status=409)["code"]) == ("cancelled", "conflict")
    for method, path in (("GET", at), ("GET", f"{at}/events"), ("POST", f"{at}/back"), ("PUT", f"{at}/facts/mood")):
        other.said(method, path, 404, {"value": "x"} if method == "PUT" else None)
    _is_told_by_its_log(app, run["id"])


def _is_told_by_its_log(app: Flask, id: str) -> None:
    with app.app_context():
        run, state = db.session.get_one(WorkflowRun, id), RunState()
        for event in queries.events_of(run, after=0, limit=99):
            state = apply(definition_of(run), state, Event(event.kind, event.value, event.name)).state
        assert RunState.from_stored(state.stored()) == run.current_state


@pytest.mark.slow
def test_a_model_reads_an_answer_that_does_not_fit_and_the_person_confirms_it(
    owner: Browser, admin: Client, fake: Upstream
) -> None:
    fake.says("mixed")
    run = admin.post(CHECKIN, {}, status=201)
    at, path = f"/runs/{run['id']}", f"/chats/{run['chat_id']}"
    told = admin.post(f"{at}/answer", {"value": "well, so and so"})
    assert (told["state"], told["step"]["id"], told["slots"], told["proposed"]) == ("waiting", "mood", {}, "mixed")
    assert (told["step"]["ask"], told["step"]["options"]) == ("Do you mean “mixed”?", ["yes", "no"])
    page = owner.page(path)
    assert texts(page)[-2:] == ["well, so and so", "Do you mean “mixed”?"]
    owner.post(f"{at}/answer", value="no")
    assert texts(owner.page(path))[-1] == "How was your week overall?"
    answer(owner, path, "well, so and so")
    page = owner.page(path)
    assert [button.text(strip=True) for button in page.all(".run__options button")] == ["yes", "no"]
    owner.post(f"{at}/answer", value="yes")
    assert admin.get(at)["slots"] == {"mood": "mixed"}
    # If the model fails or returns nothing, the rule's message is sent.
    fake.always({"status": 500})
    admin.post(f"{at}/answer", {"value": "Tests"})
    assert "answer with a number" in admin.post(f"{at}/answer", {"value": "lots"}, status=422)["error"]
    _is_told_by_its_log(owner.app, run["id"])


@pytest.mark.slow
def test_a_run_stays_on_its_version_and_moves_when_it_is_told_to(admin: Client, other: Client) -> None:
    broken = admin.post("/workflows", {"definition": "workflow: two\ntitle: Two\nsteps: [collect: b]"}, status=422)
    assert broken["errors"][0]["line"] == 3
    assert set(admin.post("/workflows", {"definition": ""}, status=422)["errors"][0]) == {"line", "column", "message", "hint"}
    other.post("/workflows", {"definition": TWO}, status=403)
    admin.post("/workflows", {"definition": TWO}, status=201)
    other.post("/workflows/two/runs", {}, status=404)
    assert admin.post("/workflows/two/publish", {"note": "First"})["version"] == 1
    first, second = other.post("/workflows/two/runs", {}, status=201), other.post("/workflows/two/runs", {}, status=201)
    other.post(f"/runs/{second['id']}/answer", {"value": "x"})
    admin.post("/workflows", {"definition": TWO.replace("collect: b", "say: Hm")}, status=201)
    assert [version["number"] for version in admin.post("/workflows/two/publish", {})["versions"]] == [2, 1]
    other.post(f"/runs/{first['id']}/move", {"version": 2**63}, status=404)
    assert other.post(f"/runs/{second['id']}/move", {"version": 2}, status=409)["error"].startswith("The current step isn't")
    assert other.post(f"/runs/{first['id']}/move", {"version": 2})["dropped"] == ["b"]
    assert other.post(f"/runs/{first['id']}/move", {"version": 2, "confirm": True})["run"]["version"] == 2
    assert other.post(f"/runs/{first['id']}/answer", {"value": "x"})["state"] == "completed"
    admin.said("DELETE", "/workflows/two", 204)
    assert other.post(f"/runs/{second['id']}/answer", {"value": 3})["state"] == "completed"


@pytest.mark.slow
def test_what_a_model_failed_to_say_is_said_in_the_same_message_when_the_run_is_resumed(
    app: Flask, owner: Browser, admin: Client, fake: Upstream
) -> None:
    fake.always({"status": 400})
    run = admin.post(CHECKIN, {}, status=201)
    admin.post(f"/runs/{run['id']}/answer", {"value": "low"})
    failed = settled(admin, run)
    assert failed["state"] == "paused"
    assert "rejected" in failed["why"] or "refused" in failed["why"], failed["why"]
    count = len(owner.page(f"/chats/{run['chat_id']}").messages())
    fake.reset()
    fake.says("I am sorry.")
    admin.post(f"/runs/{run['id']}/resume")
    again = settled(admin, run)
    assert (again["state"], again["why"]) == ("waiting", "")
    assert len(owner.page(f"/chats/{run['chat_id']}").messages()) == count


@pytest.mark.slow
def test_a_turn_that_a_dead_process_left_is_taken_once_by_the_next(
    app: Flask, owner: Browser, admin: Client, fake: Upstream
) -> None:
    fake.says("I am sorry.")
    run = admin.post(CHECKIN, {}, status=201)
    with app.app_context():
        with write() as session:
            record(session, locked_run(session, run["id"]), Event("answer", "low"))
        kind.WORKFLOW.recover()
        kind.WORKFLOW.recover()
    assert settled(admin, run)["step"]["id"] == "support"
    assert owner.page(f"/chats/{run['chat_id']}").messages("assistant")[-1] == "I am sorry."
    assert len(fake.posts()) == 1


@pytest.mark.slow
def test_a_model_is_left_as_soon_as_it_has_said_its_sentences(admin: Client, owner: Browser, fake: Upstream) -> None:
    # The stream would never end by itself.
    fake.says("I am sorry. What was hard? And then", stall_after=7)
    run = admin.post(CHECKIN, {}, status=201)
    admin.post(f"/runs/{run['id']}/answer", {"value": "low"})
    assert settled(admin, run)["state"] == "waiting"
    assert owner.page(f"/chats/{run['chat_id']}").messages("assistant")[-1] == "I am sorry. What was hard?"
    fake.until(lambda log: any(entry["client_closed"] for entry in log))


@pytest.mark.slow
def test_a_side_question_is_answered_and_leads_back(owner: Browser, fake: Upstream) -> None:
    fake.says("It is for you alone. Really. And more. And more.")
    page = owner.page("/workflows").press("Start Weekly check-in")
    owner.page(page.path).press("Ask", value="Who reads this?")
    page = owner.wait_for(page.path, is_idle)
    assert texts(page)[-3:] == ["Who reads this?", "It is for you alone. Really. And more.", "How was your week overall?"]
    asked = str(fake.posts()[-1]["body"])
    assert "ask a question of their own" in asked
    fake.always({"status": 400})
    owner.page(page.path).press("Ask", value="And now?")
    page = owner.wait_for(page.path, is_idle)
    assert texts(page)[-2:] == ["And now?", "How was your week overall?"]
    assert "Your question wasn't answered." in page.all(".led .error")[0].text()
    assert not page.all(".message .versions")
    fake.reset()
    fake.says("I am sorry.")
    count = len(page.messages())
    answer(owner, page.path, "low")
    assert len(owner.wait_for(page.path, is_idle).messages()) == count + 2


LINES = "workflow: lines\ntitle: Lines\nslots: {a: {max: 9}, b: {}}\nsteps: [collect: a, collect: b, end: Bye]\n"


@pytest.mark.slow
def test_all_runs_are_listed_a_page_at_a_time(admin: Client) -> None:
    made = [admin.post(CHECKIN, {}, status=201)["id"] for _ in range(5)]
    listed, cursor = list[str](), ""
    while not listed or cursor:
        page = admin.get("/runs", query={"limit": "2", "cursor": cursor, "state": "open"})
        listed, cursor = [*listed, *(run["id"] for run in page["runs"])], page["next_cursor"]
    assert listed == made[::-1]


@pytest.mark.slow
def test_the_lines_of_an_answer_count_and_are_kept_as_they_were_typed(owner: Browser, admin: Client) -> None:
    run = admin.post(published(admin, LINES), {}, status=201)
    for path in (f"/runs/{run['id']}/answer", f"/runs/{run['id']}/facts/a"):
        # As a browser sends four lines and three line ends.
        owner.post(path, value="12\r\n3\r\n45\r\n6")
        assert admin.get(f"/runs/{run['id']}")["slots"] == {"a": "12\n3\n45\n6"}


HELP = "workflow: help-me\ntitle: Help\nslots: {what: {}}\nsteps: [collect: what, end: {hand_over: Helpers, say: Soon.}]\n"


@pytest.mark.slow
def test_people_take_over_with_a_summary_and_write_to_each_other(
    app: Flask, owner: Browser, admin: Client, member: Browser, stranger: Browser, fake: Upstream
) -> None:
    admin.post("/workflows", {"definition": HELP}, status=201)
    admin.post("/workflows/help-me/publish", {})
    page = member.page("/workflows").press("Start Help")
    answer(member, page.path, "The pump is *loud*")
    assert "No group is named “Helpers”" in texts(member.page(page.path))[-1]
    with app.app_context(), write() as session:
        group = Group(name="helpers")
        session.add(group)
        session.flush()
        session.add(Membership(group_id=group.id, user_id=owner.person_id))
    path = member.page("/workflows").press("Start Help").path
    answer(member, path, "The pump is *loud*")
    assert "What: The pump is loud" in texts(member.page(path))[-1]
    assert owner.page("/chats").says("Help")
    owner.page(path).press("Send", value="Turn it off.")
    member.page(path).press("Send", value="Thanks!")
    assert texts(owner.page(path))[-2:] == ["Turn it off.", "Thanks!"]
    assert stranger.get(path).status_code == 404
    assert not fake.posts()
    # An outdated page still offers to write to people only.
    behind = member.page(path).form("Send")
    member.page(path).press("Continue as a chat")
    assert behind.submit(value="Hello?").status_code == 409
    assert texts(member.page(path))[-1] == "Thanks!"


@pytest.mark.slow
def test_of_two_tabs_that_answer_one_question_one_counts(owner: Browser, fake: Upstream) -> None:
    page = owner.page("/workflows").press("Start Weekly check-in")
    forms = [owner.page(page.path).form("Send") for _ in range(2)]
    forms[0].submit(value="good")
    assert forms[1].submit(value="low").status_code == 409
    assert texts(owner.page(page.path))[-1] == "What went well?"


@pytest.mark.slow
def test_what_another_version_changes_is_shown_before_a_run_moves(admin: Client, owner: Browser) -> None:
    admin.post("/workflows", {"definition": TWO}, status=201)
    admin.post("/workflows/two/publish", {})
    path = owner.page("/workflows").press("Start Two").path
    assert not owner.page(path).says("A newer version")
    admin.post("/workflows", {"definition": TWO.replace("collect: b", "say: Hm")}, status=201)
    admin.post("/workflows/two/publish", {})
    page = owner.page(str(owner.page(path).all('.run__words a[href$="/move"]')[0].attributes["href"]))
    assert (page.says("version 1"), page.says("Removed steps:"), page.says("B")) == (True, True, True)
    page.press("Move")
    answer(owner, path, "x")
    assert owner.page(path).says("Two: completed.")
    path = owner.page("/workflows").press("Start Two").path
    admin.post("/workflows", {"definition": TWO.replace("collect: a, ", "")}, status=201)
    admin.post("/workflows/two/publish", {})
    page = owner.get(str(owner.page(path).all('.run__words a[href$="/move"]')[0].attributes["href"]))
    assert (page.status_code, page.says("The current step isn't in that version")) == (409, True)


@pytest.mark.slow
def test_a_text_is_checked_while_it_is_typed_and_tried_before_it_is_published(owner: Browser, member: Browser) -> None:
    page = owner.post("/workflows/check", source=TWO.replace("collect: b", "collect: bb"))
    assert (page.status_code, page.says("Line 4"), page.says("Did you mean “b”?")) == (200, True, True)
    assert "<svg" in owner.post("/workflows/check", source=TWO).text
    assert not member.page("/workflows").says("Two")


@pytest.mark.slow
def test_a_text_is_tried_beside_the_editor_and_stays_as_it_was_typed(owner: Browser, admin: Client, member: Browser) -> None:
    def said(page: Page) -> list[str]:
        return [line.text(strip=True) for line in page.all(".trial__line")]

    page = owner.page("/workflows/new").press("Try it", source=TWO, demo="y")
    assert (page.path, said(page)) == ("/workflows/preview", ["Workflow:A?"])
    changed = TWO.replace("Bye", "Ciao")
    page = page.press("Send", source=changed, said="Ada")
    assert (said(page)[-1], page.textbox("Workflow, as YAML or JSON").value) == ("Workflow:B?", changed)
    page = page.press("Send", said="many")
    assert "answer with a number" in page.all(".trial .error")[0].text()
    # A page with JavaScript gets only the part that changes.
    run = admin.get("/runs")["runs"][0]
    fields = {"preview": run["id"], "deed": "answer", "said": "3", "source": changed}
    part = owner.htmx_post("/workflows/preview", **fields)
    assert (said(part)[-1], part.says("Completed."), part.all("main")) == ("Workflow:Bye", True, [])
    assert owner.htmx_get(f"/workflows/preview/{run['id']}").says("Completed.")
    page = page.press("Start over", source=changed)
    assert said(page) == ["Workflow:A?"]
    # A trial is in no list of chats, and the previous one is gone.
    assert not owner.page("/chats").says("Trial:")
    assert not owner.page("/").says("You have a temporary chat open.")
    assert not owner.page("/chats/trash").says("Trial:")
    assert [row["id"] for row in admin.get("/runs")["runs"]] != [run["id"]]
    assert len(admin.get("/runs")["runs"]) == 1
    part = owner.htmx_post("/workflows/preview", deed="start", source="workflow: x")
    assert part.all(".error")
    assert member.post("/workflows/preview", deed="start", source=TWO).status_code == 403
    assert not member.page("/workflows").says("Two")


@pytest.mark.slow
def test_a_draft_that_is_not_published_is_replaced_by_none_that_is_brought_in_unasked(
    app: Flask, admin: Client, owner: Browser
) -> None:
    other, colleague = TWO.replace("Bye", "Ciao"), client_of(app, signed_in(app, "second@example.org", "admin").email)
    admin.post("/workflows", {"definition": TWO}, status=201)
    colleague.post("/workflows", {"definition": other}, status=409)
    page = owner.page("/workflows/new").press("Save draft", source=other)
    assert (page.status_code, page.says("has a draft that isn't published yet")) == (409, True)
    assert admin.get("/workflows/two")["draft"] == TWO
    # One's own draft is changed, and a published workflow gets a draft of its own.
    admin.post("/workflows", {"definition": other}, status=201)
    admin.post("/workflows/two/publish", {})
    colleague.post("/workflows", {"definition": TWO}, status=201)
    assert page.press("Save draft", source=other, replace="y").status_code == 200
    assert colleague.post("/workflows", {"definition": TWO, "replace": True}, status=201)["draft"] == TWO


@pytest.mark.slow
def test_an_admin_writes_one_in_the_editor_and_is_told_the_line(owner: Browser, member: Browser) -> None:
    page = owner.page("/workflows/new").press("Publish", source=TWO.replace("collect: b", "collect: bb"))
    assert page.status_code == 422
    assert page.says("Line 4")
    page = page.press("Publish", source=TWO, head_about="Two questions.")
    assert page.says("Version 1, published")
    assert member.page("/workflows").says("Two")
    assert member.page("/workflows/two/export.yaml").response.get_data(as_text=True).startswith(TWO)
