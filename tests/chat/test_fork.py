"""A new chat from here: it holds what was said so far, and both go their own ways."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.chat.conftest import ended, texts
from tests.chat.test_tree import address
from webapp.accounts.queries import user_by_email
from webapp.chat import sharing
from webapp.chat.tables import Chat
from webapp.extensions import db, utc_now, write
from webapp.streaming.events import Changed


@pytest.fixture
def path(owner, begin, fake) -> str:
    fake.says("**One**")
    path = begin(owner, "First")
    owner.wait_for(path, ended)
    owner.post(f"{path}/rename", title="Two rivers")
    return path


def test_it_begins_with_what_was_said_and_goes_its_own_way(owner, path, fake):
    url = address(owner.page(path), "New chat from here")
    forked = owner.post(url).location
    fake.says("Two")
    owner.submit(forked, message="Second")
    page = owner.wait_for(forked, ended)

    assert forked != path
    assert texts(page) == ["First", "One", "Second", "Two"]
    assert page.says("Two rivers")
    assert texts(owner.page(path)) == ["First", "One"]
    assert [turn["content"] for turn in fake.log()[-1]["body"]["messages"]] == ["First", "**One**", "Second"]


def test_what_it_has_cost_stays_where_it_was_spent(owner, path):
    forked = owner.post(address(owner.page(path), "New chat from here")).location

    assert owner.page(path).says("What was sent")
    assert not owner.page(forked).says("What was sent")


def test_who_may_read_may_go_on_alone(app, owner, member, stranger, path):
    url = address(owner.page(path), "New chat from here")
    with app.app_context():
        chat = db.session.get_one(Chat, path.rsplit("/", 1)[1])
        sharing.share(chat, f"user:{user_by_email('member@example.org').id}", "view", by=user_by_email("owner@example.org"))

    forked = member.page(member.post(url).location)
    assert texts(forked) == ["First", "One"]
    assert [node.text() for node in forked.all("article .author")] == ["owner"]
    assert stranger.post(url).status_code == 404


def test_an_answer_without_a_word_begins_no_chat(owner, begin, fake):
    fake.always({"steps": [{"sleep": 30}]})
    path = begin(owner, "First")
    id = owner.page(path).all("article.message")[-1].attributes["id"].removeprefix("message-")

    assert owner.post(f"/messages/{id}/fork").status_code == 409


def test_of_a_temporary_chat_it_is_temporary_too_and_goes_on_the_same_day(app, owner, fake):
    fake.says("One")
    path = owner.submit("/", message="First", temporary="y").path
    url = address(owner.wait_for(path, ended), "New chat from here")
    began_at = utc_now() - timedelta(hours=20)
    with app.app_context(), write() as session:
        session.get_one(Chat, path.rsplit("/", 1)[1]).created_at = began_at

    forked = owner.post(url).location

    assert owner.page(forked).says("Temporary: deleted when you close it, or after a day.")
    assert forked.partition("#")[0] not in owner.get("/chats").text
    with app.app_context():
        assert [chat.created_at for chat in db.session.scalars(select(Chat))] == [began_at, began_at]


def test_a_name_of_ones_own_stays_one(app, owner, path):
    forked = owner.post(address(owner.page(path), "New chat from here")).location

    with app.app_context():
        assert db.session.get_one(Chat, forked.partition("#")[0].rsplit("/", 1)[1]).title_is_own


def test_other_pages_hear_of_it(app, owner, path):
    url, topics = address(owner.page(path), "New chat from here"), app.extensions["engine"].topics
    with app.app_context():
        mine = f"user:{user_by_email('owner@example.org').id}"
    before = topics.last(mine)
    id = owner.post(url).location.partition("#")[0].rsplit("/", 1)[1]

    assert [entry.event for entry in topics.read(mine, before)] == [Changed("chat", id)]
