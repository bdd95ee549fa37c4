"""A database with rows in every table and values of every kind; and all its rows, read without our own code."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import set_json_loads
from sqlalchemy import Boolean, Column, Date, DateTime, Float, Integer, LargeBinary, String, Table, insert, text

from webapp.base.db import db, write

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
# Characters that are special to some layer in between.
TEXTS = ("plain", "tab\tand\nline", "'quoted\" %s %(a)s :b \\ \\u0041", "été 水車 🌊 \uffff \u2028", "{not: json", "")
JSONS: tuple[Any, ...] = ({"a": [1, 2.5, None, "é\\"]}, [], {}, {"\u0000": "\u0000 \ud83c"}, "text", 7, 0.5, True, None)
# A reference to a table that is filled later.
HEADS = "UPDATE chats SET head_id = (SELECT min(id) FROM messages WHERE chat_id = chats.id)"
# Rebuilt after the copy.
INDEXES = {"passage_terms"}


def fill(rows: int = 9, **more: int) -> None:
    """Inserts rows into every table; for some tables the number is given."""
    counts = {table.name: more.get(table.name, rows) for table in db.metadata.tables.values()}
    for table in db.metadata.sorted_tables:
        if table.name in INDEXES:
            continue
        for start in range(0, counts[table.name], 500):
            numbers = range(start, min(start + 500, counts[table.name]))
            with write() as session:
                session.execute(insert(table), [row(table, number, counts) for number in numbers])
    with write() as session:
        session.execute(text(HEADS))


def rows_of(database: Path | str) -> dict[str, list[str]]:
    """Returns every row of every table, sorted, as the database driver returns them."""
    return {name: sorted(map(repr, found)) for name, found in _tables(database)}


def _tables(database: Path | str) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    with closing(_connected(database)) as connection:
        for table in db.metadata.tables.values():
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            readers = [_reader(column) for column in table.columns]
            found = connection.execute(f'SELECT {names} FROM "{table.name}"').fetchall()
            yield table.name, [tuple(read(value) for read, value in zip(readers, row, strict=True)) for row in found]


def _connected(database: Path | str) -> Any:
    if isinstance(database, Path):
        return sqlite3.connect(database)
    connection = psycopg.connect(database.replace("+psycopg", ""))
    set_json_loads(lambda raw: raw.decode() if isinstance(raw, bytes) else raw, connection)
    return connection


def _reader(column: Column[Any]) -> Callable[[Any], Any]:
    if type(column.type).__name__ == "JSON":
        # NULL and the `null` of JSON must not be confused.
        return lambda value: value if value is None else [json.loads(str(value))]
    if isinstance(column.type, Boolean):
        return lambda value: value if value is None else bool(value)
    if isinstance(column.type, Date | DateTime) or hasattr(column.type, "impl"):
        return _moment
    return lambda value: bytes(value) if isinstance(value, memoryview) else value


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None)
    return str(value) if isinstance(value, date) else value


def row(table: Table, number: int, counts: Mapping[str, int]) -> dict[str, Any]:
    """Returns a value for each column; foreign keys refer to rows of their tables."""
    return {column.name: _value(column, number, counts) for column in table.columns}


def _value(column: Column[Any], number: int, counts: Mapping[str, int]) -> Any:
    for key in column.foreign_keys:
        parent = key.column
        if column.name == "head_id":
            return None
        if parent.table is column.table:
            return None if number == 0 else _value(parent, number - 1, counts)
        return _value(parent, number % counts[parent.table.name], counts)
    if column.nullable and number % 3 == 2:
        return None
    return _plain(column, number)


def _plain(column: Column[Any], number: int) -> Any:
    kind = column.type
    if type(kind).__name__ == "JSON":
        return JSONS[number % len(JSONS)]
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, Integer):
        return number + 1
    if isinstance(kind, Float):
        return number / 7
    if isinstance(kind, LargeBinary):
        return bytes(range(256)) * (number + 1)
    if isinstance(kind, Date):
        return NOON.date() + timedelta(days=number)
    if isinstance(kind, String):
        # Also a column whose values are limited gets a distinct one for each row.
        return f"{number:06} {TEXTS[number % len(TEXTS)]}"[: kind.length]
    return NOON + timedelta(seconds=number)
