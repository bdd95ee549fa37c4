"""The tree of a chat: editing makes a branch, versions can be switched with one click, nothing is overwritten."""

import random

import pytest
from sqlalchemy import select

from tests.chat.conftest import address, asked, ended, ended_with, has, texts
from tests.support.browser import HTMX
from webapp.base.db import db
from webapp.chat.record.tables import Message
from webapp.settings.service import set_setting


@pytest.mark.slow
def test_editing_makes_a_branch_beside_it(owner, path, fake):
    fake.says("Two")
    form = owner.page(address(owner.page(path), "Edit", 0)).form("Send again")
    form.submit(message="First, in other words")
    page = owner.wait_for(path, ended)

    assert texts(page) == ["First, in other words", "Two"]
    assert page.says("2 / 2")

    owner.post(address(page, "Previous version", 0))
    page = owner.page(path)
    assert texts(page) == ["First", "One"]
    assert page.says("1 / 2")


@pytest.mark.slow
def test_trying_again_keeps_the_first(owner, path, fake):
    fake.says("Another")
    owner.post(address(owner.page(path), "Try again"))
    page = owner.wait_for(path, ended)
    assert texts(page) == ["First", "Another"]

    owner.post(address(page, "Previous version"))
    assert texts(owner.page(path)) == ["First", "One"]


def test_the_edit_form_says_what_is_wrong_and_keeps_the_text(owner, path):
    url = address(owner.page(path), "Edit", 0)

    page = owner.post(url, message="  ")
    assert page.status_code == 422
    assert page.says("Write something first.")
    fragment = owner.post(url, headers=HTMX, message="x" * 200_001)
    assert fragment.status_code == 422
    assert "too long" in fragment.text
    assert owner.htmx_get(url).text.startswith("<hx-partial")


@pytest.mark.slow
def test_strangers_cannot_touch(owner, stranger, visitor, path):
    question = owner.page(path).message_ids[0]

    for action in ("edit", "version", "delete", "restore", "again", "continue"):
        assert stranger.post(f"/messages/{question}/{action}", message="Mine").status_code == 404
        assert visitor.post(f"/messages/{question}/{action}", message="Mine").location.startswith("/login")
    assert texts(owner.page(path)) == ["First", "One"]


@pytest.mark.slow
def test_deleting_takes_out_of_sight_and_undo_brings_back(owner, path, fake):
    fake.says("Two")
    owner.post(f"{path}/messages", message="Second")
    page = owner.wait_for(path, ended_with(4))

    after = owner.post(address(page, "Delete", 2))
    assert after.says("Deleted, with the message after it.")
    assert texts(owner.page(path)) == ["First", "One"]

    owner.post(after.action("Undo"))
    assert texts(owner.page(path)) == ["First", "One", "Second", "Two"]


@pytest.mark.slow
def test_where_the_answer_was_deleted_another_can_be_asked_for(owner, path, fake):
    page = owner.page(path)
    assert not has(page, "Try again", 0)
    owner.post(address(page, "Delete"))
    fake.says("Another")

    owner.post(address(owner.page(path), "Try again"))

    page = owner.wait_for(path, ended)
    assert texts(page) == ["First", "Another"]
    assert not has(page, "Try again", 0)
    assert [turn["content"] for turn in asked(fake)[-1]["body"]["messages"]] == ["First"]


def test_the_first_message_is_deleted_with_its_chat_only(owner, path):
    question = owner.page(path).message_ids[0]

    assert owner.post(f"/messages/{question}/delete").status_code == 422


def test_a_running_answer_is_not_moved_away_from(owner, path, fake):
    page = owner.page(path)
    fake.counts(4_000, pace=0.02)
    owner.post(address(page, "Try again"))

    assert owner.post(address(page, "Delete")).status_code == 409


@pytest.mark.slow
def test_a_stale_page_that_sends_makes_a_branch(owner, path, fake):
    stale = owner.page(path).form("Message")
    fake.says("Two")
    owner.submit(path, message="From one tab")
    owner.wait_for(path, ended_with(4))

    stale.submit(message="From the stale tab")
    page = owner.wait_for(path, ended)

    assert texts(page)[:3] == ["First", "One", "From the stale tab"]
    assert page.says("2 / 2")
    owner.post(address(page, "Previous version", 2))
    assert "From one tab" in texts(owner.page(path))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_two_tabs_never_lose_a_message(owner, path, app, fake, seed):
    """Random interleavings of two stale tabs: every accepted message stays in the tree."""
    chance = random.Random(seed)
    with app.app_context():
        set_setting("limits.streams_per_minute", "0")
    fake.says("Yes")
    tabs, accepted = [owner.page(path)] * 2, {"First"}
    for number in range(10):
        tab, words = chance.randrange(2), f"Words {number}"
        step = chance.choice([send, edit, again, version, reload])
        if step(owner, tabs[tab], words):
            accepted.add(words)
        page = owner.wait_for(path, ended)
        if step is reload:
            tabs[tab] = page

    with app.app_context():
        kept = set(db.session.scalars(select(Message.content).where(Message.role == "user", Message.deleted_at.is_(None))))
    assert accepted <= kept


def send(owner, page, words: str) -> bool:
    return page.form("Message").submit(message=words).status_code == 200


def edit(owner, page, words: str) -> bool:
    return owner.post(address(page, "Edit", 0), message=words).status_code == 303


def again(owner, page, words: str) -> bool:
    owner.post(address(page, "Try again"))
    return False


def version(owner, page, words: str) -> bool:
    if page.has("button", "Previous version"):
        owner.post(str(page.all(".versions button")[0].attributes.get("formaction") or "/nowhere"))
    return False


def reload(owner, page, words: str) -> bool:
    return False
