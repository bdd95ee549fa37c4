"""Copies rows between databases in small batches, with a checksum on both sides."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, Connection, LargeBinary, MetaData, Row, Table, insert, inspect, select
from sqlalchemy.exc import DataError, IntegrityError

from webapp.base.db import db
from webapp.base.errors import Invalid

# A row with bytes can be megabytes long, and is in memory several times.
AT_ONCE, OF_BYTES_AT_ONCE = 20, 2


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


def copy(source: Connection, target: Connection, table: Table) -> Sum:
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
    found = Sum()
    for rows in in_pieces(connection, table):
        found.add(rows)
    return found


def in_pieces(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    """Yields the rows in batches, ordered by primary key: SQLite's search takes the last inserted ones for the newest."""
    query = select(table).order_by(*table.primary_key.columns)
    has_bytes = any(isinstance(column.type, LargeBinary) for column in table.columns)
    at_once = {"yield_per": OF_BYTES_AT_ONCE if has_bytes else AT_ONCE}
    yield from connection.execute(query, execution_options=at_once).partitions()


def _as_there(table: Table, columns: Sequence[Any]) -> Table:
    names = {each["name"] for each in columns}
    kept = [column for column in table.columns if column.name in names]
    # SQL NULL is not the `null` of JSON.
    kinds = [JSON(none_as_null=True) if isinstance(column.type, JSON) else column.type for column in kept]
    made = [Column(each.name, kind, primary_key=each.primary_key) for each, kind in zip(kept, kinds, strict=True)]
    return Table(table.name, MetaData(), *made)


def _number_of(row: Row[Any]) -> int:
    values = repr([value.astimezone(UTC) if isinstance(value, datetime) else value for value in row])
    return int.from_bytes(hashlib.blake2b(values.encode("utf-8", "surrogatepass"), digest_size=16).digest())
