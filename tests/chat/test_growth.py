"""Frequent queries cost no more with ten times as many chats, counted in SQLite's virtual machine steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from gevent import getcurrent
from sqlalchemy import event, insert, select

from webapp.base.db import db, utc_now, write
from webapp.chat import erasing
from webapp.chat.messages import chats
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import User
from webapp.workspace.list import search

FEW, MANY = 100, 1_000
LONG = 40


@pytest.fixture
def mine(owner) -> Iterator[str]:
    """An application context in which a person has a few chats, one of them long."""
    with owner.app.app_context():
        id = db.session.scalar(select(User.id))
        add_chats(id, FEW)
        add_long(id)
        yield id


def add_long(owner_id: str) -> None:
    with write() as session:
        session.add(Chat(id="long", owner_id=owner_id, model="m", title="Long"))
        session.flush()
        below = [{"id": f"m{n:02}", "chat_id": "long", "parent_id": f"m{n - 1:02}" if n else None} for n in range(LONG)]
        session.execute(insert(Message), [{**row, "role": "user", "content": "word " * 2_000} for row in below])


def add_chats(owner_id: str, count: int) -> None:
    with write() as session:
        session.execute(insert(Chat), [{"owner_id": owner_id, "model": "m", "title": "Another"} for _ in range(count)])
        answered = {"kind": "chat", "lane": "chat:another", "user_id": owner_id, "model_asked": "m", "status": "completed"}
        session.execute(insert(Generation), [{**answered, "owner": ""} for _ in range(count)])


@contextmanager
def steps() -> Iterator[list[int]]:
    """Counts SQLite's steps for the current greenlet only, not those of greenlets that run while it waits for a thread."""
    taken, here = [0], getcurrent()

    def count() -> None:
        taken[0] += 1

    def listen(connection, *_: object) -> None:
        connection.set_progress_handler(count if getcurrent() is here else None, 1)

    def forget(connection, *_: object) -> None:
        connection.set_progress_handler(None, 0)

    db.session.rollback()
    event.listen(db.engine, "checkout", listen)
    event.listen(db.engine, "checkin", forget)
    try:
        yield taken
    finally:
        db.session.rollback()
        event.remove(db.engine, "checkout", listen)
        event.remove(db.engine, "checkin", forget)


def cost(action: Callable[[], object]) -> int:
    with steps() as taken:
        action()
    return taken[0]


def erase_long() -> None:
    """Erases the long chat and creates it again."""
    assert erasing.erase(Chat.id == "long") == 1
    add_long(str(db.session.scalar(select(User.id))))


ASKED: dict[str, Callable[[str], object]] = {
    "the sidebar of a page": lambda me: queries.sidebar_chats(me),
    "the pinned chats": lambda me: queries.pinned_chats(me),
    "what is due in the trash": lambda _: erasing.empty_trash(),
    "which temporary chats are due": lambda _: erasing.erase_temporary(),
    "whether anything will be due": lambda _: erasing.has_expiring(),
    "which visitors were here yesterday": lambda _: chats.forget_visitors_of_yesterday(),
    "a word of one title": lambda me: search.search(me, "long"),
    "whether an answer is being written": lambda _: generations.refuse_if_busy("chat:long"),
    "erasing one chat": lambda _: erase_long(),
}


@pytest.mark.mostly_slow
@pytest.mark.parametrize("name", ASKED)
def test_it_costs_the_same_among_many(mine, name):
    ask = ASKED[name]
    ask(mine)
    among_few = cost(lambda: ask(mine))
    add_chats(mine, MANY - FEW)

    assert cost(lambda: ask(mine)) < among_few * 1.5 + 200


def test_whether_a_message_is_in_sight_does_not_depend_on_how_long_its_chat_is(mine):
    queries.deleted_among(["m00"])
    alone = cost(lambda: queries.deleted_among(["m00"]))
    with write() as session:
        rows = [{"chat_id": "long", "parent_id": "m00", "role": "user"} for _ in range(300)]
        session.execute(insert(Message), rows)

    assert cost(lambda: queries.deleted_among(["m00"])) < alone * 1.5


def test_what_is_due_is_still_found(mine):
    with write() as session:
        session.get_one(Chat, "long").deleted_at = utc_now() - timedelta(days=400)
        session.add(Chat(id="brief", owner_id=mine, model="m", is_temporary=True, created_at=utc_now() - timedelta(days=2)))
    assert erasing.has_expiring()

    assert (erasing.empty_trash(), erasing.erase_temporary()) == (1, 1)
    assert not erasing.has_expiring()
