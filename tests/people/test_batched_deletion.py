"""An account with any amount of data is deleted in batches: no statement changes more than a few rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from tests.support.browser import Browser
from tests.support.people import PASSWORD, user_with_password
from tests.support.statements import listening
from tests.support.steps import steps_on_the_loop
from webapp.base.db import db, write
from webapp.base.ids import new_id
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.knowledge.tables import Collection, Document
from webapp.people.accounts.queries import user_of
from webapp.people.accounts.tables import User
from webapp.plans.tables import Plan, PlanInputs

MANY, FEW, PLANS = 1_200, 500, 50
TABLES = (Chat, Message, Collection, Document)


@contextmanager
def rows_of_statements(app: Flask) -> Iterator[list[tuple[int, str]]]:
    """Collects each statement with the number of rows it has changed."""
    found: list[tuple[int, str]] = []

    def note(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        found.append((cursor.rowcount, statement))

    with listening(app, "after_cursor_execute", note):
        yield found


def talk(session: Session, me: str) -> None:
    """Adds a chat of many messages, each with its generation."""
    chat, ids = new_id(), [new_id() for _ in range(MANY)]
    session.add(Chat(id=chat, owner_id=me, model="some/model"))
    session.flush()
    parents = zip(ids, [None, *ids], strict=False)
    session.execute(insert(Message), [{"id": id, "chat_id": chat, "parent_id": up, "role": "user"} for id, up in parents])
    asked = {"kind": "chat", "lane": f"chat:{chat}", "user_id": me, "model_asked": "some/model", "owner": "w"}
    session.execute(insert(Generation), [{**asked, "status": "completed", "message_id": id} for id in ids])


def shelve(session: Session, me: str) -> None:
    """Adds a collection of as many documents."""
    collection = Collection(id=new_id(), owner_id=me, name="Manuals")
    session.add(collection)
    session.flush()
    document = {"collection_id": collection.id, "title": "A manual", "state": "ready", "bytes": 1, "characters": 1}
    session.execute(insert(Document), [{**document, "hash": str(number)} for number in range(MANY)])


def plan_much(session: Session, me: str) -> None:
    inputs = PlanInputs(owner_id=me, type="monthly", values={})
    session.add(inputs)
    session.flush()
    session.execute(
        insert(Plan), [{"owner_id": me, "inputs_id": inputs.id, "type": "monthly", "about": {}} for _ in range(PLANS)]
    )


@pytest.mark.slow
def test_an_account_with_much_goes_in_pieces_and_its_costs_stay(app: Flask, member: Browser) -> None:
    with app.app_context(), write() as session:
        me = user_of(member.email).id
        talk(session, me)
        shelve(session, me)
        plan_much(session, me)

    with rows_of_statements(app) as statements:
        page = member.page("/account/data").form("Delete my account").submit(password=PASSWORD)

    assert page.heading == "Your account is deleted"
    count, statement = max(statements)
    assert count <= FEW, statement
    assert sum(rows for rows, told in statements if told.startswith("DELETE FROM plans")) == PLANS
    with app.app_context():
        assert [db.session.scalar(select(func.count()).select_from(table)) for table in TABLES] == [0, 0, 0, 0]
        kept = select(func.count()).where(Generation.user_id.is_(None), Generation.message_id.is_(None))
        assert db.session.scalar(kept) == MANY


def test_an_account_goes_without_a_look_at_what_others_have_said(app: Flask, member: Browser) -> None:
    with app.app_context():
        me, id = user_of(member.email).id, user_with_password("late@example.org", "member").id
        with write() as session:
            talk(session, me)

        with steps_on_the_loop(app) as steps, write() as session:
            session.execute(delete(User).where(User.id == id))

    assert steps.count < MANY
