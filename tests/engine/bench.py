"""Generations of chats without pages: services on a real database, and the scripted upstream."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from tests.support.people import user_with_password
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.messages import sending
from webapp.chat.record.tables import Message
from webapp.engine.engine import ENGINE, Engine
from webapp.engine.tables import Generation, JournalRow
from webapp.settings import service as settings


class Bench:
    """One application and one person, with the operations that the tests need."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.engine: Engine = ENGINE.of(app)
        # A title is a generation too and runs at its own time: these tests look at answers only.
        with app.app_context():
            settings.set_setting("models.titles", "off")

    def person(self) -> str:
        with self.app.app_context():
            return user_with_password("ada@example.org", "member").id

    def ask(self, text: str = "Hello", *, person: str, model: str = "", **more) -> str:
        """Begins a chat and returns the generation's id."""
        with self.app.app_context():
            return sending.start_chat(text, owner_id=person, model=model, **more).id

    def recover(self) -> None:
        """Starts the engine as a worker does, and waits until its first recovery is over."""
        self.engine.begin()
        self.until(lambda: self.engine.recovery_state.passes > 0)

    def generation(self, id: str) -> Generation:
        with self.app.app_context():
            return db.session.get_one(Generation, id)

    def message(self, id: str) -> Message:
        with self.app.app_context():
            return db.session.get_one(Message, db.session.get_one(Generation, id).message_id)

    def generations(self) -> list[Generation]:
        with self.app.app_context():
            return list(db.session.scalars(db.select(Generation).order_by(Generation.id)))

    def journal_rows(self) -> int:
        with self.app.app_context():
            return len(db.session.scalars(db.select(JournalRow)).all())

    def until(self, is_so: Callable[[], bool], seconds: float = 30) -> None:
        until(is_so, "it is so", seconds=seconds)

    def until_ended(self, id: str, seconds: float = 30) -> Generation:
        self.until(lambda: not self.generation(id).is_active, seconds)
        return self.generation(id)

    @contextmanager
    def refusing(self, table: str = "messages", change: str = "UPDATE") -> Iterator[None]:
        """Makes the database reject every update of `table` within the block, or every other `change`.

        On `messages` this keeps an answer's end from being saved; on `generations` nothing about an answer can be saved.
        """
        self._execute(f"CREATE TRIGGER no_end BEFORE {change} ON {table} BEGIN SELECT RAISE(FAIL, 'disk I/O error'); END")
        yield
        self._execute("DROP TRIGGER no_end")

    def _execute(self, statement: str) -> None:
        with self.app.app_context():
            connection = db.engine.raw_connection()
            connection.cursor().execute(statement)
            connection.close()

    def said(self, id: str) -> str:
        live = self.engine.live.get(id)
        return live.run.transcript.text if live else ""


def die(bench: Bench, id: str, *, journalled: int = 4) -> str:
    """Simulates kill -9: the lock is released and the greenlets write nothing more. Returns the text so far.

    Before that, it waits until so many entries are journalled.
    """
    bench.until(lambda: bench.engine.live[id].journalled >= journalled)
    # It must not look for orphans either, since its own answer is one now.
    bench.engine.is_closing = True
    bench.engine.worker.end()
    (bench.engine.data_dir / "workers" / bench.engine.worker.id).touch()
    said = bench.said(id)
    for live in bench.engine.live.values():
        live.run.stop.request("taken")
    bench.engine.worker.id = "nobody"
    return said


@pytest.fixture
def bench(app: Flask) -> Bench:
    return Bench(app)


def holds_on(fake: Upstream, tokens: int, *, after: int) -> None:
    """Scripts the next answer to pause after some of its tokens; the request that continues it gets all of them."""
    fake.behaves([{"counted": tokens, "pace": 0.01, "stall_after": after}])
    fake.counts(tokens)


def counted(tokens: int) -> list[str]:
    return [f"w{n:06}" for n in range(1, tokens + 1)]
