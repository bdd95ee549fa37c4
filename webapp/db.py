"""The database and the other extensions, bound to the application by create_app."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import gevent
from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from gevent.local import local
from gevent.lock import BoundedSemaphore
from sqlalchemy import Connection, DateTime, Engine, ExceptionContext, MetaData, PoolProxiedConnection, String, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from webapp.config import ROOT
from webapp.errors import Unavailable
from webapp.ids import LENGTH, new_id

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# What a column of whole numbers holds, in every database.
MOST_NUMBER = 2**31 - 1
# How long a write waits for all who are before it, here and in other processes, asking again without blocking the hub.
PATIENCE_SECONDS = 5.0
# On PostgreSQL many of one process write at once, and whoever waits for their turn waits for those, who get on: a crowd of
# people who send something in one moment is a long line, and no fault of the database.
LINE_SECONDS = 30.0
# For what is noted along with something else, above all with a read: it is left out when the database is busy.
NO_PATIENCE = 0.0
LETS_GO = "SET LOCAL idle_in_transaction_session_timeout = '20s'"
# What somebody has locked, such as an index that is being made or a session of psql that was left open, is waited for on
# PostgreSQL no longer than this, so that those who need it do not take all connections from those who do not.
NOT_FOR_LONG = "SET lock_timeout = '10s'"
# How PostgreSQL says that it takes no changes, as while its disk is full or another server takes over, and that it has
# ended the transaction of somebody who stood still. Neither is a mistake of ours, as the driver has it.
UNABLE = ("25006", "25P03")
# What is merely noted does not wait for it.
AT_ONCE = text("SET LOCAL lock_timeout = '100ms'")
DAMAGED = "The database file is damaged. Stop the server and restore a backup: flask restore FILE"
# How SQLite says that, with a header and with a page that makes no sense.
SIGNS_OF_DAMAGE = ("not a database", "malformed")
BUSY = "The database is busy or can't be written to. Nothing was lost. Please try again."


def utc_now() -> datetime:
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets the zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: UTCDateTime}


class Record(Base):
    """What most tables have in common: a name that grows with time, and when the row was made."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class MigrateLater:
    """Flask-Migrate for whoever asks for it: commands do, a server has no use for its 10 MB."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        # Only for commands.
        from flask_migrate import Migrate

        Migrate(self._app, db, render_as_batch=True, directory=str(ROOT / "migrations"))
        return getattr(self._app.extensions["migrate"], name)


db = SQLAlchemy(metadata=Base.metadata, disable_autonaming=True)
csrf = CSRFProtect()
_turn_to_write = BoundedSemaphore(1)
TURNS = "turns_to_write"
# Of each greenlet: whether it is within `write`, and whether it begins a transaction there.
_here = local()


def bind(app: Flask) -> None:
    """Ties the extensions to the application."""
    db.init_app(app)
    app.extensions["migrate"] = MigrateLater(app)
    csrf.init_app(app)
    with app.app_context():
        # Writers may wait for a row that one of them holds, who must still find a connection for what is read beside it.
        app.extensions[TURNS] = _turn_to_write if is_sqlite() else BoundedSemaphore(_most_connections(app) // 2)
        if is_sqlite():
            prepare_sqlite(db.engine)
        else:
            _prepare_postgres(db.engine, is_one_of_several=bool(app.extensions["config"].redis_url))


def _most_connections(app: Flask) -> int:
    pool: Mapping[str, int] = app.config["SQLALCHEMY_ENGINE_OPTIONS"]
    return pool["pool_size"] + pool["max_overflow"]


def is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


@contextmanager
def write(*, patience_seconds: float = PATIENCE_SECONDS, keeps: bool = False, has_been_said: bool = False) -> Iterator[Session]:
    """One transaction that changes something, committed at the end of the block.

    The read that the request has begun ends here, so what is read inside is what is written upon. It waits for its turn
    and for other processes no longer than its patience, all in all; on PostgreSQL longer for its turn. Inside another it
    raises RuntimeError. On SQLite nothing inside may yield, but to a thread that works for this very transaction: others
    would find the database locked, and block the whole process inside the C library. What was read or written inside is
    read again behind the block, as it is then; with `keeps` it stays as it was committed, and costs nothing more.
    What answers have said waits behind nobody who asks for one: on PostgreSQL it needs no turn.
    """
    deadline = time.monotonic() + patience_seconds
    line = time.monotonic() + patience_in_line(patience_seconds, is_alone=is_sqlite())
    with _alone() as session, _own_turn(line) if is_sqlite() or not has_been_said else nullcontext():
        _begin(session, deadline)
        if patience_seconds <= NO_PATIENCE and not is_sqlite():
            session.execute(AT_ONCE)
        session.expire_on_commit = not keeps
        try:
            yield session
            session.commit()
        finally:
            # Nothing is left to roll back after a commit.
            session.rollback()
            session.expire_on_commit = True


def patience_in_line(patience_seconds: float, *, is_alone: bool) -> float:
    """How long a writer waits for its turn among those of its process, of whom one writes at a time or many do."""
    is_noting = patience_seconds < PATIENCE_SECONDS
    return patience_seconds if is_alone or is_noting else max(LINE_SECONDS, patience_seconds)


@contextmanager
def _alone() -> Iterator[Session]:
    if getattr(_here, "is_writing", False):
        raise RuntimeError("write() inside write(): the inner one would undo what the outer one changed. Pass the session on.")
    session = db.session()
    # No connection is held while it waits.
    session.rollback()
    # Also what an earlier block has kept.
    session.expire_all()
    _here.is_writing = True
    try:
        yield session
    finally:
        _here.is_writing = False


@contextmanager
def _own_turn(deadline: float) -> Iterator[None]:
    wait_seconds = deadline - time.monotonic()
    turns: BoundedSemaphore = current_app.extensions[TURNS]
    if not turns.acquire(blocking=wait_seconds > 0, timeout=max(0.0, wait_seconds)):
        raise Unavailable(BUSY)
    try:
        yield
    finally:
        turns.release()


def _begin(session: Session, deadline: float) -> None:
    while True:
        try:
            with to_write():
                session.connection()
            return
        except OperationalError as error:
            session.rollback()
            if not _is_locked(error) or time.monotonic() > deadline:
                raise Unavailable(BUSY) from error
            gevent.sleep(0.05)


@contextmanager
def to_write() -> Iterator[None]:
    """What begins inside is a transaction that writes."""
    _here.is_beginning = True
    try:
        yield
    finally:
        _here.is_beginning = False


def _is_to_write() -> bool:
    return getattr(_here, "is_beginning", False)


@contextmanager
def unbound() -> Iterator[Connection]:
    """A connection to PostgreSQL without transactions, for claims that outlive each of them."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def is_damage(error: Exception) -> bool:
    """Whether the database says that its file is damaged."""
    return any(sign in str(error) for sign in SIGNS_OF_DAMAGE)


def is_blocked(error: DBAPIError) -> bool:
    """Whether PostgreSQL has waited too long for what somebody else has locked, or would have waited for ever."""
    return getattr(error.orig, "sqlstate", "") in ("55P03", "40P01")


def _is_locked(error: OperationalError) -> bool:
    return "locked" in str(error.orig)


def prepare_sqlite(engine: Engine) -> None:
    """Has an engine begin transactions as they are meant here."""

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        # The driver's own transactions begin too late and lose updates; ours are explicit.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=20"):
            connection.execute(f"PRAGMA {pragma}")

    def begin(connection: PoolProxiedConnection) -> None:
        connection.execute("BEGIN IMMEDIATE" if _is_to_write() else "BEGIN")

    # Not as a listener: with a single one, SQLAlchemy looks for others around every statement.
    engine.dialect.do_begin = begin  # type: ignore[assignment]


def _prepare_postgres(engine: Engine, *, is_one_of_several: bool) -> None:
    for index in chain.from_iterable(table.indexes for table in db.metadata.tables.values()):
        # What only PostgreSQL has to know of it: said where the table is, it would have SQLAlchemy load its 3 MB for SQLite, too.
        index.dialect_kwargs.update(index.info)

    @event.listens_for(engine, "connect")
    def bound(connection: Any, _record: Any) -> None:
        # Not with the connection's options, which poolers refuse, and beside any transaction, which it would begin.
        connection.autocommit = True
        connection.execute(NOT_FOR_LONG)
        connection.autocommit = False

    def rollback(connection: PoolProxiedConnection) -> None:
        try:
            connection.rollback()
        except engine.dialect.loaded_dbapi.Error:
            # On a connection that is lost all is undone already, and one whose rollback fails, as when an administrator cancels
            # it, undoes all by its end: no page that is made must fail for that.
            connection.driver_connection.close()  # type: ignore[union-attr]

    engine.dialect.do_rollback = rollback  # type: ignore[assignment]

    @event.listens_for(engine, "handle_error")
    def lose(context: ExceptionContext) -> OperationalError | None:
        if getattr(context.original_exception, "sqlstate", "") not in UNABLE:
            return None
        # Whether it is read-only is settled when a connection is made, which would stay so when the database is not.
        context.is_disconnect = True
        return OperationalError(context.statement, context.parameters, context.original_exception, connection_invalidated=True)

    if not is_one_of_several:
        return

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if _is_to_write():
            # Whoever is frozen in the middle of a write must not keep what it has locked from those who take over.
            connection.exec_driver_sql(LETS_GO)
