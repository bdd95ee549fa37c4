"""Rare cases of runs: at their limit, cut and redirected, or with a plan that is written elsewhere."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.api.client import Client, client_of
from tests.chat.listener import Listener, listen
from tests.conftest import signed_in, with_session
from tests.support.browser import Browser
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from tests.workflows.programs import published, settled
from webapp.base.db import db, write
from webapp.chat.record.tables import Chat
from webapp.engine.tables import Generation
from webapp.plans.tables import Plan
from webapp.workflows.running.record import MOST_EVENTS, locked_run
from webapp.workflows.tables import WorkflowRun

__all__ = ["app", "listen"]
TALK = "workflow: talk\ntitle: Talk\nslots: {mood: {type: choice, options: [low, good]}}\nsteps: [collect: mood, chat: Speak.]\n"


@pytest.fixture
def admin(app: Flask, owner: Browser) -> Client:
    return client_of(app, owner.email)


@pytest.fixture
def guest(app: Flask) -> Client:
    return client_of(app, signed_in(app, "guest@example.org", "guest").email)


@pytest.mark.slow
def test_what_a_model_says_in_a_run_that_has_become_too_long_is_kept(app: Flask, admin: Client, fake: Upstream) -> None:
    fake.says("Rest.")
    run = admin.post(published(admin, TALK), {}, status=201)
    with app.app_context(), write() as session:
        locked_run(session, run["id"]).seq = MOST_EVENTS - 1
    admin.post(f"/runs/{run['id']}/answer", {"value": "low"})
    assert settled(admin, run)["state"] == "completed"


@pytest.mark.slow
def test_a_page_that_is_behind_neither_cancels_nor_stops_what_is_written(admin: Client, owner: Browser, fake: Upstream) -> None:
    fake.says("Rest a while. Then go on.", holds=[5])
    run = admin.post(published(admin, TALK), {}, status=201)
    admin.post(f"/runs/{run['id']}/answer", {"value": "low"})
    assert owner.post(f"/runs/{run['id']}/cancel", seen="1").status_code == 409
    fake.goes_on()
    assert settled(admin, run)["state"] == "completed"
    assert owner.page(f"/chats/{run['chat_id']}").messages("assistant")[-1] == "Rest a while. Then go on."


@pytest.mark.slow
def test_a_model_that_says_nothing_pauses_the_run_which_says_so(admin: Client, owner: Browser, fake: Upstream) -> None:
    fake.says("")
    run = admin.post(published(admin, TALK), {}, status=201)
    admin.post(f"/runs/{run['id']}/answer", {"value": "low"})
    assert settled(admin, run)["state"] == "paused"
    assert owner.page(f"/chats/{run['chat_id']}").says("Model returned no text.")
    fake.reset()
    fake.says("Rest a while.")
    admin.post(f"/runs/{run['id']}/resume", {})
    assert settled(admin, run)["state"] == "completed"


@pytest.mark.slow
@pytest.mark.parametrize("said", ['{"answer": "Ruhe dich aus."}', "Ruhe dich aus. " * 400])
def test_what_a_model_says_in_another_form_is_said_within_the_limit(
    admin: Client, owner: Browser, fake: Upstream, said: str
) -> None:
    fake.says(said)
    run = admin.post(published(admin, TALK), {}, status=201)
    admin.post(f"/runs/{run['id']}/answer", {"value": "low"})
    assert settled(admin, run)["state"] == "completed"
    assert len(owner.page(f"/chats/{run['chat_id']}").messages("assistant")[-1]) < 40


VERBOSE = """workflow: verbose
title: Verbose
slots: {word: {}}
steps: [collect: word, {id: talk, chat: Talk., max_sentences: 50, max_tokens: 40}]
"""


@pytest.mark.slow
def test_a_step_says_no_more_than_its_limit_and_its_end_says_so(app: Flask, admin: Client, owner: Browser) -> None:
    run = admin.post(published(admin, VERBOSE), {}, status=201)
    with app.app_context(), write() as session:
        session.get_one(Chat, run["chat_id"]).model = "demo/verbose"
    admin.post(f"/runs/{run['id']}/answer", {"value": "Hi"})
    assert settled(admin, run)["state"] == "completed"
    with app.app_context():
        (made,) = db.session.scalars(select(Generation).where(Generation.model_asked == "demo/verbose"))
    assert (made.status, made.reason, 0 < made.output_tokens <= 40) == ("completed", "token_limit", True)
    assert owner.page(f"/chats/{run['chat_id']}").says("length limit of this step")


FORK = """workflow: fork
title: Fork
slots: {way: {type: choice, options: [left, right]}}
steps:
  - collect: way
    next: [{if: way == "left", go: one}, {go: two}]
  - {id: one, chat: Speak of the left., next: end}
  - {id: two, chat: Speak of the right.}
"""


@pytest.mark.slow
def test_what_was_cut_at_one_step_is_not_continued_at_another(admin: Client, owner: Browser, fake: Upstream) -> None:
    fake.says("On the left there", cut="rst", cut_after=2)
    run = admin.post(published(admin, FORK), {}, status=201)
    admin.post(f"/runs/{run['id']}/answer", {"value": "left"})
    assert settled(admin, run)["state"] == "paused"
    said = owner.page(f"/chats/{run['chat_id']}").messages("assistant")[-1]
    fake.reset()
    fake.says("On the right.")
    admin.said("PUT", f"/runs/{run['id']}/facts/way", 200, {"value": "right", "confirm": True})
    assert settled(admin, run)["state"] == "completed"
    assert owner.page(f"/chats/{run['chat_id']}").messages("assistant")[-2:] == [said, "On the right."]


CARD = "workflow: card\ntitle: Card\nslots: {goals: {}}\nsteps: [collect: goals, generate: weekly-card]\n"


def paused_at_its_plan(app: Flask, admin: Client, fake: Upstream) -> tuple[dict[str, Any], str]:
    """Begins a run whose plan could not be written; returns it and the plan's id."""
    fake.always({"status": 400})
    run = admin.post(published(admin, CARD), {}, status=201)
    admin.post(f"/runs/{run['id']}/answer", {"value": "Tests"})
    assert settled(admin, run)["state"] == "paused"
    with app.app_context():
        plan_id = db.session.get_one(WorkflowRun, run["id"]).plan_id
    fake.reset()
    return run, plan_id


@pytest.mark.slow
def test_a_run_says_that_its_plan_is_written_elsewhere(app: Flask, admin: Client, owner: Browser, fake: Upstream) -> None:
    run, plan_id = paused_at_its_plan(app, admin, fake)
    fake.says("{}", holds=[1])
    assert owner.post(f"/plans/{plan_id}/finish").status_code < 400
    assert admin.post(f"/runs/{run['id']}/resume")["state"] == "paused"
    assert owner.page(f"/chats/{run['chat_id']}").says("on its own page")
    fake.goes_on()


@pytest.mark.slow
def test_a_plan_that_was_completed_on_its_own_page_is_taken_when_the_run_is_resumed(
    app: Flask, admin: Client, owner: Browser, fake: Upstream
) -> None:
    run, plan_id = paused_at_its_plan(app, admin, fake)
    fake.says(json.dumps({"title": "A calm week", "intention": "Rest.", "steps": ["Sleep", "Walk"]}))
    assert owner.post(f"/plans/{plan_id}/finish").status_code < 400
    owner.wait_for(f"/plans/{plan_id}", lambda page: page.one("#plan").attributes["data-status"] == "completed")
    asked = len(fake.posts())
    assert admin.post(f"/runs/{run['id']}/resume")["state"] == "completed"
    assert "A calm week" in owner.page(f"/chats/{run['chat_id']}").messages("assistant")[-1]
    assert len(fake.posts()) == asked


@pytest.mark.slow
def test_a_guest_gets_no_plan_by_a_workflow(app: Flask, admin: Client, guest: Client, fake: Upstream) -> None:
    run = guest.post(published(admin, CARD), {}, status=201)
    guest.post(f"/runs/{run['id']}/answer", {"value": "Tests"})
    assert settled(guest, run)["state"] == "paused"
    with app.app_context():
        assert not db.session.scalars(select(Plan)).all()
    assert not fake.posts()


@pytest.mark.slow
def test_each_open_page_of_a_run_gets_a_form_that_it_can_send(
    app: Flask, admin: Client, owner: Browser, listen: Callable[..., Listener]
) -> None:
    run = admin.post(published(admin, TALK), {}, status=201)
    browsers = [owner, with_session(app, owner.email)]
    pages = [listen(reader, reader.page(f"/chats/{run['chat_id']}").events_url) for reader in browsers]
    admin.post(f"/runs/{run['id']}/pause")
    # Both before the first is sent: after that, a page that is a moment later finds the run already resumed.
    for page in pages:
        page.until(lambda feed: "/resume" in feed.html)
    for browser in browsers:
        # The run can have been resumed already.
        assert browser.post(f"/runs/{run['id']}/resume").status_code != 403


@pytest.mark.slow
def test_earlier_messages_of_a_run_are_read_like_its_last(admin: Client, owner: Browser) -> None:
    run = admin.post(published(admin, CARD), {}, status=201)
    last = owner.page(f"/chats/{run['chat_id']}").message_ids[-1]
    page = owner.page(f"/chats/{run['chat_id']}/earlier?until={last}")
    assert page.message_ids == [last]
    assert not page.all('[formaction^="/messages"], [formaction^="/chats"]')
