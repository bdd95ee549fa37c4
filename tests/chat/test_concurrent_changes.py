"""Concurrent changes of a chat: what was checked before a transaction is checked again in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
import pytest

from tests.api.client import client_of
from tests.chat.conftest import address, ended, ended_with, id_of, texts
from tests.support.marks import also_on_postgres
from tests.support.statements import listening
from webapp.base.db import db
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat

# Whether an answer is being written.
LOOKED = "generations.lane ="


@contextmanager
def meanwhile(app, do: Callable[[], object], *, when: str = "after") -> Iterator[None]:
    """Does this in another greenlet when the one that is here has looked, or before it does."""
    here, left = gevent.getcurrent(), [do]

    def note(_connection, _cursor, sql: str, *_rest: object) -> None:
        if gevent.getcurrent() is here and LOOKED in sql and left:
            gevent.spawn(left.pop()).get(timeout=30)

    with listening(app, f"{when}_cursor_execute", note):
        yield
    assert not left


@pytest.fixture
def twice(owner, path, fake) -> str:
    """A chat with two questions, of which the second can be deleted; its answer can be continued."""
    fake.always({"counted": 3})
    owner.post(f"{path}/messages", message="Second")
    owner.wait_for(path, ended_with(4))
    return path


def is_in_sight(app, path: str) -> bool:
    with app.app_context():
        return not queries.deleted_among([db.session.get_one(Chat, id_of(path)).head_id or ""])


@also_on_postgres
@pytest.mark.parametrize(("button", "at", "status"), [("Try again", -1, 409), ("Edit", -2, 404), ("Continue", -1, 409)])
def test_nothing_is_said_below_what_was_just_deleted(app, owner, twice, button, at, status):
    page = owner.page(twice)
    delete, url = address(page, "Delete", -2), address(page, button, at)
    with meanwhile(app, lambda: owner.post(delete)):
        refused = owner.htmx_post(url, message="Second, in other words")

    assert refused.status_code == status
    assert is_in_sight(app, twice)
    assert texts(owner.wait_for(twice, ended)) == ["First", "One"]


@pytest.mark.slow
@also_on_postgres
def test_what_is_being_gone_on_with_is_not_deleted(app, owner, twice, fake):
    page = owner.page(twice)
    fake.always({"counted": 9, "stall_after": 1})
    with meanwhile(app, lambda: owner.post(address(page, "Continue"))):
        refused = owner.htmx_post(address(page, "Delete", -2))

    assert refused.status_code == 409
    assert len(owner.page(twice).message_ids) == 4


# On SQLite all is read in one moment, and the database itself refuses the second.
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_a_repeat_in_the_same_moment_is_the_same_answer(app, owner, twice, fake):
    program, question = client_of(app, owner.email), owner.page(twice).message_ids[-2]
    fake.always({"counted": 9, "stall_after": 1})
    begun = []

    def edit() -> None:
        url, body = f"/messages/{question}/edit", {"message": "Otherwise"}
        begun.append(program.post(url, body, status=202, Idempotency_Key="once")["generation_id"])

    with meanwhile(app, edit, when="before"):
        edit()
    assert begun[0] == begun[1]
