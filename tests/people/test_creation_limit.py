"""Rate limits for creating things: refused with a message, on pages, in the API and in the dialects, for members and visitors."""

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.support.browser import Browser
from webapp.base.audit import AuditAuthor
from webapp.settings.service import set_settings

CHARACTER = {"name": "Ada", "description": "An engine."}
MADE = {"/chats": {}, "/lorebooks": {"name": "Ada"}}


@pytest.fixture(autouse=True)
def one_a_minute(app: Flask) -> None:
    with app.app_context():
        set_settings({"limits.made_per_minute": "1", "limits.made_burst": "1"}, author=AuditAuthor("test"))


@pytest.fixture
def program(app: Flask, member: Browser) -> Client:
    return client_of(app, member.email)


@pytest.mark.parametrize("path", ["/chats", "/characters", "/personas", "/lorebooks"])
def test_programs_are_refused_with_the_seconds_to_wait(program: Client, path: str) -> None:
    assert program.call("POST", "/chats", {}).status_code == 201

    refused = program.call("POST", path, MADE.get(path, CHARACTER))

    assert (refused.status_code, refused.json["code"]) == (429, "too_many")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert "too quickly" in refused.json["detail"]


def test_pages_are_refused_and_keep_what_was_typed(member: Browser) -> None:
    assert member.post("/characters", **CHARACTER).status_code == 303
    page = member.post("/characters", **CHARACTER)

    assert page.status_code == 429
    assert page.says("too quickly")
    assert page.textbox("Name").value == "Ada"


def test_one_person_does_not_use_up_what_another_has(member: Browser, stranger: Browser) -> None:
    assert member.post("/characters", **CHARACTER).status_code == 303
    assert stranger.post("/characters", **CHARACTER).status_code == 303


def test_a_visitor_gets_no_new_start_by_throwing_the_cookie_away(visitor: Browser) -> None:
    assert visitor.post("/ai-demo", message="Hello").status_code == 303
    visitor.client.delete_cookie("millrace-visitor")

    refused = visitor.post("/ai-demo", message="Hello")

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


def test_without_a_limit_nothing_is_counted(app: Flask, program: Client) -> None:
    with app.app_context():
        set_settings({"limits.made_per_minute": "0"}, author=AuditAuthor("test"))

    assert {program.call("POST", "/chats", {}).status_code for _ in range(5)} == {201}
