"""Chores: background work that runs at intervals for as long as there is any."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from webapp.base.current import PerApp
from webapp.base.db import autocommit_connection, db, is_sqlite
from webapp.base.heavy.turns import by_turns, queue_for_turn
from webapp.engine.engine import Engine, the_engine
from webapp.streaming.loops import AGAIN_SECONDS, Ticker

# As long as a dead worker's claims last.
AGAIN_EVERY_SECONDS = 30.0
# The loops of the chores that were woken, by name, and what features do when a server starts.
TICKERS = PerApp[dict[str, Ticker]](dict)
RESUMES = PerApp[list[Callable[[], None]]]()


def run_steps(steps: Iterable[Callable[[], object]]) -> bool:
    """Runs steps one after another, yielding to other greenlets between them; returns whether all were run.

    No transaction is open while it yields. A server that is shutting down starts no further step.
    """
    engine = the_engine()
    for step in by_turns(steps):
        if engine.is_closing:
            return False
        step()
        db.session.rollback()
    return True


@dataclass(frozen=True, slots=True)
class Chore:
    """Runs `work` in the application's context every `every_seconds` until it returns False: nothing is left.

    `every_seconds` can be a function, which is asked each time. After failures it backs off up to `most_seconds`.
    """

    name: str
    work: Callable[[], bool]
    every_seconds: float | Callable[[], float]
    most_seconds: float = AGAIN_SECONDS

    def wake(self) -> None:
        """Starts the chore's loop, or makes it run now."""
        tickers = TICKERS.get()
        if self.name not in tickers:
            tickers[self.name] = self._ticker(the_engine())
        tickers[self.name].wake()

    def _ticker(self, engine: Engine) -> Ticker:
        return Ticker(
            self.name,
            lambda: self._run(engine),
            every=self.every_seconds if callable(self.every_seconds) else lambda: cast(float, self.every_seconds),
            spawn=engine.spawn,
            pause=engine.pause,
            now=engine.now,
            most_seconds=self.most_seconds,
        )

    def _run(self, engine: Engine) -> bool:
        # All chores run when a server starts, just as the first pages are requested.
        queue_for_turn()
        if engine.is_closing:
            return False
        with engine.in_app(), advisory_lock(self.name) as is_mine:
            return self.work() if is_mine else True


def resume() -> None:
    """Continues unfinished work of the previous server and, with several, periodically that of servers that no longer exist."""
    if resume_all():
        _again.wake()


def resume_all() -> bool:
    """Starts every chore that may have work left; returns whether other servers, which wake no chore here, can leave more."""
    for resume_one in RESUMES.get():
        resume_one()
    return the_engine().shared is not None


_again = Chore("resuming", resume_all, every_seconds=AGAIN_EVERY_SECONDS)


@contextmanager
def advisory_lock(name: str) -> Iterator[bool]:
    """Yields whether this worker holds the advisory lock of this name; on SQLite there are no other workers."""
    if is_sqlite():
        yield True
        return
    key = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
    with autocommit_connection() as connection:
        is_mine = bool(connection.scalar(select(func.pg_try_advisory_lock(key))))
        try:
            yield is_mine
        finally:
            if is_mine:
                _unlock(connection, key)


def _unlock(connection: Connection, key: int) -> None:
    try:
        connection.scalar(select(func.pg_advisory_unlock(key)))
    except SQLAlchemyError:
        # Closing the connection releases the lock; back in the pool, the connection would still hold it.
        connection.invalidate()
        raise
