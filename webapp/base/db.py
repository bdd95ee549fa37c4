"""The database and the other Flask extensions, bound to the application by create_app, and the write transaction."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import gevent
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from gevent.local import local
from gevent.lock import BoundedSemaphore
from sqlalchemy import Connection, DateTime, Engine, ExceptionContext, MetaData, PoolProxiedConnection, String, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from webapp.base.config import ROOT
from webapp.base.current import CONFIG, PerApp
from webapp.base.errors import Unavailable
from webapp.base.ids import LENGTH, new_id

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# The largest value of an integer column in every database.
MOST_NUMBER = 2**31 - 1
# How long a write waits for the writers before it, in this and in other processes; it polls, so that it never blocks the hub.
PATIENCE_SECONDS = 5.0
# On PostgreSQL many greenlets of a process write concurrently, and a writer waits in a queue that keeps moving: many people
# sending something at the same moment make a long queue, which is no sign of a stuck database.
LINE_SECONDS = 30.0
# For secondary writes, above all those that accompany a read: they are skipped when the database is busy.
NO_PATIENCE = 0.0
SET_IDLE_TIMEOUT = "SET LOCAL idle_in_transaction_session_timeout = '20s'"
# On PostgreSQL a statement waits no longer than this for a lock, such as that of an index being built or of a psql session left
# open, so that those blocked by it do not take all connections from everyone else.
SET_LOCK_TIMEOUT = "SET lock_timeout = '10s'"
# PostgreSQL's codes for "read-only", as while its disk is full or another server takes over, and for "idle transaction
# terminated". Neither is a bug of ours, although the driver classifies them as one.
UNABLE = ("25006", "25P03")
# A secondary write does not wait for a lock.
SHORT_LOCK_TIMEOUT = text("SET LOCAL lock_timeout = '100ms'")
DAMAGED = "The database file is damaged. Stop the server and restore a backup: flask restore FILE"
# SQLite's messages for a damaged header and for a malformed page.
SIGNS_OF_DAMAGE = ("not a database", "malformed")
BUSY = "The database is busy or can't be written to. Nothing was lost. Please try again."


def utc_now() -> datetime:
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """A timestamp in UTC; SQLite drops the time zone, so it is added again on read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: UTCDateTime}


class Record(Base):
    """The columns most tables share: an id that grows with time, and when the row was created."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class MigrateLater:
    """Loads Flask-Migrate on first access: commands need it, and a server is spared its 10 MB."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        # Imported late because only commands need it.
        from flask_migrate import Migrate

        # Not as batches: those create an SQLite table again, and drop the triggers of its full-text index. A migration that
        # needs one says so itself, and creates the triggers again.
        Migrate(self._app, db, render_as_batch=False, directory=str(ROOT / "migrations"))
        return getattr(self._app.extensions["migrate"], name)


db = SQLAlchemy(metadata=Base.metadata, disable_autonaming=True)
_turn_to_write = BoundedSemaphore(1)
TURNS = PerApp[BoundedSemaphore]()
# Per greenlet: whether it is inside `write`, and whether it is just beginning the transaction there.
_here = local()


def bind(app: Flask) -> None:
    """Binds the extensions to the application and prepares the engine."""
    db.init_app(app)
    app.extensions["migrate"] = MigrateLater(app)
    with app.app_context():
        # Half of the pool on PostgreSQL: writers can wait for a row lock whose holder still needs a second connection to read
        # something outside its transaction.
        TURNS.set(_turn_to_write if is_sqlite() else BoundedSemaphore(_most_connections(app) // 2))
        if is_sqlite():
            prepare_sqlite(db.engine)
        else:
            _prepare_postgres(db.engine, is_one_of_several=bool(CONFIG.of(app).redis_url))


def _most_connections(app: Flask) -> int:
    pool: Mapping[str, int] = app.config["SQLALCHEMY_ENGINE_OPTIONS"]
    return pool["pool_size"] + pool["max_overflow"]


def is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


@contextmanager
def write(
    *, patience_seconds: float = PATIENCE_SECONDS, keeps_loaded: bool = False, skips_queue: bool = False
) -> Iterator[Session]:
    """Runs one write transaction, which is committed at the end of the block.

    It ends the request's read transaction, so that the block reads the state that it writes on. It waits for its turn and for
    other processes for at most `patience_seconds` in total; on PostgreSQL it can wait longer for its turn. A nested call raises
    RuntimeError. On SQLite nothing inside may yield, except to a thread that works for this very transaction: other greenlets
    would find the database locked, and block the whole process inside the C library. Objects that were read or written inside
    are expired and loaded again after the block; with `keeps_loaded` they keep their committed values, which saves queries.
    `skips_queue` is for the text of running answers, which must not queue behind requests for new ones: on PostgreSQL it
    needs no turn.
    """
    deadline = time.monotonic() + patience_seconds
    line = time.monotonic() + patience_in_line(patience_seconds, is_alone=is_sqlite())
    with _fresh_session() as session, _write_slot(line) if is_sqlite() or not skips_queue else nullcontext():
        _begin(session, deadline)
        if patience_seconds <= NO_PATIENCE and not is_sqlite():
            session.execute(SHORT_LOCK_TIMEOUT)
        session.expire_on_commit = not keeps_loaded
        try:
            yield session
            session.commit()
        finally:
            # After a commit this rolls back nothing.
            session.rollback()
            session.expire_on_commit = True


@contextmanager
def write_rows() -> Iterator[Connection]:
    """Runs one write transaction for prepared statements: as `write` with `skips_queue`, but without a session.

    The journal writes several times a second, and a session takes longer than its statements.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    with _not_nested(), _write_slot(deadline) if is_sqlite() else nullcontext(), db.engine.connect() as connection:
        _begin(connection, deadline)
        try:
            yield connection
            connection.commit()
        finally:
            # Closing alone would return it with its transaction still open where the commit has failed.
            connection.rollback()


def patience_in_line(patience_seconds: float, *, is_alone: bool) -> float:
    """Returns how long a writer waits for its turn in this process, where either one (`is_alone`) or several write at a time."""
    is_noting = patience_seconds < PATIENCE_SECONDS
    return patience_seconds if is_alone or is_noting else max(LINE_SECONDS, patience_seconds)


@contextmanager
def _fresh_session() -> Iterator[Session]:
    with _not_nested():
        session = db.session()
        # Returns the connection to the pool, so that a waiting writer holds none.
        session.rollback()
        # Includes what an earlier block retained with `keeps_loaded`.
        session.expire_all()
        yield session


@contextmanager
def _not_nested() -> Iterator[None]:
    if getattr(_here, "is_writing", False):
        raise RuntimeError("write() inside write(): the inner one would undo what the outer one changed. Pass the session on.")
    _here.is_writing = True
    try:
        yield
    finally:
        _here.is_writing = False


@contextmanager
def _write_slot(deadline: float) -> Iterator[None]:
    wait_seconds = deadline - time.monotonic()
    turns = TURNS.get()
    if not turns.acquire(blocking=wait_seconds > 0, timeout=max(0.0, wait_seconds)):
        raise Unavailable(BUSY)
    try:
        yield
    finally:
        turns.release()


def _begin(writer: Session | Connection, deadline: float) -> None:
    begin = writer.connection if isinstance(writer, Session) else writer.begin
    while True:
        try:
            with to_write():
                begin()
            return
        except OperationalError as error:
            writer.rollback()
            if "locked" not in str(error.orig) or time.monotonic() > deadline:
                raise Unavailable(BUSY) from error
            gevent.sleep(0.05)


@contextmanager
def to_write() -> Iterator[None]:
    """Makes the transaction that begins inside the block a write transaction."""
    _here.is_beginning = True
    try:
        yield
    finally:
        _here.is_beginning = False


def _is_to_write() -> bool:
    return getattr(_here, "is_beginning", False)


@contextmanager
def autocommit_connection() -> Iterator[Connection]:
    """Yields a PostgreSQL connection in autocommit mode, for advisory locks that outlive a transaction."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def is_damage(error: Exception) -> bool:
    """Returns whether the database reports that its file is damaged."""
    return any(sign in str(error) for sign in SIGNS_OF_DAMAGE)


def is_blocked(error: DBAPIError) -> bool:
    """Returns whether PostgreSQL gave up waiting for a lock: a lock timeout or a deadlock."""
    return getattr(error.orig, "sqlstate", "") in ("55P03", "40P01")


# The log grows to 16 MB before it is copied into the database, which happens in a commit: the journal writes the same pages
# again and again, and each is then copied once.
# What is deleted is overwritten with zeros. That costs an answer less than 0.01 ms, and only what is always overwritten is gone:
# an answer's text was in rows of the journal before.
PRAGMAS = (
    *("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=20", "wal_autocheckpoint=4000"),
    "secure_delete=ON",
)


def prepare_sqlite(engine: Engine) -> None:
    """Sets the pragmas of each connection, and makes write transactions begin with BEGIN IMMEDIATE."""

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        # The driver would begin a transaction too late and lose updates, so transactions are begun explicitly.
        connection.isolation_level = None
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    def begin(connection: PoolProxiedConnection) -> None:
        connection.execute("BEGIN IMMEDIATE" if _is_to_write() else "BEGIN")

    # Not an event listener: with a single one registered, SQLAlchemy looks for others around every statement.
    engine.dialect.do_begin = begin  # type: ignore[assignment]


def _prepare_postgres(engine: Engine, *, is_one_of_several: bool) -> None:
    for index in chain.from_iterable(table.indexes for table in db.metadata.tables.values()):
        # Index options that only PostgreSQL needs: set in the table definition, they would make SQLAlchemy load its 3 MB
        # PostgreSQL dialect for SQLite, too.
        index.dialect_kwargs.update(index.info)

    @event.listens_for(engine, "connect")
    def bound(connection: Any, _record: Any) -> None:
        # Not set with the connection's options, which poolers reject. In autocommit mode, because the statement would otherwise
        # begin a transaction.
        connection.autocommit = True
        connection.execute(SET_LOCK_TIMEOUT)
        connection.autocommit = False

    def rollback(connection: PoolProxiedConnection) -> None:
        try:
            connection.rollback()
        except engine.dialect.loaded_dbapi.Error:
            # On a lost connection everything is rolled back already. Where the rollback itself fails, as when an administrator
            # cancels it, closing the connection rolls back: the page has been rendered and must not fail because of that.
            connection.driver_connection.close()  # type: ignore[union-attr]

    engine.dialect.do_rollback = rollback  # type: ignore[assignment]

    @event.listens_for(engine, "handle_error")
    def lose(context: ExceptionContext) -> OperationalError | None:
        if getattr(context.original_exception, "sqlstate", "") not in UNABLE:
            return None
        # A connection found to be read-only when it was made would remain so after the database is writable again, so it is
        # discarded.
        context.is_disconnect = True
        return OperationalError(context.statement, context.parameters, context.original_exception, connection_invalidated=True)

    if not is_one_of_several:
        return

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if _is_to_write():
            # A worker frozen in the middle of a write must not keep its locks from the workers that take over.
            connection.exec_driver_sql(SET_IDLE_TIMEOUT)
