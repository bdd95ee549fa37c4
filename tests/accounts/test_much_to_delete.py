"""An account with any number of things is deleted in pieces: no statement changes more than a few of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event, func, insert, select

from tests.support.browser import Browser
from tests.support.people import PASSWORD
from webapp.accounts.queries import user_of
from webapp.chat.tables import Chat, Message
from webapp.db import db, write
from webapp.engine.tables import Generation
from webapp.ids import new_id
from webapp.knowledge.tables import Collection, Document

MANY, FEW = 1_200, 500
TABLES = (Chat, Message, Collection, Document)


@contextmanager
def rows_of_statements(app: Flask) -> Iterator[list[tuple[int, str]]]:
    """How many rows each statement has changed by itself."""
    found: list[tuple[int, str]] = []

    def note(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        found.append((cursor.rowcount, statement))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "after_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "after_cursor_execute", note)


def fill(app: Flask, email: str) -> None:
    """A chat of as many messages, each with its generation, and as many documents."""
    with app.app_context(), write() as session:
        me, chat, collection = user_of(email).id, new_id(), new_id()
        ids = [new_id() for _ in range(MANY)]
        session.add_all([Chat(id=chat, owner_id=me, model="some/model"), Collection(id=collection, owner_id=me, name="Manuals")])
        session.flush()
        parents = zip(ids, [None, *ids], strict=False)
        session.execute(insert(Message), [{"id": id, "chat_id": chat, "parent_id": up, "role": "user"} for id, up in parents])
        asked = {"kind": "chat", "lane": f"chat:{chat}", "user_id": me, "model_asked": "some/model", "owner": "w"}
        session.execute(insert(Generation), [{**asked, "status": "completed", "message_id": id} for id in ids])
        document = {"collection_id": collection, "title": "A manual", "state": "ready", "bytes": 1, "characters": 1}
        session.execute(insert(Document), [{**document, "hash": id} for id in ids])


def test_an_account_with_much_goes_in_pieces_and_its_costs_stay(app: Flask, member: Browser) -> None:
    fill(app, member.email)

    with rows_of_statements(app) as statements:
        page = member.page("/account").form("Delete my account").submit(password=PASSWORD)

    assert page.path == "/login"
    count, statement = max(statements)
    assert count <= FEW, statement
    with app.app_context():
        assert [db.session.scalar(select(func.count()).select_from(table)) for table in TABLES] == [0, 0, 0, 0]
        kept = select(func.count()).where(Generation.user_id.is_(None), Generation.message_id.is_(None))
        assert db.session.scalar(kept) == MANY
