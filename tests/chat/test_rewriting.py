"""Editing an answer: adds a version, without calling a model."""

import json
from io import BytesIO

import pytest
from sqlalchemy import func, select

from tests.chat.conftest import address, asked, ended, ended_with, give, id_of, texts
from tests.chat.files import download
from tests.support.browser import HTMX
from tests.support.marks import also_on_postgres
from webapp.base.db import db
from webapp.base.heavy.child import on_disk
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import ENGINE
from webapp.people.accounts.tables import User
from webapp.workspace.exchange import export, service as import_service


def rewritten(owner, path, words: str):
    """Edits the last answer and returns the resulting page."""
    return owner.page(address(owner.page(path), "Edit")).form("Save").submit(message=words)


@pytest.mark.slow
@also_on_postgres
def test_an_edited_answer_is_a_version_that_says_so(owner, path, fake):
    page = rewritten(owner, path, "One, *by hand*")

    assert texts(page) == ["First", "One, by hand"]
    assert page.says("2 / 2")
    assert page.says("Edited")
    assert len(asked(fake)) == 1

    owner.post(address(page, "Previous version"))
    page = owner.page(path)
    assert texts(page) == ["First", "One"]
    assert not page.says("Edited")


@pytest.mark.slow
def test_what_is_sent_later_is_the_edited_text(owner, path, fake):
    rewritten(owner, path, "One, by hand")
    fake.says("Two")
    owner.post(f"{path}/messages", message="Second")
    owner.wait_for(path, ended_with(4))

    assert [turn["content"] for turn in asked(fake)[-1]["body"]["messages"]][-3:] == ["First", "One, by hand", "Second"]


@pytest.mark.slow
def test_the_same_words_again_are_the_same_version(owner, path, app):
    first = address(owner.page(path), "Edit")
    for _ in range(2):
        owner.post(first, message="One, by hand")
    assert owner.page(path).says("2 / 2")

    page = rewritten(owner, path, "One")

    assert page.says("1 / 2")
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Message).where(Message.role == "assistant")) == 2


@pytest.mark.slow
def test_what_followed_the_answer_stays_with_it(owner, path, fake):
    fake.says("Two")
    owner.post(f"{path}/messages", message="Second")
    page = owner.wait_for(path, ended_with(4))

    page = owner.page(address(page, "Edit", 1)).press("Save and branch here", message="One, by hand")
    assert texts(page) == ["First", "One, by hand"]

    owner.post(address(page, "Previous version"))
    assert texts(owner.page(path)) == ["First", "One", "Second", "Two"]


@pytest.mark.slow
def test_the_form_says_what_becomes_of_it_and_what_is_wrong(owner, path):
    url = address(owner.page(path), "Edit")

    page = owner.page(url)
    assert page.form("Save").fields["message"] == "One"
    assert page.says("Nothing is sent to a model.")
    refused = owner.post(url, message="  ")
    assert (refused.status_code, refused.says("Write something first.")) == (422, True)
    assert owner.post(url, headers=HTMX, message="x" * 200_001).status_code == 422


@pytest.mark.slow
def test_nothing_is_edited_while_an_answer_is_written(owner, path, fake):
    page = owner.page(path)
    fake.counts(4_000, pace=0.02)
    owner.post(address(page, "Try again"))

    assert owner.post(address(page, "Edit"), message="Mine").status_code == 409


@pytest.mark.slow
def test_an_edited_answer_can_be_asked_for_anew(owner, path, fake):
    page = rewritten(owner, path, "One, by hand")
    fake.says("Another")
    owner.post(address(page, "Try again"))

    page = owner.wait_for(path, ended)
    assert texts(page) == ["First", "Another"]
    assert page.says("3 / 3")


def test_readers_cannot_and_who_may_write_is_named(owner, member, path, app):
    url = address(owner.page(path), "Edit")
    give(path, member, "view")
    assert not member.page(path).has("button", "Edit")
    assert member.post(url, message="Mine").status_code == 404

    give(path, member, "write")
    assert member.post(url, message="Mine").status_code == 303
    assert any("Edited by" in element.text() for element in owner.page(path).all(".receipt"))


@pytest.mark.slow
def test_a_file_and_a_fork_keep_that_it_was_edited(owner, member, path, app):
    rewritten(owner, path, "One, by hand")
    engine, chat_id = ENGINE.of(app), id_of(path)

    file = "".join(export.as_json(engine, chat_id))
    assert [load["is_edited"] for load in json.loads(file)["messages"]] == [False, False, True]
    assert "## Answer · edited" in owner.get(f"{path}/export.md").text
    assert b"Edited" in download(owner, f"{path}/export.html")

    with app.app_context():
        person = db.session.scalars(select(User).where(User.email != owner.email)).first()
        assert person
        with on_disk(BytesIO(file.encode())) as brought:
            import_service.import_file(person, brought)
        copy = db.session.scalars(select(Chat).where(Chat.owner_id == person.id)).one()
        edited = db.session.scalars(select(Message).where(Message.chat_id == copy.id, Message.is_edited)).one()
        assert (edited.author_id, edited.content) == (person.id, "One, by hand")
        copy_id = copy.id
    assert json.loads("".join(export.as_json(engine, copy_id))) == json.loads(file)

    fork = owner.page(path).press("Branch into new chat")
    assert fork.says("Edited")
