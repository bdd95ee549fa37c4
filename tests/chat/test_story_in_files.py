"""The story of a chat is kept in exports and imports, including those of SillyTavern, and in copies."""

import json

import pytest
from sqlalchemy import select

from tests.chat.conftest import answered, app, begin, give, id_of
from tests.chat.files import bring, download
from tests.chat.test_sillytavern_export import exported
from tests.support.marks import also_on_postgres
from webapp.base.db import db, write
from webapp.chat.imports import roleplay
from webapp.chat.imports.own import STORY_CHARS
from webapp.chat.record.tables import Chat, Message, Story

__all__ = ["answered", "app", "begin"]
TALE = "They met <b>here</b>.\nTwice."


@pytest.fixture
def chat(owner, answered, fake):
    """Creates a chat with two stories, up to the question and up to the answer, the newer of which counts; returns its id."""
    fake.says("One")
    id = id_of(answered(owner, "First"))
    with owner.app.app_context(), write() as session:
        question, answer = session.scalars(select(Message.id).where(Message.chat_id == id).order_by(Message.id))
        made = [(question, "A question.", {}), (answer, "Old", {}), (answer, TALE, {"model": "some/model", "is_edited": True})]
        for number, (message_id, text, values) in enumerate(made, 1):
            session.add(Story(chat_id=id, message_id=message_id, text=text, number=number, **values))
            session.flush()
        # A stretch that does not begin with the chat is in no file.
        session.add(Story(chat_id=id, message_id=answer, first_id=answer, text="The end.", number=4, kind="conversation"))
        session.get_one(Chat, id).fold_count = 4
    return id


def stories(browser, chat_id: str) -> list[tuple[str, str]]:
    """Returns each story, with the message up to which it goes."""
    with browser.app.app_context():
        query = select(Message.content, Story.text).join(Message, Message.id == Story.message_id).order_by(Story.id)
        return [tuple(row) for row in db.session.execute(query.where(Story.chat_id == chat_id))]


def places(browser, chat_id: str) -> list[str]:
    """Returns the places of outside text in the chat's folds."""
    with browser.app.app_context():
        return list(db.session.scalars(select(Story.outside).where(Story.chat_id == chat_id).order_by(Story.id)))


def newest(browser) -> str:
    with browser.app.app_context():
        return db.session.scalars(select(Chat.id).order_by(Chat.id.desc())).first()


@pytest.mark.slow
@also_on_postgres
def test_a_file_gives_it_back(owner, member, chat):
    first = download(owner, f"/chats/{chat}/export.json")
    bring(member, first)
    bring(member, first)

    copy = newest(owner)
    assert stories(owner, copy) == [("First", "A question."), ("One", TALE)]
    assert download(member, f"/chats/{copy}/export.json") == first


@pytest.mark.slow
def test_it_is_the_summary_of_sillytavern_and_comes_back(owner, member, chat):
    _, question, answer = exported(owner, chat)
    assert question["extra"]["memory"] == "A question."
    assert (answer["extra"]["memory"], answer["swipe_info"][0]["extra"]["memory"]) == (TALE, TALE)

    bring(member, download(owner, f"/chats/{chat}/export.jsonl"), "chat.jsonl")
    assert stories(owner, newest(owner)) == [("First", "A question."), ("One", TALE)]


@pytest.mark.parametrize("memory", [None, 7, ["x"], {"a": 1}, "", " "])
def test_an_odd_summary_is_none(memory):
    row = {"name": "Mara", "is_user": False, "mes": "Who?", "extra": {"memory": memory}}

    assert [message.story for message in roleplay.parse({roleplay.LINES: [row]}).messages] == [""]


def test_of_several_swipes_the_one_that_is_shown_has_it():
    row = {"name": "Mara", "is_user": False, "mes": "B", "swipes": ["A", "B"], "swipe_id": 1, "extra": {"memory": "m" * 30_000}}
    row |= {"swipe_info": [{"extra": {}}, {"extra": {}}]}

    assert [len(message.story) for message in roleplay.parse({roleplay.LINES: [row]}).messages] == [0, STORY_CHARS]


@also_on_postgres
def test_a_copy_of_the_chat_has_it_down_to_where_it_ends(owner, member, chat):
    give(f"/chats/{chat}", member, "view")
    with owner.app.app_context():
        question, answer = db.session.scalars(select(Message.id).where(Message.chat_id == chat).order_by(Message.id)).all()
    member.post(f"/messages/{question}/fork")
    assert stories(owner, newest(owner)) == [("First", "A question.")]
    assert all(places(owner, newest(owner)))
    owner.post(f"/messages/{answer}/fork")

    assert stories(owner, newest(owner)) == [("First", "A question."), ("One", "Old"), ("One", TALE), ("One", "The end.")]
    assert not any(places(owner, newest(owner)))


def test_a_file_names_it_beside_its_message(owner, chat):
    told = json.loads(download(owner, f"/chats/{chat}/export.json"))

    assert [message["story"] for message in told["messages"]] == ["A question.", TALE]
