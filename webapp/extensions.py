"""The database and the other extensions, bound to the application by create_app."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

import gevent
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from gevent.lock import BoundedSemaphore, RLock
from sqlalchemy import DateTime, Engine, MetaData, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from webapp.config import ROOT
from webapp.errors import Unavailable

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# How long a write waits for another process that holds the SQLite file, asking again without blocking the hub.
PATIENCE_SECONDS = 5.0


class UTCDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets the zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: UTCDateTime}


db = SQLAlchemy(metadata=Base.metadata, disable_autonaming=True)
migrate = Migrate(db=db, render_as_batch=True, directory=str(ROOT / "migrations"))
csrf = CSRFProtect()
_writing = RLock()
# Real threads are few, and name look-ups share them.
_offloading = BoundedSemaphore(2)
P = ParamSpec("P")
T = TypeVar("T")


def utc_now() -> datetime:
    return datetime.now(UTC)


def bind(app: Flask) -> None:
    """Ties the extensions to the application."""
    db.init_app(app)
    migrate.init_app(app)
    csrf.init_app(app)
    with app.app_context():
        if is_sqlite():
            _prepare_sqlite(db.engine)


def is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


def offload(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a slow computation in a real thread, so that the hub goes on meanwhile."""
    with _offloading:
        result: T = gevent.get_hub().threadpool.apply(function, args, kwargs)
        return result


@contextmanager
def write(*, patience_seconds: float = PATIENCE_SECONDS, keeps: bool = False) -> Iterator[Session]:
    """One transaction that changes something, committed at the end of the block.

    The read that the request has begun ends here, so what is read inside is what is written upon. On SQLite nothing
    inside may yield: a second writer would block the whole process inside the C library. What was read or written inside
    is read again behind the block, as it is then; with `keeps` it stays as it was committed, and costs nothing more.
    """
    session = db.session()
    session.rollback()
    # Also what an earlier block has kept.
    session.expire_all()
    with _writing if is_sqlite() else nullcontext():
        _begin(session, patience_seconds)
        session.expire_on_commit = not keeps
        try:
            yield session
            session.commit()
        finally:
            # Nothing is left to roll back after a commit.
            session.rollback()
            session.expire_on_commit = True


def _begin(session: Session, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            session.connection(execution_options={"is_write": True})
            return
        except OperationalError as error:
            session.rollback()
            if not _is_locked(error) or time.monotonic() > deadline:
                raise Unavailable("The database is busy or cannot be written to. Nothing was lost: please try again.") from error
            gevent.sleep(0.05)


def _is_locked(error: OperationalError) -> bool:
    return "locked" in str(error.orig)


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        # The driver's own transactions begin too late and lose updates; ours are explicit.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=20"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        is_write = connection.get_execution_options().get("is_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")
