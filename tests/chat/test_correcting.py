"""Correcting a message in the middle of a chat: what follows stays, and nothing is overwritten."""

import gevent
import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.chat.conftest import address, asked, ended_with, give, id_of, texts
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict
from webapp.chat.messages import fork, versions
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message

TURNS = ["First", "One", "Second", "Two", "Third", "Three"]


@pytest.fixture
def three(owner: Browser, path: str, fake) -> str:
    """The path of a chat with three turns."""
    for count, (question, answer) in enumerate((("Second", "Two"), ("Third", "Three")), 2):
        fake.says(answer)
        owner.post(f"{path}/messages", message=question)
        owner.wait_for(path, ended_with(2 * count))
    return path


def corrected(browser: Browser, path: str, at: int, button: str, text: str) -> list[str]:
    """Corrects a message of the page and returns the texts that it then shows."""
    browser.page(address(browser.page(path), "Edit", at)).press(button, message=text)
    return texts(browser.page(path))


@pytest.mark.slow
@also_on_postgres
def test_an_answer_is_corrected_and_what_follows_stays(owner, three, fake):
    sent = len(asked(fake))

    assert corrected(owner, three, 1, "Save", "One, corrected") == ["First", "One, corrected", *TURNS[2:]]
    page = owner.page(three)
    assert page.says("2 / 2")
    assert page.says("Edited")
    assert len(asked(fake)) == sent

    owner.post(address(page, "Previous version", 1))
    assert texts(owner.page(three)) == TURNS


@pytest.mark.slow
def test_a_persons_message_is_corrected_without_a_new_answer(owner, three, fake):
    sent = len(asked(fake))

    assert corrected(owner, three, 2, "Save without a new answer", "Second, corrected") == [
        *TURNS[:2],
        "Second, corrected",
        *TURNS[3:],
    ]
    assert len(asked(fake)) == sent
    fake.says("Four")
    owner.submit(three, message="Fourth")
    owner.wait_for(three, ended_with(8))

    turns = [turn["content"] for turn in asked(fake)[-1]["body"]["messages"] if turn["role"] != "system"]
    assert turns == [*TURNS[:2], "Second, corrected", *TURNS[3:], "Fourth"]


@pytest.mark.slow
def test_the_last_answers_of_copies_go_on_like_others(owner, three, fake):
    corrected(owner, three, 0, "Save without a new answer", "First, corrected")
    fake.says("Three again")
    owner.post(address(owner.page(three), "Try again"))

    assert texts(owner.wait_for(three, ended_with(6)))[-1] == "Three again"


@pytest.mark.slow
def test_what_stays_the_same_makes_no_version(owner, three, app):
    assert corrected(owner, three, 1, "Save", "One") == TURNS
    with app.app_context():
        assert len(db.session.scalars(select(Message.id)).all()) == len(TURNS)


def test_the_last_message_offers_nothing_to_keep(owner, path):
    form = owner.page(address(owner.page(path), "Edit"))

    assert not form.has("button", "Save and branch here")
    assert not form.says("Later messages are kept")


def lengthen(chat: Chat, turns: int) -> None:
    parent = chat.head_id
    for number in range(2 * turns):
        role = "assistant" if number % 2 else "user"
        message = Message(chat_id=chat.id, parent_id=parent, role=role, content=f"Message {number}")
        db.session.add(message)
        db.session.flush()
        parent = message.id
    chat.head_id = parent
    db.session.commit()


def shown(chat_id: str) -> list[Message]:
    return queries.in_order(queries.path_ids(db.session.get_one(Chat, chat_id, populate_existing=True)))


@pytest.mark.slow
def test_a_long_chat_is_copied_whole(app: Flask, three):
    with app.app_context():
        chat = db.session.get_one(Chat, id_of(three))
        lengthen(chat, 125)
        old = shown(chat.id)
        before = [(message.role, message.content) for message in old]
        versions.correct(old[1], "Corrected")

        assert [(message.role, message.content) for message in shown(id_of(three))] == [
            before[0],
            ("assistant", "Corrected"),
            *before[2:],
        ]


@pytest.mark.slow
def test_a_chat_that_goes_on_meanwhile_stays_as_it_is(app: Flask, three):
    def go_back() -> None:
        with app.app_context(), write() as session:
            session.execute(update(Chat).where(Chat.id == id_of(three)).values(head_id=head))

    with app.app_context():
        chat = db.session.get_one(Chat, id_of(three))
        lengthen(chat, 125)
        old = shown(chat.id)
        head, count = old[5].id, len(old)
        other = gevent.spawn(go_back)
        with pytest.raises(Conflict):
            versions.correct(old[1], "Corrected")
        other.get(timeout=60)

        assert [message.content for message in shown(id_of(three))] == TURNS
        assert len(db.session.scalars(select(Message.id)).all()) == count


@pytest.mark.slow
def test_what_a_killed_server_had_copied_is_in_the_trash(app: Flask, owner, three):
    with app.app_context():
        chat = db.session.get_one(Chat, id_of(three))
        old = shown(chat.id)
        # What is stored until the last copy is: the version, and some of what follows.
        version = versions.edited_answer(chat, old[1], "Corrected")
        version.deleted_at, id = utc_now(), version.id
        db.session.add(version)
        db.session.commit()
        fork.copied_messages([message.id for message in old[2:4]], chat.id, id)
    assert texts(owner.page(three)) == TURNS
    assert not owner.page(three).says("2 / 2")
    assert "Corrected" in owner.page("/chats/trash").text

    owner.post(f"/messages/{id}/restore")
    assert texts(owner.page(three)) == ["First", "Corrected", "Second", "Two"]


@pytest.mark.slow
def test_who_only_reads_may_not(owner, stranger, three):
    edit = address(owner.page(three), "Edit", 1)
    give(three, stranger, "read")
    assert stranger.post(edit, message="Mine", keep="1").status_code in (403, 404)
    assert texts(owner.page(three)) == TURNS
