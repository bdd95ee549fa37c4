"""Unsent text is saved as a draft, per person and per chat (one for a new chat), until it is sent."""

import pytest

from tests.support.browser import HTMX
from webapp.engine.engine import ENGINE


def box(browser, path: str) -> str:
    return browser.page(path).textbox("Message").value


@pytest.mark.slow
def test_it_is_given_back_in_its_chat_alone(owner, path):
    assert owner.post(f"{path}/draft", message="Half a\r\nthought").status_code == 204

    assert box(owner, path) == "Half a\nthought"
    assert box(owner, "/") == ""


def test_a_new_chat_has_one_too_until_it_begins(owner, member, fake):
    fake.says("One")
    assert owner.post("/draft", message="Hello").status_code == 204
    assert (box(owner, "/"), box(member, "/")) == ("Hello", "")

    owner.submit("/", message="Hello there")

    assert box(owner, "/") == ""


def test_the_newest_counts_and_an_empty_one_goes(owner, path):
    for words in ("One", "Two", " \n"):
        owner.post(f"{path}/draft", headers=HTMX, message=words)
        assert box(owner, path) == words.strip()


@pytest.mark.slow
def test_sending_and_queueing_let_it_go(owner, path, fake):
    owner.post(f"{path}/draft", message="Second")
    fake.counts(4_000, pace=0.02)
    fragment = owner.htmx_post(f"{path}/messages", message="Second")
    assert "Second</textarea>" not in fragment.text
    assert box(owner, path) == ""

    owner.post(f"{path}/draft", message="Third")
    owner.post(f"{path}/follow-up", message="Third")
    assert box(owner, path) == ""


def test_one_that_arrives_behind_its_message_is_none(owner, path, fake):
    fake.counts(4_000, pace=0.02)
    for url, text in ((f"{path}/messages", "Second"), (f"{path}/follow-up", "Third")):
        owner.post(url, message=text, key=text)
        owner.post(f"{path}/draft", message=text, key=text)
        assert box(owner, path) == ""
        owner.post(f"{path}/draft", message=text, key="another")
        assert box(owner, path) == text


@pytest.mark.slow
def test_what_was_refused_is_still_kept(owner, path, fake):
    owner.post(f"{path}/draft", message="Second")

    page = owner.post(f"{path}/messages", message=" ")

    assert page.status_code == 422
    assert box(owner, path) == "Second"


def test_other_open_pages_hear_nothing_of_it(owner, path, app):
    topics = ENGINE.of(app).logs.topics
    lane = f"chat:{path.removeprefix('/chats/')}"
    before = topics.last(lane)

    owner.post(f"{path}/draft", message="Half a thought")

    assert topics.last(lane) == before


def test_strangers_the_signed_out_and_too_long_ones_are_refused(owner, stranger, visitor, path):
    assert stranger.post(f"{path}/draft", message="Mine").status_code == 404
    for url in ("/draft", f"{path}/draft"):
        assert visitor.post(url, message="Mine").location.startswith("/login")
        assert owner.post(url, message="x" * 200_001).status_code == 422
    assert box(owner, path) == ""
