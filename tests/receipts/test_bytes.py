"""What is deleted permanently leaves no bytes: in the database, its log, the data folder, and the next backup."""

from flask import Flask
from sqlalchemy import select, text, update

from tests.receipts.remains import remains
from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from webapp.base.db import db, utc_now, write
from webapp.chat.record.tables import Chat, Message

SENTENCE = "The heron of Quellmoor keeps the seventh key."


def planted(app: Flask, owner_id: str, *, changed: bool = False) -> None:
    """Stores a chat of long and short messages, which all have the sentence; with `changed` each is written again in place."""
    with app.app_context(), write() as session:
        session.add(Chat(id="gone", owner_id=owner_id, model="m", title=SENTENCE, deleted_at=utc_now()))
        session.flush()
        for number in range(20):
            words = SENTENCE * (1 if number % 2 else 300)
            session.add(Message(id=f"m{number}", chat_id="gone", role="user", content=words))
    if changed:
        with app.app_context(), write() as session:
            session.execute(update(Message).values(content=Message.content + " "))


@on_both_databases
def test_a_deleted_chat_leaves_no_bytes(member: Browser) -> None:
    planted(member.app, member.person_id)
    assert remains(member.app, SENTENCE)
    member.post("/chats/gone/erase")
    assert remains(member.app, SENTENCE) == []


@on_both_databases
def test_text_that_was_written_again_leaves_no_bytes(member: Browser) -> None:
    planted(member.app, member.person_id, changed=True)
    member.post("/chats/gone/erase")
    assert remains(member.app, SENTENCE) == []


def test_the_search_index_finds_none_of_its_words(member: Browser) -> None:
    planted(member.app, member.person_id)
    member.post("/chats/gone/erase")
    with member.app.app_context():
        assert db.session.scalars(select(Message.id)).all() == []
        assert db.session.scalar(text("SELECT count(*) FROM messages_search WHERE messages_search MATCH 'Quellmoor'")) == 0


def test_the_other_chats_stay_readable(member: Browser) -> None:
    with member.app.app_context(), write() as session:
        session.add(Chat(id="kept", owner_id=member.person_id, model="m", title="Kept"))
    planted(member.app, member.person_id)
    member.post("/chats/gone/erase")
    assert member.page("/chats").says("Kept")
