"""The checklist up to the first real answer, for those who are allowed to take its steps."""

import pytest
from flask import Flask, render_template
from sqlalchemy import select

from tests.support.browser import Browser
from tests.upstream.handle import Upstream as Fake
from webapp.base.db import db
from webapp.models.connections.cache import CONNECTIONS
from webapp.people.accounts.tables import User
from webapp.workspace.home.checklist import Checklist, checklist


def steps_of(app: Flask, email: str) -> Checklist | None:
    with app.test_request_context():
        CONNECTIONS.of(app).forget()
        return checklist(db.session.scalar(select(User).where(User.email == email)))


def next_of(app: Flask) -> tuple[str, str] | None:
    found = steps_of(app, "owner@example.org")
    return next((step.words, step.url) for step in found.steps if step.is_next) if found else None


@pytest.mark.slow
def test_three_steps_lead_to_the_first_real_answer_and_then_it_is_gone(owner: Browser, app: Flask, fake: Fake) -> None:
    page_of_openrouter = "/admin/connections/openrouter"
    assert next_of(app) == ("Add a key", page_of_openrouter)

    page = owner.submit(page_of_openrouter, key="sk-or-v1-0123456789")
    assert next_of(app) == ("Test it", page_of_openrouter)
    assert not page.has("a[href]", "Send the first message")

    page = page.press("Test key")
    assert next_of(app) == ("Send a message", "")

    chat = page.click("Send the first message").press("Send", message="Hello")
    assert chat.until(status="completed").messages("assistant") == ["Hello from the scripted upstream."]
    assert next_of(app) is None
    assert not owner.page(page_of_openrouter).has("a[href]", "Send the first message")


@pytest.mark.slow
def test_a_demo_answer_does_not_count(owner: Browser, app: Flask) -> None:
    owner.page("/").press("Send", message="Hello").until(status="completed")

    assert next_of(app) == ("Add a key", "/admin/connections/openrouter")


@pytest.mark.slow
def test_it_is_not_for_members_and_visitors(member: Browser, app: Flask) -> None:
    assert steps_of(app, "member@example.org") is None
    assert steps_of(app, "nobody@example.org") is None


def test_any_connection_that_works_is_good_enough(owner: Browser, app: Flask, fake: Fake) -> None:
    owner.submit("/admin/connections/new", name="Ours", base_url=fake.base_url).press("Test connection")

    assert next_of(app) == ("Send a message", "")


def test_a_failed_test_says_why_and_leads_to_what_to_change(owner: Browser, app: Flask) -> None:
    owner.submit("/admin/connections/new", name="Our box", base_url="http://127.0.0.1:9/v1").press("Add anyway").press(
        "Test connection"
    )

    found = steps_of(app, "owner@example.org")
    assert found
    assert found.title == "Our box isn't working"
    step = next(step for step in found.steps if step.is_next)
    assert (step.action, step.url) == ("View", "/admin/connections/our-box")
    assert step.hint == "Our box refused the connection. Is it running, and is the port correct?"


def test_the_first_step_leads_to_other_servers_too(owner: Browser) -> None:
    assert owner.page("/").click("connect another server").heading == "New connection"


def test_it_is_drawn_with_the_next_step_marked(owner: Browser, app: Flask) -> None:
    found = steps_of(app, "owner@example.org")
    with app.test_request_context():
        html = render_template("workspace/home/_checklist.html", checklist=found)

    assert html.count("<li") == 3
    assert html.count('aria-current="step"') == 1
