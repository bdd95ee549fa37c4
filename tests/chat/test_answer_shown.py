"""How long nothing has arrived, by the server's clock, and the actions offered then; works without JavaScript."""

import pytest

from tests.chat.conftest import ended, texts
from tests.support.browser import Browser
from tests.support.markup import words
from tests.upstream.handle import Upstream
from webapp.engine.engine import ENGINE
from webapp.settings.service import set_setting


def running(app):
    (live,) = [answer for answer in ENGINE.of(app).live.values() if answer.kind == "chat"]
    return live.run


def state(page):
    return [words(node.text()) for node in page.all(".state > :not([hidden])")]


@pytest.mark.slow
def test_a_stalled_answer_says_for_how_long_and_another_model_takes_its_place(owner, app, begin, fake):
    with app.app_context():
        # Otherwise the stall timeout would eventually stop it.
        set_setting("stream.stall_seconds", "0")
    fake.always({"counted": 50, "stall_after": 5})
    path = begin(owner, "First")
    page = owner.wait_for(path, lambda page: page.says("w000005"))
    assert state(page)[0] == "Answering"
    assert "hidden" in page.one(".instead").attributes

    running(app).last_content_at = ENGINE.of(app).now() - 100
    page = owner.page(path)

    assert state(page)[0].startswith("No text for 1 min 4")
    assert "hidden" not in page.one(".instead").attributes
    fake.says("Here it is.")
    choice = owner.page(page.one(".instead").attributes["href"])
    assert choice.says("The current answer is stopped and kept as another version.")
    page = owner.wait_for(choice.press("Try again").path, ended)
    assert texts(page) == ["First", "Here it is."]
    assert page.says("2 / 2")


def test_admins_find_the_way_to_the_connection_and_others_its_name(owner: Browser, member: Browser, fake: Upstream) -> None:
    fake.always({"json": {"data": [{"id": "maker/one"}]}}, at="/models")
    owner.submit("/admin/connections/new", name="Ours", base_url=fake.base_url, key="sk-0123456789").press("Test key")
    fake.always({"status": 401, "json": {"error": {"message": "No such key"}}})

    for browser in (owner, member):
        page = browser.submit("/", message="Hello", model="ours:maker/one").until(status="failed")

        assert page.one(".notice .for-others").text() == "An admin can check the key of Ours."
        assert page.link("Check the key of Ours").attributes["href"] == "/admin/connections/ours"
        # The style sheet shows the version for admins or the one for others by this attribute.
        assert ("data-admin" in page.one("html").attributes) is (browser is owner)
