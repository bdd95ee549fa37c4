"""Migrations only add: the statements of the last release still work after the next one has migrated the database."""

from collections import defaultdict

import pytest
from flask_migrate import upgrade
from sqlalchemy import Column, MetaData, Table, delete, insert, inspect, select, update

from tests.moving.filled import INDEXES, row
from tests.support.marks import on_both_databases
from webapp.base.db import db

# The newest migration of the last release, 1.5. A new release updates it; columns that it no longer needs can be dropped then.
RELEASED = "0320"
ROWS = 4
pytestmark = pytest.mark.slow


@on_both_databases
def test_every_table_of_the_last_release_can_be_written_and_read_as_it_does(empty_database, make_bare_app):
    with make_bare_app(**empty_database).app_context():
        upgrade(revision=RELEASED)
        old = [as_released(table) for table in db.metadata.sorted_tables if inspect(db.engine).has_table(table.name)]
        assert {table.name for table in old} >= {"users", "chats", "messages", "generations", "plans"}
        upgrade()
        empty(old)

        written = {table: written_to(table) for table in old}
        for table, rows in written.items():
            assert found(table) == rows, table.name
        empty(old)


def empty(tables: list[Table]) -> None:
    """Deletes all rows; before the test those that migrations insert."""
    with db.engine.begin() as connection:
        for table in reversed(tables):
            connection.execute(delete(table))


def as_released(table: Table) -> Table:
    """Returns the table with the columns that it had, without today's defaults."""
    names = [column["name"] for column in inspect(db.engine).get_columns(table.name)]
    # A column that is missing here existed, and the last release selects it.
    assert set(names) <= set(table.columns.keys()), table.name
    columns = [table.columns[name] for name in names]
    return Table(
        table.name, MetaData(), *(Column(column.name, column.type, primary_key=column.primary_key) for column in columns)
    )


def written_to(table: Table) -> list[tuple]:
    """Inserts rows and then updates each to its own values; returns them."""
    now = db.metadata.tables[table.name]
    made = [row(now, number, defaultdict(lambda: ROWS)) for number in range(ROWS if table.name not in INDEXES else 0)]
    rows = [{column.name: values[column.name] for column in table.columns} for values in made]
    with db.engine.begin() as connection:
        for values in rows:
            connection.execute(insert(table), values)
            keys = [column == values[column.name] for column in table.primary_key.columns]
            assert connection.execute(update(table).where(*keys), values).rowcount == 1
    return sorted((tuple(row_values.values()) for row_values in rows), key=repr)


def found(table: Table) -> list[tuple]:
    with db.engine.connect() as connection:
        return sorted((tuple(values) for values in connection.execute(select(table))), key=repr)
