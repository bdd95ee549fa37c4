"""Fault injection: the n-th call of one sort fails, wherever it comes from, alone or with all calls for a while after it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from webapp.base.db import db
from webapp.engine.engine import ENGINE, Engine
from webapp.models.connections.providers import PROVIDERS, Providers
from webapp.models.providers.base import ModelRequest
from webapp.models.providers.demo import DemoProvider
from webapp.streaming.events import Delta, Event
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Topics

# `committed` is a commit that succeeded, but whose confirmation was lost.
SORTS = ("execute", "commit", "committed", "append", "open", "send")


class Faults:
    """Counts the calls of one sort while it is armed; fails the n-th, and all within `seconds` after it."""

    def __init__(self) -> None:
        self.sort, self.left, self.has_failed = "", 0, False
        self.seconds, self.until = 0.0, 0.0

    @contextmanager
    def armed(self, sort: str, n: int, *, seconds: float = 0.0) -> Iterator[None]:
        self.sort, self.left, self.has_failed, self.seconds, self.until = sort, n, False, seconds, 0.0
        try:
            yield
        finally:
            self.sort = ""

    def is_due(self, sort: str) -> bool:
        if sort != self.sort:
            return False
        self.left -= 1
        if self.left == 0:
            self.has_failed, self.until = True, time.monotonic() + self.seconds
        return self.left == 0 or (self.left < 0 and time.monotonic() < self.until)

    def pass_by(self, sort: str) -> None:
        if self.is_due(sort):
            raise OSError("injected")

    def of_database(self, sort: str) -> None:
        if self.is_due(sort):
            raise OperationalError("injected", {}, Exception("injected"))


class FaultyTopics:
    """Topics whose `append` can fail."""

    def __init__(self, topics: Topics, faults: Faults) -> None:
        self._topics, self._faults = topics, faults

    def append(self, topic: str, event: Event) -> int:
        self._faults.pass_by("append")
        return self._topics.append(topic, event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._topics, name)


class FaultyDemo(DemoProvider):
    """The demo, which can fail before its first event or at any later one, and records what it has sent."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(pace=0)
        self._faults = faults
        # The text sent in answer to each request.
        self.said: list[str] = []

    def stream(self, request: ModelRequest, stop: Stop) -> Iterator[Event]:
        self.said.append("")
        self._faults.pass_by("open")
        for piece in super().stream(request, stop):
            self._faults.pass_by("send")
            if isinstance(piece, Delta):
                self.said[-1] += piece.text
            yield piece


def install(app: Any) -> tuple[Faults, FaultyDemo]:
    """Wraps the application's boundaries with faults; none of its own code is patched."""
    faults = Faults()
    demo = FaultyDemo(faults)
    engine: Engine = ENGINE.of(app)
    engine.logs.topics = FaultyTopics(engine.logs.topics, faults)
    PROVIDERS.set(Providers(demo, PROVIDERS.of(app).upstream), app)
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *_: faults.of_database("execute"))
        event.listen(db.engine, "commit", lambda connection: _commit(connection, faults))
    return faults, demo


def _commit(connection: Connection, faults: Faults) -> None:
    faults.of_database("commit")
    if faults.is_due("committed"):
        assert connection.connection.dbapi_connection
        connection.connection.dbapi_connection.commit()
        raise OperationalError("injected", {}, Exception("the answer to a commit was lost"))
