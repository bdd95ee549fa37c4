"""Prepares the target database of a copy: creates the tables, refuses existing data, and postpones foreign key checks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app
from sqlalchemy import Connection, Engine, Table, delete, func, inspect, select, text
from sqlalchemy.exc import OperationalError

from webapp.base.config import ROOT
from webapp.base.database.copying.databases import is_sqlite
from webapp.base.database.revisions import known_revisions
from webapp.base.database.state import found_revision
from webapp.base.db import db
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


def revision_of(source: Connection) -> str:
    """Returns the schema revision of the source; raises `Invalid` for one that this version does not know."""
    found = found_revision(source)
    if found is None:
        raise Invalid(f"The database {NOT_OURS}")
    if found not in known_revisions():
        raise Invalid(f"The database {NEWER}")
    return found


def make(engine: Engine, revision: str) -> None:
    """Creates the tables of this revision in an empty database; raises `Conflict` for one that is not empty."""
    try:
        with engine.connect() as target:
            found = _found(target, revision)
    except OperationalError as error:
        raise Unavailable(f"The other database can't be opened: {str(error.orig).splitlines()[0]}") from error
    if found != revision:
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
    tables, found = set(inspect(target).get_table_names()), found_revision(target)
    if found is None and tables:
        raise Conflict(OTHER_TABLES)
    if found is not None:
        if any(target.scalar(select(db.metadata.tables[name]).limit(1)) is not None for name in LIVED_IN if name in tables):
            raise Conflict(NOT_EMPTY)
        if found != revision:
            raise Conflict(OTHER_VERSION.format(found, revision))
    return found
