"""Copies a whole database row by row into another, SQLite or PostgreSQL, and verifies the result."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import current_app
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    NullPool,
    RootTransaction,
    Row,
    Table,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from webapp.base.config import ROOT
from webapp.base.database.revisions import known_revisions, why_too_old
from webapp.base.database.state import found_revision
from webapp.base.db import db, prepare_sqlite, to_write
from webapp.base.errors import Conflict, Invalid, Unavailable

NOT_OURS = "is damaged or isn't a Millrace database."
NEWER = "was written by a newer version of Millrace."
NOT_EMPTY = "The other database already has people or chats. Choose an empty one: nothing was changed."
OTHER_TABLES = "The other database has tables of another program. Choose an empty one: nothing was changed."
OTHER_VERSION = "The other database has the tables of version {}, not {}. Choose one without tables: nothing was changed."
# Rows in these tables mean that the database is in use; all others can come from `flask prepare`.
LIVED_IN = ("users", "chats")
FOREIGN_KEYS = """
    SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
"""
# A row with bytes can be megabytes long, and is in memory several times.
AT_ONCE, OF_BYTES_AT_ONCE = 20, 2


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `table` contains it on at least one kind of database, `fill` rebuilds it from the existing rows."""

    table: str
    fill: Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """The counts of a copy that was read again and found equal."""

    rows: int
    tables: int


def copy(source_url: str, target_url: str, indexes: Sequence[Index]) -> Copied:
    """Copies a snapshot of all rows into an empty database; an error leaves that unchanged."""
    with at_one_moment(source_url) as source, to_be_filled(target_url) as engine:
        make(engine, revision_of(source))
        tables = tables_of(source, but=frozenset(index.table for index in indexes))
        with _connected_to(engine) as target, _begun(target):
            copied = _copied(source, target, tables)
            for index in indexes:
                index.fill(target)
        return copied


def _connected_to(engine: Engine) -> Connection:
    connection = engine.connect()
    if is_sqlite(connection):
        # Executed directly on the driver's connection: SQLAlchemy would begin a transaction, in which the pragma has no effect.
        connection.connection.execute("PRAGMA foreign_keys=OFF")
    return connection


def _begun(target: Connection) -> RootTransaction:
    with to_write():
        return target.begin()


def _copied(source: Connection, target: Connection, tables: list[Table]) -> Copied:
    with unchecked(target):
        clear(target, tables)
        read = {table: copy_rows(source, target, table) for table in tables}
    number_on(target, tables)
    for table, expected in read.items():
        rows_by_id = summed(target, table)
        if rows_by_id != expected:
            raise Unavailable(
                f"{table.name}: {expected.rows} rows were read, and other {rows_by_id.rows} have arrived. Nothing was kept."
            )
    return Copied(sum(result.rows for result in read.values()), len(tables))


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


@contextmanager
def at_one_moment(url: str) -> Iterator[Connection]:
    """Yields a read-only connection to a snapshot of a database, unaffected by concurrent writes."""
    engine = _read_only_file(url) if url.startswith("sqlite") else _engine(url, isolation_level="REPEATABLE READ")
    with _connected(engine) as connection:
        yield connection if is_sqlite(connection) else connection.execution_options(postgresql_readonly=True)


@contextmanager
def to_be_filled(url: str) -> Iterator[Engine]:
    """Yields the engine of the target database; an SQLite file already exists, and is empty."""
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        prepare_sqlite(engine)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise Unavailable(f"The database can't be opened: {str(error.orig).splitlines()[0]}") from error
    try:
        with connection:
            yield connection
    finally:
        engine.dispose()


def _read_only_file(url: str) -> Engine:
    file = quote(str(Path(make_url(url).database or "").absolute()))
    engine = _engine(f"sqlite:///file:{file}?mode=ro&uri=true")

    @event.listens_for(engine, "connect")
    def begin_ourselves(connection: Any, _record: Any) -> None:
        # The driver would begin no transaction for reads, so each query would see a different state.
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _engine(url: str, **options: Any) -> Engine:
    """Creates an engine that copies JSON as text, without parsing it."""
    return create_engine(url, poolclass=NullPool, json_serializer=str, json_deserializer=_text_of, **options)


def _text_of(raw: Any) -> str:
    """Returns JSON as text; SQLite stores a JSON number as a number, so its notation is normalised."""
    text = raw.decode() if isinstance(raw, bytes) else str(raw)
    if text[:1] not in "-0123456789":
        return text
    number = json.loads(text)
    return json.dumps(int(number) if number == int(number) else number)


def revision_of(source: Connection) -> str:
    """Returns the schema revision of the source; raises `Invalid` for one that this version does not know."""
    revision = found_revision(source)
    if revision is None:
        raise Invalid(f"The database {NOT_OURS}")
    if revision not in known_revisions():
        raise Invalid(why_too_old(revision) or f"The database {NEWER}")
    return revision


def make(engine: Engine, revision: str) -> None:
    """Creates the tables of this revision in an empty database; raises `Conflict` for one that is not empty."""
    try:
        with engine.connect() as target:
            current_revision = _found(target, revision)
    except OperationalError as error:
        raise Unavailable(f"The other database can't be opened: {str(error.orig).splitlines()[0]}") from error
    if current_revision != revision:
        # Imported late because only commands need it: a server is spared its 10 MB.
        from alembic import command

        migrate: Any = current_app.extensions["migrate"].migrate
        config = migrate.get_config(str(ROOT / "migrations"))
        config.attributes["engine"] = engine
        command.upgrade(config, revision)


@contextmanager
def unchecked(target: Connection) -> Iterator[None]:
    """Suspends foreign keys, as a row can refer to a later one; at the end, raises an error if a reference is broken."""
    if is_sqlite(target):
        yield
        if orphans := target.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
            raise Invalid(f"A row of {orphans[0][0]} refers to one that isn't there.")
        return
    keys = target.execute(text(FOREIGN_KEYS)).fetchall()
    for table, name, _ in keys:
        target.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield
    for table, name, definition in keys:
        target.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


def clear(target: Connection, tables: list[Table]) -> None:
    """Deletes the rows that `flask prepare` created, such as the characters that ship with Millrace."""
    for table in tables:
        target.execute(delete(table))


def number_on(target: Connection, tables: list[Table]) -> None:
    """Sets the sequences to continue after the copied rows; SQLite does so by itself."""
    if is_sqlite(target):
        return
    for column in (column for table in tables for column in table.primary_key.columns):
        sequence = target.scalar(select(func.pg_get_serial_sequence(column.table.name, column.name)))
        newest = target.scalar(select(func.max(column)))
        if sequence and newest is not None:
            target.execute(select(func.setval(sequence, newest)))


def _found(target: Connection, revision: str) -> str | None:
    tables, current = set(inspect(target).get_table_names()), found_revision(target)
    if current is None and tables:
        raise Conflict(OTHER_TABLES)
    if current is not None:
        if any(target.scalar(select(db.metadata.tables[name]).limit(1)) is not None for name in LIVED_IN if name in tables):
            raise Conflict(NOT_EMPTY)
        if current != revision:
            raise Conflict(OTHER_VERSION.format(current, revision))
    return current


@dataclass(slots=True)
class Sum:
    """The number of rows, and a checksum that doesn't depend on their order."""

    rows: int = 0
    number: int = 0

    def add(self, rows: Sequence[Row[Any]]) -> None:
        self.rows += len(rows)
        self.number = (self.number + sum(map(_number_of, rows))) % 2**128


def tables_of(connection: Connection, *, but: frozenset[str]) -> list[Table]:
    """Returns our tables with the columns of this database, which can be of an earlier version, and without defaults.

    Defaults are only for new rows.
    """
    there = inspect(connection)
    names = set(there.get_table_names()) - but
    return [_as_there(table, there.get_columns(table.name)) for table in db.metadata.tables.values() if table.name in names]


def copy_rows(source: Connection, target: Connection, table: Table) -> Sum:
    """Copies the rows of a table, and returns the checksum of what was read."""
    read = Sum()
    for rows in in_pieces(source, table):
        read.add(rows)
        try:
            target.execute(insert(table), [row._asdict() for row in rows])
        except (DataError, IntegrityError) as error:
            raise Invalid(f"A row of {table.name} doesn't fit: {str(error.orig).splitlines()[0]}") from error
    return read


def summed(connection: Connection, table: Table) -> Sum:
    total = Sum()
    for rows in in_pieces(connection, table):
        total.add(rows)
    return total


def in_pieces(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    """Yields the rows in batches, ordered by primary key: SQLite's search takes the last inserted ones for the newest."""
    query = select(table).order_by(*table.primary_key.columns)
    has_bytes = any(isinstance(column.type, LargeBinary) for column in table.columns)
    at_once = {"yield_per": OF_BYTES_AT_ONCE if has_bytes else AT_ONCE}
    yield from connection.execute(query, execution_options=at_once).partitions()


def _as_there(table: Table, columns: Sequence[Any]) -> Table:
    names = {column["name"] for column in columns}
    kept_columns = [column for column in table.columns if column.name in names]
    # SQL NULL is not the `null` of JSON.
    kinds = [JSON(none_as_null=True) if isinstance(column.type, JSON) else column.type for column in kept_columns]
    new_columns = [
        Column(column.name, kind, primary_key=column.primary_key) for column, kind in zip(kept_columns, kinds, strict=True)
    ]
    return Table(table.name, MetaData(), *new_columns)


def _number_of(row: Row[Any]) -> int:
    values = repr([value.astimezone(UTC) if isinstance(value, datetime) else value for value in row])
    return int.from_bytes(hashlib.blake2b(values.encode("utf-8", "surrogatepass"), digest_size=16).digest())
