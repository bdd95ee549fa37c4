"""A branch into a new chat: it copies the messages so far, and the two chats are independent afterwards."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.chat.conftest import address, asked, ended, id_of, texts
from webapp.base.db import db, utc_now, write
from webapp.chat.record import sharing
from webapp.chat.record.tables import Chat
from webapp.engine.engine import ENGINE
from webapp.people.accounts.queries import user_by_email
from webapp.people.accounts.tables import PersonAuthor
from webapp.settings.service import set_setting


@pytest.fixture
def path(owner, answered, fake) -> str:
    fake.says("**One**")
    path = answered(owner, "First")
    owner.post(f"{path}/rename", title="Two rivers")
    return path


@pytest.mark.slow
def test_it_begins_with_what_was_said_and_goes_its_own_way(owner, path, fake):
    url = address(owner.page(path), "Branch into new chat")
    forked = owner.post(url).location
    fake.says("Two")
    owner.submit(forked, message="Second")
    page = owner.wait_for(forked, ended)

    assert forked != path
    assert texts(page) == ["First", "One", "Second", "Two"]
    assert page.says("Two rivers")
    assert texts(owner.page(path)) == ["First", "One"]
    assert [turn["content"] for turn in asked(fake)[-1]["body"]["messages"]] == ["First", "**One**", "Second"]


def test_what_it_has_cost_stays_where_it_was_spent(owner, path):
    forked = owner.post(address(owner.page(path), "Branch into new chat")).location

    assert owner.page(path).says("What was sent")
    assert not owner.page(forked).says("What was sent")


def test_who_may_read_may_go_on_alone(app, owner, member, stranger, path):
    url = address(owner.page(path), "Branch into new chat")
    with app.app_context():
        chat = db.session.get_one(Chat, id_of(path))
        sharing.share(chat, f"user:{member.person_id}", "view", author=PersonAuthor(user_by_email(owner.email)))

    forked = member.page(member.post(url).location)
    assert texts(forked) == ["First", "One"]
    assert [node.text() for node in forked.all("article .author")] == ["owner"]
    assert stranger.post(url).status_code == 404


def test_an_answer_without_a_word_begins_no_chat(owner, begin, fake):
    fake.always({"steps": [{"sleep": 30}]})
    path = begin(owner, "First")
    id = owner.page(path).message_ids[-1]

    assert owner.post(f"/messages/{id}/fork").status_code == 409


@pytest.mark.slow
def test_of_a_temporary_chat_it_is_temporary_too_and_goes_on_the_same_day(app, owner, fake):
    fake.says("One")
    path = owner.submit("/", message="First", temporary="y").path
    url = address(owner.wait_for(path, ended), "Branch into new chat")
    began_at = utc_now() - timedelta(hours=20)
    with app.app_context(), write() as session:
        session.get_one(Chat, id_of(path)).created_at = began_at

    forked = owner.post(url).location

    assert owner.page(forked).says("Temporary: deleted when you close it, or after one day.")
    assert forked.partition("#")[0] not in owner.get("/chats").text
    with app.app_context():
        assert [chat.created_at for chat in db.session.scalars(select(Chat))] == [began_at, began_at]


def test_a_name_of_ones_own_stays_one(app, owner, path):
    forked = owner.post(address(owner.page(path), "Branch into new chat")).location

    with app.app_context():
        assert db.session.get_one(Chat, id_of(forked)).title_is_own


def test_other_pages_hear_of_it(app, owner, path):
    url, topics = address(owner.page(path), "Branch into new chat"), ENGINE.of(app).logs.topics
    mine = f"user:{owner.person_id}"
    # A title can be announced at the same time: once for both chats, with the id of either.
    before = topics.last(mine)
    owner.post(url)

    assert topics.wait({mine: before}, 10)
    assert {entry.event.what for entry in topics.read(mine, before)} == {"chat"}


def test_each_has_a_title_that_tells_it_from_the_others(owner, path):
    url = address(owner.page(path), "Branch into new chat")
    first, second = owner.post(url).location, owner.post(url).location

    titles = [owner.page(chat).one("#chat-title").text().strip() for chat in (path, first, second)]
    assert titles == ["Two rivers", "Branch of Two rivers", "Branch 2 of Two rivers"]


def test_the_longest_title_leaves_room_for_the_word(owner, path):
    owner.post(f"{path}/rename", title="x" * 200)
    forked = owner.post(address(owner.page(path), "Branch into new chat")).location

    assert owner.page(forked).one("#chat-title").text().strip() == f"Branch of {'x' * 190}"


def test_another_model_goes_on_there(app, owner, path):
    with app.app_context():
        set_setting("demo.fallback", "always")
    actions = owner.page(f"/messages/{owner.page(path).message_ids[-1]}/actions")
    page = owner.page(actions.link("Another model").attributes["href"])
    url = page.one("form.again button[formaction]").attributes["formaction"]
    forked = owner.htmx_post(url, model="demo/quick")
    assert forked.status_code == 204
    with app.app_context():
        models = {chat.id: chat.model for chat in db.session.scalars(select(Chat))}
    assert models.pop(id_of(forked.headers["HX-Redirect"].partition("#")[0])) == "demo/quick"
    assert list(models.values()) == ["some/model"]
