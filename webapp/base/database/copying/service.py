"""Copies everything from one database into another, SQLite or PostgreSQL, and verifies the result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, RootTransaction, Table

from webapp.base.database.copying import rows, schema
from webapp.base.database.copying.databases import at_one_moment, is_sqlite, to_be_filled
from webapp.base.db import to_write
from webapp.base.errors import Unavailable


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
        schema.make(engine, schema.revision_of(source))
        tables = rows.tables_of(source, but=frozenset(each.table for each in indexes))
        with _connected(engine) as target, _begun(target):
            found = _copied(source, target, tables)
            for index in indexes:
                index.fill(target)
        return found


def _connected(engine: Engine) -> Connection:
    connection = engine.connect()
    if is_sqlite(connection):
        # Executed directly on the driver's connection: SQLAlchemy would begin a transaction, in which the pragma has no effect.
        connection.connection.execute("PRAGMA foreign_keys=OFF")
    return connection


def _begun(target: Connection) -> RootTransaction:
    with to_write():
        return target.begin()


def _copied(source: Connection, target: Connection, tables: list[Table]) -> Copied:
    with schema.unchecked(target):
        schema.clear(target, tables)
        read = {table: rows.copy(source, target, table) for table in tables}
    schema.number_on(target, tables)
    for table, expected in read.items():
        found = rows.summed(target, table)
        if found != expected:
            raise Unavailable(
                f"{table.name}: {expected.rows} rows were read, and other {found.rows} have arrived. Nothing was kept."
            )
    return Copied(sum(each.rows for each in read.values()), len(tables))
