"""A new chat from here: it holds what was said so far, and both go their own ways."""

import pytest

from tests.chat.conftest import ended, texts
from tests.chat.test_tree import address
from webapp.accounts.queries import user_by_email
from webapp.chat import sharing
from webapp.chat.tables import Chat
from webapp.extensions import db


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

    assert texts(member.page(member.post(url).location)) == ["First", "One"]
    assert stranger.post(url).status_code == 404


def test_an_answer_without_a_word_begins_no_chat(owner, begin, fake):
    fake.always({"steps": [{"sleep": 30}]})
    path = begin(owner, "First")
    id = owner.page(path).all("article.message")[-1].attributes["id"].removeprefix("message-")

    assert owner.post(f"/messages/{id}/fork").status_code == 409
