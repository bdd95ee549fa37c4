"""GET and POST /ai-demo let a visitor without an account see an answer arrive."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.chat.conftest import ended, ended_with, statuses, texts
from tests.support.browser import Browser
from webapp.base.db import db, utc_now
from webapp.chat.record.tables import Chat
from webapp.settings.service import set_setting


@pytest.mark.slow
def test_a_visitor_is_answered_by_the_demo(visitor, fake):
    visitor.submit("/ai-demo", message="What is this?")

    page = visitor.wait_for("/ai-demo", ended)

    assert texts(page)[0] == "What is this?"
    assert page.says("Demo: quick")
    assert not page.all("select[name=model]")
    assert fake.posts() == []


@pytest.mark.slow
def test_a_visitor_goes_on_and_starts_over(visitor):
    visitor.submit("/ai-demo", message="What is this?")
    visitor.wait_for("/ai-demo", ended)
    visitor.submit("/ai-demo", message="And this?")
    assert len(statuses(visitor.wait_for("/ai-demo", ended))) == 4

    visitor.post("/ai-demo/leave")

    assert statuses(visitor.page("/ai-demo")) == []


def test_the_chat_belongs_to_the_cookie(visitor, app, owner):
    visitor.submit("/ai-demo", message="Mine alone")
    with app.app_context():
        id = db.session.scalars(db.select(Chat.id)).one()

    for other in (Browser(app), owner):
        assert "Mine alone" not in other.page("/ai-demo").text
        assert other.get(f"/chats/{id}").status_code in (303, 404)
        assert other.get(f"/chats/{id}/events").status_code in (303, 404, 401)
    assert visitor.page(f"/chats/{id}").says("Mine alone")


@pytest.mark.slow
def test_it_lasts_for_a_day(visitor, app):
    visitor.submit("/ai-demo", message="Yesterday")
    visitor.wait_for("/ai-demo", ended)
    with app.app_context():
        db.session.execute(update(Chat).values(created_at=utc_now() - timedelta(days=1, minutes=1)))
        db.session.commit()

    assert "Yesterday" not in visitor.page("/ai-demo").text
    visitor.submit("/ai-demo", message="Today")
    with app.app_context():
        assert len(db.session.scalars(db.select(Chat)).all()) == 1


@pytest.mark.slow
def test_a_visitor_cannot_choose_a_model(visitor, app, fake):
    visitor.submit("/ai-demo", message="What is this?")
    page = visitor.wait_for("/ai-demo", ended)

    visitor.post(str(page.one("#composer").attributes["action"]), message="More", model="some/model")
    visitor.wait_for("/ai-demo", ended_with(4))

    assert fake.posts() == []


def test_it_can_be_switched_off(visitor, app):
    with app.app_context():
        set_setting("demo.visitors", "false")

    assert visitor.get("/ai-demo").status_code == 404
    assert visitor.post("/ai-demo", message="Hello").status_code == 404


@pytest.mark.parametrize(("message", "status"), [("", 422), ("x" * 200_001, 422)])
def test_bad_words_are_refused(visitor, message, status):
    assert visitor.post("/ai-demo", message=message).status_code == status


def test_whoever_is_signed_in_finds_the_way_back(visitor, member):
    assert visitor.page("/ai-demo").says("Sign in")
    page = member.page("/ai-demo")
    assert not page.says("Sign in")
    assert page.says("Your chats")
