"""Statements that run below the ORM belong to the transaction of their session, and read only what they must."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import bindparam, event, func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from tests.support.marks import on_both_databases
from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.chat.record.post_answer import IS_SHARED
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations
from webapp.engine.state import ownership
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import User
from webapp.people.things import grants
from webapp.workspace.page import snapshot_shown
from webapp.workspace.page.snapshot_shown import ChatState

USERS, GENERATIONS = rows.table(User), rows.table(Generation)
EVERYBODY = Prepared(select(USERS).order_by(USERS.c.email))
EVERYBODY_OF = Prepared(select(USERS).where(USERS.c.created_at > bindparam("since")))
# Two columns with the same name, and one without a name.
TWICE = select(USERS, GENERATIONS, select(USERS.c.id).where(USERS.c.role == "admin").exists())
TWICE = TWICE.join_from(USERS, GENERATIONS, GENERATIONS.c.user_id == USERS.c.id).where(USERS.c.email == bindparam("email"))
RENAMED = Prepared(update(USERS).where(USERS.c.email == bindparam("at")).values(name=bindparam("to")).returning(USERS.c.name))


def person(email: str, **values: Any) -> User:
    return User(email=email, name="", role="member", password_hash="", **values)


def store_twice(email: str) -> None:
    with write() as session:
        rows.store(session, person(email))
        rows.store(session, person(email))


@on_both_databases
def test_rows_are_stored_and_read_as_by_sqlalchemy(app: Flask) -> None:
    with app.app_context():
        with write() as session:
            ada, ben = person("ada@example.org", remembers_since=utc_now(), is_reading_counted=False), person("ben@example.org")
            rows.store(session, ada, ben)
            run = Generation(kind="chat", lane="chat:1", model_asked="m", owner="w", user_id=ada.id, prompt={"said": ["ä", 1]})
            rows.store(session, run)
        session, asked = db.session(), {"email": "ada@example.org"}

        both = Prepared(TWICE)
        for _ in range(2):
            assert [tuple(row) for row in EVERYBODY.all(session, {})] == [
                tuple(row) for row in session.connection().execute(select(USERS).order_by(USERS.c.email))
            ]
            assert [tuple(row) for row in both.all(session, asked)] == [
                tuple(row) for row in session.connection().execute(TWICE, asked)
            ]
        assert EVERYBODY.first(session, {}).remembers_since == ada.remembers_since
        assert both.first(session, {"email": "nobody@example.org"}) is None
        assert both.scalar(session, {"email": "nobody@example.org"}) is None
        assert RENAMED.scalar(session, {"at": "ben@example.org", "to": "Ben"}) == "Ben"


@on_both_databases
def test_it_belongs_to_the_transaction_of_its_session(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(IntegrityError):
            store_twice("ada@example.org")
        assert EVERYBODY.all(db.session(), {}) == []
        with write() as session:
            rows.store(session, person("ada@example.org"))
        db.session.rollback()
        assert [user.email for user in EVERYBODY.all(db.session(), {})] == ["ada@example.org"]


@on_both_databases
def test_the_end_of_a_chat_is_read_with_its_answer(app: Flask) -> None:
    with app.app_context():
        with write() as session:
            ada = person("ada@example.org")
            rows.store(session, ada)
            chat = Chat(owner_id=ada.id, model="m", title="Mills")
            rows.store(session, chat)
            message = Message(id=new_id(), chat_id=chat.id, role="assistant", content="One", sources=[{"number": 1}])
            rows.store(session, message)
            session.execute(update(Chat).values(head_id=message.id))
            about = {"message_id": message.id, "lane": f"chat:{chat.id}", "status": "completed", "prompt": {"sections": []}}
            rows.store(session, Generation(kind="chat", model_asked="m", owner="w", **about))

        found = snapshot_shown.read_since(chat.id, message.id)

        assert found is not None
        assert (found.chat.title, [(row.content, row.sources) for row in found.messages]) == (
            "Mills",
            [("One", [{"number": 1}])],
        )
        assert [(generation.status, generation.prompt) for generation in found.generations[message.id]] == [
            ("completed", {"sections": []})
        ]
        assert found.chat_state == ChatState(None, None, False, False, None, None)


@on_both_databases
def test_a_changed_chat_says_whether_it_is_shared(app: Flask) -> None:
    with app.app_context(), write() as session:
        ada = person("ada@example.org")
        rows.put(session, ada)
        own, shared = Chat(owner_id=ada.id, model="m"), Chat(owner_id=ada.id, model="m")
        rows.put(session, own, shared)
        grants.give(session, "chat", shared.id, "view", by=ada.id, user_id=None, group_id=None)
        session.flush()
        assert [bool(rows.change(session, chat, returning=IS_SHARED, title="Mills")) for chat in (own, shared)] == [False, True]


def test_what_is_asked_of_those_that_run_does_not_read_what_has_ended(app: Flask) -> None:
    def run(status: str, number: int) -> Generation:
        return Generation(kind="chat", lane=f"{status}:{number}", model_asked="m", owner="w", user_id=ada.id, status=status)

    def steps(work: Callable[[], object]) -> int:
        counted, raw = [0], db.session().connection().connection.driver_connection
        raw.set_progress_handler(lambda: counted.append(0), 1)
        work()
        raw.set_progress_handler(None, 1)
        return len(counted)

    def asked() -> tuple[int, int]:
        session, another = db.session(), rows.values_of(run("queued", db.session().scalar(select(func.count(Generation.id)))))
        holding = generations._holding_slots(("title",))
        held = steps(lambda: ownership.renew(session, "w"))
        return held, steps(lambda: holding.scalar(session, {**another, "whose": ada.id, "gateway": "", "itself": another["id"]}))

    with app.app_context():
        ada = person("ada@example.org")
        with write() as session:
            rows.store(session, ada)
            rows.store(session, run("running", 0))
        with write():
            before = asked()
        with write() as session:
            session.execute(update(Generation).values(status="completed"))
            rows.store(session, *(run("completed", number) for number in range(1, 1000)))
            rows.store(session, run("running", 1))
        with write():
            after = asked()
    assert all(then < 1.5 * now for now, then in zip(before, after, strict=True)), (before, after)


def test_listeners_hear_of_it_and_may_refuse(app: Flask) -> None:
    heard: list[str] = []

    def note(*about: Any) -> None:
        heard.append(about[2])
        raise InterruptedError

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
        with pytest.raises(InterruptedError):
            EVERYBODY.all(db.session(), {})
        event.remove(db.engine, "before_cursor_execute", note)

        assert [change[:13] for change in heard] == ["SELECT users."]
        assert EVERYBODY.all(db.session(), {}) == []


def test_what_fails_at_a_later_row_is_an_error_of_the_database(app: Flask) -> None:
    def stumble(email: str) -> str:
        if email == "ben@example.org":
            raise ValueError
        return email

    stumbling = Prepared(select(func.stumble(USERS.c.email)).order_by(USERS.c.id))
    with app.app_context():
        with write() as session:
            rows.store(session, person("ada@example.org"), person("ben@example.org"))
        raw: Any = db.session().connection().connection
        raw.create_function("stumble", 1, stumble)

        with pytest.raises(DBAPIError):
            stumbling.all(db.session(), {})


def test_values_that_cannot_be_stored_are_refused(app: Flask) -> None:
    with app.app_context(), pytest.raises(StatementError):
        EVERYBODY_OF.all(db.session(), {"since": "yesterday"})


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_a_connection_that_was_lost_is_replaced(app: Flask) -> None:
    with app.app_context():
        EVERYBODY.all(db.session(), {})
        here = db.session.scalar(text("SELECT pg_backend_pid()"))
        with db.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": here})

        with pytest.raises(DBAPIError) as lost:
            EVERYBODY.all(db.session(), {})
        db.session.rollback()

        assert lost.value.connection_invalidated
        assert EVERYBODY.all(db.session(), {}) == []
