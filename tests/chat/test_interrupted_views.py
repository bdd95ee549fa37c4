"""After a restart, if the setting says so, a person is asked once about their cut answers: Continue all, or Leave."""

import pytest
from sqlalchemy import select

from tests.conftest import signed_in
from tests.engine.bench import Bench
from webapp.base.db import db, write
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import User
from webapp.settings.service import set_setting

NOTICE = "A restart interrupted 2 answers."


@pytest.fixture
def cut(app, fake):
    """A bench with two answers of the owner that a restart has cut."""
    bench = Bench(app)
    fake.says("Fine.")
    browser = signed_in(app, "owner@example.org", "owner")
    with app.app_context():
        set_setting("restart.policy", "ask")
        person = db.session.scalars(select(User.id)).one()
    for _ in range(2):
        bench.until_ended(bench.ask(person=person))
    bench.until(lambda: not bench.engine.live)
    with app.app_context(), write() as session:
        for generation in session.scalars(select(Generation)):
            generation.status, generation.reason = "interrupted", "server_restart"
    return bench, browser


@pytest.mark.slow
def test_the_notice_stands_on_every_page_of_its_person_alone(cut, member):
    _, browser = cut

    assert all(NOTICE in browser.get(path).text for path in ("/", "/chats", "/account", "/admin/settings"))
    assert "cut-answers" not in member.get("/").text


@pytest.mark.parametrize("policy", ["never", "continue"])
def test_nobody_is_asked_where_that_is_not_set(cut, policy):
    bench, browser = cut
    with bench.app.app_context():
        set_setting("restart.policy", policy)

    assert "cut-answers" not in browser.get("/").text


def test_leave_takes_the_notice_away_and_leaves_the_answers(cut):
    bench, browser = cut
    last = bench.generations()[-1].id

    assert browser.post("/chats/cut/leave", last=last).location == "/"

    assert "cut-answers" not in browser.get("/").text
    assert [generation.status for generation in bench.generations()] == ["interrupted"] * 2


def test_continue_all_continues_each_once(cut):
    bench, browser = cut
    last = bench.generations()[-1].id
    for _ in range(2):
        assert browser.htmx_post("/chats/cut/continue", last=last).text == ""

    assert "cut-answers" not in browser.get("/").text
    bench.until(lambda: len(bench.generations()) == 4 and not bench.engine.live)
    first, second, *others = bench.generations()
    assert {generation.continues_id for generation in others} == {first.id, second.id}
