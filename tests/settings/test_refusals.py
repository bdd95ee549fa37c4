"""A server that rejects the API key: admins see it immediately and until it is fixed; others see only their failed answer."""

from datetime import timedelta
from html import escape

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import signed_in
from tests.engine.bench import Bench
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from webapp.base.audit import COMMAND_LINE, AuditEntry
from webapp.base.db import db, utc_now, write
from webapp.models.connections import service as connections
from webapp.models.connections.effective import LiveConnection, live_connection
from webapp.models.connections.service import ACTIONS, ConnectionInput
from webapp.models.connections.tables import Connection

__all__ = ["app"]
OPENROUTER = "/admin/connections/openrouter"
KEY = {"status": 401, "json": {"error": {"message": "canary-of-the-server", "code": 401}}}
CREDIT = {"status": 402, "json": {"error": {"message": "pay first", "code": 402}}}
BUSY = {"status": 503, "json": {"error": {"message": "overloaded", "code": 503}}}
REFUSED, EMPTY = "rejected the key that ends in 0000.", "has no credit left for the key that ends in 0000"
ADMIN_PAGES = ["/admin/models", "/admin/settings", "/admin/people", "/admin/audit"]


@pytest.fixture
def person(bench: Bench) -> str:
    return bench.person()


def asked(bench: Bench, fake: Upstream, person: str, *behaviours: dict) -> None:
    """Asks one question per behavior, each after the last one's results have been written."""
    for behaviour in behaviours:
        fake.behaves([behaviour])
        id = bench.ask(person=person)
        bench.until_ended(id)
        bench.until(lambda id=id: id not in bench.engine.live)


def live(app: Flask) -> LiveConnection:
    with app.app_context():
        found = live_connection("openrouter")
    assert found
    return found


def written_down(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry.detail).where(AuditEntry.action.in_(ACTIONS.values()))))


@pytest.mark.mostly_slow
@also_on_postgres
@pytest.mark.parametrize(("refusal", "words"), [(KEY, REFUSED), (CREDIT, EMPTY)])
def test_admins_see_it_on_every_page_of_theirs(
    app: Flask, bench: Bench, fake: Upstream, person: str, refusal: dict, words: str
) -> None:
    owner = signed_in(app, "owner@example.org", "owner")
    asked(bench, fake, person, refusal)

    for path in ADMIN_PAGES:
        notice = owner.page(path).one(".notice--amber").text()
        assert f"{fake.host} {words}" in notice
    for path in ("/admin/models", "/admin/people", "/admin/connections", OPENROUTER, "/admin/health"):
        assert owner.page(path).text.count(escape(words)) == 1, path
    assert owner.page("/admin/health").says("First refused just now.")


def test_it_is_written_down_once_and_not_for_each_request(app: Flask, bench: Bench, fake: Upstream, person: str) -> None:
    asked(bench, fake, person, KEY)
    since = live(app).refused_at
    asked(bench, fake, person, KEY, CREDIT, KEY)

    (detail,) = written_down(app)
    assert REFUSED in detail
    assert "canary" not in detail
    assert live(app).refused_at == since


def test_no_credit_is_written_down_as_such(app: Flask, bench: Bench, fake: Upstream, person: str) -> None:
    asked(bench, fake, person, CREDIT)

    (detail,) = written_down(app)
    assert EMPTY in detail
    with app.app_context():
        (action,) = db.session.scalars(select(AuditEntry.action).where(AuditEntry.detail == detail))
    assert (action, live(app).refused_for) == ("has no credit left", "credit")


@pytest.mark.parametrize("refusal", [KEY, CREDIT])
def test_the_next_answer_takes_it_back(app: Flask, bench: Bench, fake: Upstream, person: str, refusal: dict) -> None:
    owner = signed_in(app, "owner@example.org", "owner")
    asked(bench, fake, person, refusal)
    asked(bench, fake, person, {"says": "Hello"})

    assert live(app).refused_at is None
    assert live(app).is_working
    assert not owner.page("/admin/models").all(".notice--amber")
    asked(bench, fake, person, KEY)
    assert len(written_down(app)) == 2


def test_another_key_takes_it_back(app: Flask, bench: Bench, fake: Upstream, person: str) -> None:
    owner = signed_in(app, "owner@example.org", "owner")
    asked(bench, fake, person, KEY)
    owner.submit(OPENROUTER, key="sk-another-key-1111")

    assert live(app).refused_at is None
    assert not owner.page("/admin/connections").all(".notice--amber")


@pytest.mark.slow
def test_a_test_sees_and_mends_it_too(app: Flask, fake: Upstream) -> None:
    owner = signed_in(app, "owner@example.org", "owner")
    fake.behaves([KEY], at="/key")
    assert owner.page(OPENROUTER).press("Test key").one(".standing--bad")
    since = live(app).refused_at
    assert since
    fake.behaves([BUSY], at="/key")
    owner.page(OPENROUTER).press("Test key")
    assert live(app).refused_at == since

    assert not owner.page(OPENROUTER).press("Test key").all(".standing--bad")
    assert live(app).refused_at is None


def test_an_answer_that_began_before_proves_nothing(app: Flask, bench: Bench, fake: Upstream, person: str) -> None:
    fake.behaves([{"counted": 40, "stall_after": 20}])
    id = bench.ask(person=person)
    bench.until(lambda: "w000020" in bench.said(id))
    with app.app_context(), write() as session:
        row = session.get(Connection, "openrouter") or Connection(
            id="openrouter", slug="openrouter", name="OpenRouter", kind="openrouter", base_url=""
        )
        row.refused_at, row.refused_for = utc_now() + timedelta(seconds=1), "auth"
        session.add(row)
    bench.engine.live[id].run.stop.request("user")
    bench.until(lambda: id not in bench.engine.live)

    assert live(app).refused_at


@pytest.mark.slow
def test_a_server_that_is_busy_has_not_refused_anything(app: Flask, bench: Bench, fake: Upstream, person: str) -> None:
    fake.behaves([BUSY] * 3)
    id = bench.ask(person=person)
    bench.until_ended(id)
    bench.until(lambda: id not in bench.engine.live)

    assert live(app).refused_at is None
    assert written_down(app) == []


def test_it_is_the_connection_that_refused(app: Flask, bench: Bench, fake: Upstream, person: str) -> None:
    owner = signed_in(app, "owner@example.org", "owner")
    with app.app_context():
        connections.create(
            "openai",
            ConnectionInput(name="Ours", base_url=fake.base_url, key="sk-ours-000000002222", default_model="m"),
            author=COMMAND_LINE,
        )
    fake.behaves([KEY])
    id = bench.ask(person=person, model="ours:m")
    bench.until_ended(id)
    bench.until(lambda: id not in bench.engine.live)

    assert live(app).refused_at is None
    assert "Ours rejected the key that ends in 2222." in owner.page("/admin/models").one(".notice--amber").text()


def test_several_refusals_take_one_line(app: Flask) -> None:
    owner = signed_in(app, "owner@example.org", "owner")
    with app.app_context():
        for name in ("Ours", "Theirs"):
            connections.create(
                "openai",
                ConnectionInput(name=name, base_url="http://127.0.0.1:9", key="sk-ours-000000002222", default_model="m"),
                author=COMMAND_LINE,
            )
            connections.note_refusal(live_connection(name.lower()), "auth")

    assert owner.page("/admin/models").one(".notice--amber p").text() == "Ours, Theirs are refusing requests. View"


@pytest.mark.slow
def test_members_hear_the_sentence_of_their_answer_and_no_more(app: Flask, fake: Upstream, member: Browser) -> None:
    fake.behaves([KEY])
    chat = member.page("/").press("Send", message="Hello").until(status="failed")

    assert chat.says("rejected the key")
    assert not member.page("/").all(".notice--amber")


def test_before_the_first_answer_the_checklist_says_it(app: Flask, bench: Bench, fake: Upstream, person: str) -> None:
    owner = signed_in(app, "owner@example.org", "owner")
    asked(bench, fake, person, KEY)

    assert owner.page("/").says("Refused just now, and not working since.")


def test_after_it_the_checklist_comes_back(app: Flask, bench: Bench, fake: Upstream, person: str) -> None:
    owner = signed_in(app, "owner@example.org", "owner")
    asked(bench, fake, person, {"says": "Hello"})
    assert not owner.page("/").all("#checklist")
    asked(bench, fake, person, KEY)

    page = owner.page("/")
    assert page.one("#checklist h2").text() == f"{fake.host} is refusing requests"
    assert page.click("View").path == OPENROUTER
