"""A chat of thousands of messages delays no one: requests read one page of it, and it is deleted in batches."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import gevent
import pytest
from flask import Flask
from sqlalchemy import event, func, insert, select, text, update

from tests.conftest import KEYS, shut_down, signed_in, with_session
from tests.support import postgres
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.people import user_with_password
from tests.support.rounds import ROUNDS
from tests.support.turns import longest_turn
from webapp.app import create_app
from webapp.base.config import load
from webapp.base.db import db, utc_now, write
from webapp.chat import erasing
from webapp.chat.messages import versions
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.rendering import markdown

pytestmark = pytest.mark.rounds
EMAIL = "owner@example.org"
MESSAGES, BATCH = 10_000 if ROUNDS > 1 else 4_000, 500
# CPU time of the event loop between two switches.
MOST_SECONDS = 0.3
MOST_LOADED = 210


def named(number: int) -> str:
    return f"m{number:025}"


@pytest.fixture(scope="module")
def migrated_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes the long chat once into a database, of which each test gets a copy."""
    folder = tmp_path_factory.mktemp("long")
    copied = shutil.copy(migrated_file, folder)
    _write_long_chat(DATA_DIR=str(folder))
    return Path(copied)


@pytest.fixture(scope="module")
def migrated_database(postgres_server: postgres.Server, migrated_database: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    name = postgres_server.new_database(like=migrated_database)
    _write_long_chat(DATA_DIR=str(tmp_path_factory.mktemp("long")), DATABASE_URL=postgres_server.url(name))
    return name


@pytest.fixture
def long(app: Flask) -> Browser:
    """A person with one long chat, half of whose messages are answers."""
    return with_session(app, EMAIL)


def _write_long_chat(**environ: str) -> None:
    app = create_app(load({**KEYS, **environ}))
    with app.app_context():
        owner_id = user_with_password(EMAIL, "owner").id
    with app.app_context(), write() as session:
        session.add(Chat(id="long", owner_id=owner_id, model="m", title="Long"))
        session.flush()
        for start in range(0, MESSAGES, BATCH):
            numbers = range(start, start + BATCH)
            session.execute(insert(Message), [_message(number) for number in numbers])
            session.execute(insert(Generation), [_generation(number, owner_id) for number in numbers if number % 2])
        session.get_one(Chat, "long").head_id = named(MESSAGES - 1)
        # As in a database in use: without statistics PostgreSQL scans all messages for each step of a thread.
        session.execute(text("ANALYZE"))
    shut_down(app)


def _message(number: int) -> dict[str, object]:
    role, parent = ("assistant" if number % 2 else "user"), (named(number - 1) if number else None)
    # Drawn already: what is not would be in the background, which reads it.
    drawn = {"html": "<p>Some words of it.</p>", "html_version": markdown.VERSION}
    about = {"id": named(number), "chat_id": "long", "parent_id": parent, "role": role}
    return {**about, "content": "Some words of it. " * 20, **drawn}


def _generation(number: int, user_id: str) -> dict[str, object]:
    about = {"kind": "chat", "lane": "chat:long", "user_id": user_id, "model_asked": "m", "status": "completed", "owner": ""}
    return {"id": f"g{number:05}", "message_id": named(number), "cost": "0.001", "prompt": {"system": "words"}, **about}


def longest_hold(action: Callable[[], object]) -> float:
    """Returns the most CPU time that the event loop spent on the action without a switch."""
    with longest_turn() as longest:
        gevent.spawn(action).get()
    return longest.seconds


@contextmanager
def loaded() -> Iterator[list[str]]:
    """Collects the ids of the messages that are fully loaded within the block."""
    ids: list[str] = []

    def note(message: Message, _context: object) -> None:
        ids.append(message.id)

    event.listen(Message, "load", note)
    try:
        yield ids
    finally:
        event.remove(Message, "load", note)


READS = {
    "the first page of the native API": "/api/v1/chats/long/messages?limit=200",
    "a page in the middle": "/api/v1/chats/long/messages?limit=200&cursor={middle}",
    "a page of the tree": "/api/v1/chats/long/messages?show=tree&limit=200",
    "the end of a thread": "/chat/threads/long/messages?limit=200",
    "a thread before a message": "/chat/threads/long/messages?limit=200&before={middle}",
}


@pytest.mark.slow
@also_on_postgres
def test_reading_takes_what_a_page_holds_and_no_more(long):
    long.get("/chats")
    for name, url in READS.items():
        with loaded() as ids:
            held = longest_hold(lambda url=url: long.page(url.format(middle=named(MESSAGES // 2))))
        assert len(ids) <= MOST_LOADED, name
        assert held < MOST_SECONDS, name


@pytest.mark.slow
def test_the_pages_hold_every_message_once(long):
    seen, cursor = [], ""
    while True:
        page = long.client.get(f"/api/v1/chats/long/messages?limit=200&cursor={cursor}", base_url=long.origin).json
        seen += [message["id"] for message in page["messages"]]
        if not (cursor := page["next_cursor"]):
            break
    assert seen == [named(number) for number in range(MESSAGES)]


@pytest.mark.slow
@on_both_databases
def test_deleting_goes_in_pieces_and_reads_no_message_that_it_deletes(long):
    def delete() -> None:
        with long.app.app_context():
            versions.delete(db.session.get_one(Message, named(1)))

    def bring_back() -> None:
        with long.app.app_context():
            versions.restore(db.session.get_one(Message, named(1)))

    def erase() -> None:
        with long.app.app_context():
            versions.erase(db.session.get_one(Message, named(1)))

    with loaded() as ids:
        held = [longest_hold(step) for step in (delete, bring_back, delete, erase)]
    assert max(held) < MOST_SECONDS
    assert len(ids) < 50
    with long.app.app_context():
        assert list(db.session.scalars(select(Message.id))) == [named(0)]


@pytest.mark.slow
@on_both_databases
def test_a_chat_is_erased_in_pieces_and_its_costs_stay_without_a_word(long):
    with long.app.app_context(), write() as session:
        session.get_one(Chat, "long").deleted_at = utc_now()
    with loaded() as ids:
        held = longest_hold(lambda: long.post("/chats/trash/empty"))

    assert held < MOST_SECONDS
    assert len(ids) == 0
    with long.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Message)) == 0
        assert db.session.scalar(select(func.count()).select_from(Chat)) == 0
        rows = db.session.scalars(select(Generation)).all()
        assert len(rows) == MESSAGES // 2
        assert {(row.user_id, row.cost, row.message_id, str(row.prompt)) for row in rows} == {
            (long.person_id, "0.001", None, "{}")
        }


@pytest.mark.slow
@also_on_postgres
def test_what_is_half_erased_is_found_by_nobody_and_finished_later(long):
    with long.app.app_context():
        # As if the process had ended after the first batch.
        assert erasing.disown(Chat.id == "long") == 1
        assert erasing.has_expiring()
    for browser in (long, signed_in(long.app, "another@example.org", "member")):
        assert browser.get("/chats/long").status_code == 404
        assert browser.get(f"/messages/{named(5)}.md").status_code == 404
    with long.app.app_context():
        erasing.finish()
        assert not erasing.has_expiring()
        assert db.session.scalar(select(func.count()).select_from(Message)) == 0


@pytest.mark.slow
def test_asking_on_reads_no_message_but_its_own(long):
    # A first message, so that one-time initialization is not measured.
    assert long.post("/chats", message="Hello").status_code == 303
    with loaded() as ids:
        held = longest_hold(lambda: long.post("/chats/long/messages", message="And then?"))

    assert len(ids) < 20
    assert held < 2 * MOST_SECONDS


@pytest.mark.slow
def test_a_branch_of_it_is_copied_in_pieces(long):
    url = f"/messages/{named(MESSAGES - 1)}/fork"
    with loaded() as ids:
        held = longest_hold(lambda: long.post(url))

    assert len(ids) < 20
    assert held < MOST_SECONDS
    with long.app.app_context():
        forked = db.session.scalars(select(Chat).where(Chat.id != "long")).one()
        assert not forked.is_temporary
        assert len(queries.path_ids(forked)) == MESSAGES


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["md", "txt", "html"])
def test_a_file_of_it_is_written_in_pieces(long, ending):
    with long.app.app_context(), write() as session:
        session.execute(update(Message).values(html="<p>Some words of it.</p>", html_version=markdown.VERSION))
    found = []
    held = longest_hold(lambda: found.append(long.client.get(f"/chats/long/export.{ending}", base_url=long.origin).text))

    assert found[0].count("Some words of it.") >= MESSAGES
    assert held < MOST_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["md", "txt", "html"])
@also_on_postgres
def test_a_file_of_it_is_read_while_it_is_sent(long, ending):
    # Stale HTML would be rendered first.
    with long.app.app_context(), write() as session:
        session.execute(update(Message).values(html="<p>Some words of it.</p>", html_version=markdown.VERSION))
    with (
        loaded() as ids,
        closing(long.client.get(f"/chats/long/export.{ending}", base_url=long.origin, buffered=False)) as response,
    ):
        pieces, text = response.iter_encoded(), b""
        while text.count(b"Some words of it.") < 20:
            text += next(pieces)

        assert len(ids) <= MOST_LOADED
