"""A few messages can be megabytes, and a branch can have tens of thousands: batches are bounded by size, not by count."""

import pytest
from sqlalchemy import func, select, update

from tests.api.client import client_of
from tests.chat.conftest import id_of
from tests.chat.test_chats import add_thread
from tests.support.statements import statements
from tests.support.steps import steps_on_the_loop
from webapp.base.db import db, utc_now, write
from webapp.chat import erasing
from webapp.chat.messages import deleted_branches, fork
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.workspace.list.paging import MOST_CHARS

LONG = 195_000


@pytest.fixture
def long(app, owner) -> str:
    """Creates a chat with a few long messages and returns its path."""
    path = add_thread(owner, 12)
    with app.app_context(), write() as session:
        session.execute(update(Message).values(content="a" * LONG))
    return path


@pytest.mark.parametrize("show", ["path", "tree"])
def test_a_page_of_long_messages_is_short(app, owner, long, show):
    program, cursor, found = client_of(app, owner.email), "", list[str]()
    while cursor is not None:
        page = program.get(f"{long}/messages", query={"cursor": cursor, "show": show, "limit": 200})
        assert 0 < sum(len(message["content"]) for message in page["messages"]) <= MOST_CHARS
        found += [message["id"] for message in page["messages"]]
        cursor = page["next_cursor"]
    assert len(found) == len(set(found)) == 12


def test_a_branch_of_long_messages_is_copied_a_few_at_a_time(app, owner, long):
    with app.app_context():
        head = db.session.get_one(Message, db.session.get_one(Chat, id_of(long)).head_id)
        owner_id = str(db.session.get_one(Chat, id_of(long)).owner_id)
        with statements(app) as said:
            copy = fork.fork(head, owner_id=owner_id)
        stored = [values for statement, values in said if statement.startswith("INSERT INTO messages")]
        assert len(queries.ids_to(str(db.session.get_one(Chat, copy).head_id))) == 12
    # A statement with several rows has a list of values for each.
    assert all(sum(len(str(value)) for value in values) <= 2 * fork.CHARS for values in stored)
    assert len(stored) >= 12 * LONG // fork.CHARS


@pytest.mark.slow
def test_a_long_branch_is_looked_through_beside_the_loop(app, owner):
    path = add_thread(owner, 1_500)
    with app.app_context():
        line = queries.ids_to(str(db.session.get_one(Chat, id_of(path)).head_id))
        with steps_on_the_loop(app) as steps, statements(app) as said:
            owner.post(f"/messages/{line[1]}/delete")
        # Of these, 12 a message are of the search's index, which may look for new messages meanwhile.
        assert steps.count < 1_500 * 40, steps.count
        assert max(len(values) for _, values in said) < 1_100
        with write() as session:
            assert session.get_one(Message, line[1]).deleted_at
        with steps_on_the_loop(app) as erased:
            deleted_branches.erase(Message.id == line[1])
        assert db.session.scalar(select(func.count(Message.id))) == 1
    # Walking the branch again before each batch would take eight times as many steps.
    assert erased.count < 3_000_000, erased.count


def test_what_was_written_while_a_branch_is_erased_stays(app, owner):
    path = add_thread(owner, 500)
    with app.app_context():
        line = queries.ids_to(str(db.session.get_one(Chat, id_of(path)).head_id))
        with write() as session:
            session.get_one(Message, line[1]).deleted_at = utc_now()
            session.get_one(Chat, id_of(path)).head_id = line[0]
        seen = erasing._below(line[1])
        with write() as session:
            new = Message(chat_id=id_of(path), parent_id=line[450], role="user", content="Here I am.")
            session.add(new)
            session.flush()
            new_id = session.get_one(Chat, id_of(path)).head_id = new.id
        erasing._erase_below(line[1], seen)
        erasing.erase_branches(Message.id == line[1])
        assert queries.ids_to(new_id) == [*line[:451], new_id]
        assert db.session.get_one(Message, line[1]).deleted_at is None
