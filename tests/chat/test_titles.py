"""A model names a chat whose first words are too many for a title; whatever goes wrong, the first words stay."""

import gevent
import pytest
from sqlalchemy import select

from tests.chat.conftest import ended
from tests.conftest import signed_in
from webapp.chat.tables import Chat
from webapp.extensions import db, write
from webapp.generations.tables import Generation

LONG = "I would like to know how the millers of the old mill by the river dressed their stones for rye and for wheat"


def title_of(browser, path: str) -> str:
    with browser.app.app_context():
        return db.session.get_one(Chat, path.rpartition("/")[2]).title


def requests_for_titles(fake) -> list:
    return [entry for entry in fake.log() if "name conversations" in str(entry.get("body", entry))]


def until(is_so, seconds: float = 5) -> None:
    with gevent.Timeout(seconds, AssertionError("not so in time")):
        while not is_so():
            gevent.sleep(0.01)


@pytest.fixture
def asked(owner, begin, fake):
    """Begins a chat whose answer is followed by what the model says when it is asked for a title."""

    def asked(*replies, message: str = LONG) -> str:
        fake.says("With a bill and a pick.")
        fake.behaves([{"says": "With a bill and a pick."}, *replies])
        path = begin(owner, message)
        owner.wait_for(path, ended)
        return path

    return asked


def test_the_model_gives_the_title_once(owner, asked, fake):
    path = asked({"says": '"Dressing millstones for rye and wheat."\nAnd more', "cost": 0.0001})
    until(lambda: title_of(owner, path) == "Dressing millstones for rye and wheat")

    owner.post(f"{path}/messages", message="And then?")
    owner.wait_for(path, lambda page: ended(page) and len(page.all("article.message")) == 4)
    assert len(requests_for_titles(fake)) == 1
    with owner.app.app_context():
        record = db.session.scalars(select(Generation).where(Generation.kind == "title")).one()
        assert (record.status, record.message_id, record.model_asked) == ("completed", None, "some/model")
        assert record.cost is not None


@pytest.mark.parametrize("reply", [{"status": 500}, {"status": 401}, {"says": ""}, {"says": '"."'}])
def test_without_a_good_title_the_first_words_stay(owner, asked, fake, reply):
    path = asked(*[reply] * 4)
    fake.until(lambda log: requests_for_titles(fake))
    until(lambda: not owner.app.extensions["engine"].live)

    assert title_of(owner, path).startswith("I would like to know")
    assert title_of(owner, path).endswith("…")


def test_a_short_first_message_is_its_own_title(owner, asked, fake):
    path = asked(message="How are stones dressed?")

    assert title_of(owner, path) == "How are stones dressed?"
    assert not requests_for_titles(fake)


@pytest.mark.parametrize("action", ["rename", "delete"])
def test_who_names_the_chat_or_deletes_it_ends_the_asking(owner, asked, fake, action):
    path = asked({"steps": [{"hang": True}]})
    fake.until(lambda log: requests_for_titles(fake))
    owner.post(f"{path}/{action}", title="My stones")

    fake.until(lambda log: requests_for_titles(fake)[0]["client_closed"])
    assert title_of(owner, path) == "My stones" or action == "delete"


def test_a_name_that_was_given_meanwhile_stays(owner, asked, fake):
    path = asked({"says": "Late title", "delay": 0.3})
    fake.until(lambda log: requests_for_titles(fake))
    with owner.app.app_context(), write() as session:
        session.get_one(Chat, path.rpartition("/")[2]).title = "Named by import"
    until(lambda: recorded(owner))

    assert title_of(owner, path) == "Named by import"


def test_the_demo_is_never_asked(make_app, begin):
    browser = signed_in(make_app(), "demo@example.org", "owner")
    path = begin(browser, LONG)
    browser.wait_for(path, ended)

    assert title_of(browser, path).endswith("…")
    assert not recorded(browser)


def recorded(browser) -> list:
    with browser.app.app_context():
        return list(db.session.scalars(select(Generation.id).where(Generation.kind == "title")))
