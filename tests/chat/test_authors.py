"""The author of a message: shown where several people can write, kept in files, never mapped to another person's account."""

import json
from io import BytesIO

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tests.chat.conftest import ended_with, give, id_of
from tests.chat.files import download
from webapp.base.db import db, write
from webapp.base.heavy.child import on_disk
from webapp.chat.imports import own
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import ENGINE
from webapp.people.accounts.tables import User
from webapp.workspace.exchange import export, service as import_service


@pytest.fixture
def path(owner, member, answered) -> str:
    """A chat owned by the owner, in which a member has also written."""
    path = answered(owner, "From the owner")
    call(owner, "Olga")
    call(member, "Mira")
    give(path, member, "write")
    member.submit(path, message="From the member")
    owner.wait_for(path, ended_with(4))
    return path


def call(browser, name: str) -> None:
    with browser.app.app_context(), write() as session:
        session.get_one(User, browser.person_id).name = name


def authors(page) -> list[str]:
    return [node.text().strip() for node in page.all("article .author")]


@pytest.mark.slow
def test_both_are_named_to_both(owner, member, path):
    assert authors(owner.page(path)) == authors(member.page(path)) == ["Olga", "Mira"]
    assert "## Mira" in owner.get(f"{path}/export.md").text


def test_a_chat_of_ones_own_names_nobody(owner, answered):
    path = answered(owner)

    assert authors(owner.page(path)) == []
    assert "## You" in owner.get(f"{path}/export.md").text


@pytest.mark.slow
def test_who_only_reads_is_told_who_wrote(owner, stranger, answered):
    path = answered(owner, "From the owner")
    call(owner, "Olga")
    give(path, stranger, "view")

    assert authors(stranger.page(path)) == ["Olga"]
    assert stranger.page(path).one("article[data-role=user]").attributes["aria-label"] == "Olga"
    assert authors(owner.page(path)) == []
    for ending in ("md", "txt", "html"):
        assert b"Olga" in download(stranger, f"{path}/export.{ending}"), ending
        assert b"Olga" not in download(owner, f"{path}/export.{ending}"), ending


@pytest.mark.slow
def test_a_file_keeps_the_name_and_no_account(owner, member, path):
    engine, chat_id = ENGINE.of(owner.app), id_of(path)
    file = "".join(export.as_json(engine, chat_id))
    messages = json.loads(file)["messages"]
    assert [message["author"] for message in messages] == ["", "", "Mira", ""]
    assert member.email not in file

    assert [message.author for message in own.parse(json.loads(file)).messages] == ["", "", "Mira", ""]


@pytest.mark.slow
def test_what_is_brought_back_says_whose_it_was(owner, stranger, path):
    app, engine = owner.app, ENGINE.of(owner.app)
    file = "".join(export.as_json(engine, id_of(path)))
    with app.app_context():
        person_id = stranger.person_id
        person = db.session.get_one(User, person_id)
        with on_disk(BytesIO(file.encode())) as brought:
            import_service.import_file(person, brought)
        copy = db.session.scalars(select(Chat).where(Chat.owner_id == person_id)).one()
        rows = db.session.scalars(select(Message).where(Message.chat_id == copy.id).order_by(Message.id)).all()
        said = [(row.author_id, row.author_name) for row in rows if row.role == "user"]
        assert said == [(person_id, ""), (None, "Mira")]
        copy_id = copy.id
    again = "".join(export.as_json(engine, copy_id))
    assert json.loads(again) == json.loads(file)
    assert authors(stranger.page(f"/chats/{copy_id}")) == ["Mira (from a file)"]


def test_nothing_comes_in_twice_from_the_same_place(owner, path):
    with owner.app.app_context():
        chat = db.session.get_one(Chat, id_of(path))
        chat_id, owner_id = chat.id, chat.owner_id
        for double in (
            [Chat(owner_id=owner_id, model="m", origin="a:1"), Chat(owner_id=owner_id, model="m", origin="a:1")],
            [Message(chat_id=chat_id, role="user", origin="a:2"), Message(chat_id=chat_id, role="user", origin="a:2")],
        ):
            with pytest.raises(IntegrityError), write() as session:
                session.add_all(double)
        with write() as session:
            session.add_all([Chat(owner_id=owner_id, model="m"), Chat(owner_id=owner_id, model="m")])
