"""The migrations produce the schema that the code expects, and can be undone, on both databases."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, revision, stamp, upgrade
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError

import webapp.base.all_tables  # noqa: F401  what the metadata is made of
from tests.conftest import MakeApp
from tests.support.marks import on_both_databases
from webapp.base.config import ROOT
from webapp.base.database.revisions import known_revisions, newest_revision
from webapp.base.database.state import is_of_the_metadata
from webapp.base.db import db, write
from webapp.chat.record.tables import Chat, Message

MORE = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9999", NEWEST

def upgrade():
"""
REMAKE_CHATS = """
    with op.batch_alter_table("chats", recreate="always") as chats:
        chats.alter_column("title", type_=sa.String(300))
"""
FAIL_HALF_WAY = """
    op.create_table("half", sa.Column("id", sa.Integer()))
    1 / 0
"""


@pytest.fixture
def bare_app(empty_database: dict[str, str], make_bare_app: MakeApp) -> Iterator[Flask]:
    app = make_bare_app(**empty_database)
    with app.app_context():
        yield app


@pytest.fixture
def migrated_app(migrated: dict[str, str], make_bare_app: MakeApp) -> Iterator[Flask]:
    """An application on a copy of a database that was fully migrated once for all tests."""
    app = make_bare_app(**migrated)
    with app.app_context():
        yield app


@contextmanager
def connected() -> Iterator[Connection]:
    with db.engine.connect() as connection:
        yield connection


def tables() -> set[str]:
    with connected() as connection:
        return set(filter(is_of_the_metadata, inspect(connection).get_table_names())) - {"alembic_version"}


@pytest.mark.slow
@on_both_databases
def test_they_make_exactly_what_the_tables_say(migrated_app: Flask) -> None:
    with connected() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_of_the_metadata})
        assert compare_metadata(context, db.metadata) == []
    assert tables() == set(db.metadata.tables)


# What describes each database, with names and definitions. SQLite's definition of a table depends on the order of its changes.
SCHEMA = {
    "sqlite": [
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL",
        'SELECT made.name, part.name, part.type, part."notnull", part.dflt_value, part.pk, part.hidden'
        " FROM sqlite_schema AS made, pragma_table_xinfo(made.name) AS part WHERE made.type = 'table'",
        'SELECT made.name, "table", "from", "to", on_update, on_delete'
        " FROM sqlite_schema AS made, pragma_foreign_key_list(made.name) WHERE made.type = 'table'",
        'SELECT made.name, list."unique", list.origin, list.partial, part.name, part.seqno FROM sqlite_schema AS made,'
        " pragma_index_list(made.name) AS list, pragma_index_info(list.name) AS part WHERE made.type = 'table'",
    ],
    "postgresql": [
        "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, generation_expression"
        " FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype <> 'n'",
        "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    ],
}


def schema() -> set[tuple[str, ...]]:
    """Returns all tables, columns, indexes, constraints and triggers, with their definitions."""
    with connected() as connection:
        rows = [tuple(row) for query in SCHEMA[connection.dialect.name] for row in connection.exec_driver_sql(query)]
    return {tuple(" ".join(str(value).split()) for value in row) for row in rows}


def test_the_base_needs_nothing_of_ours() -> None:
    """Else it would change with the tables of today."""
    declared = [*(ROOT / "migrations" / "schema").glob("*.py"), *(ROOT / "migrations" / "versions").glob("0320_*.py")]
    assert [path.name for path in declared if "webapp" in path.read_text("utf-8")] == []


@on_both_databases
def test_they_can_be_undone_and_done_again(migrated_app: Flask) -> None:
    before = schema()

    downgrade(revision="base")
    assert tables() == set()

    upgrade()
    assert schema() ^ before == set()


@pytest.mark.slow
def test_one_that_is_written_for_a_new_column_leaves_the_triggers(migrated_app: Flask, tmp_path: Path) -> None:
    folder, before = tmp_path / "migrations", schema()
    shutil.copytree(ROOT / "migrations", folder)
    # So that autogenerate sees a new column, in a table with triggers.
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE chats DROP COLUMN min_p")

    revision(directory=str(folder), message="name chats", autogenerate=True)
    upgrade(directory=str(folder))
    downgrade(directory=str(folder), revision="-1")

    assert triggers(schema()) == triggers(before) != set()


def triggers(parts: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    return {part for part in parts if part[0] == "trigger"}


@pytest.mark.slow
def test_a_new_one_has_the_next_number_and_leaves_the_indexes_of_words(migrated_app: Flask, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder)

    revision(directory=str(folder), message="say nothing new", autogenerate=True)

    written = folder / "versions" / f"{int(max(known_revisions())) + 1:04}_say_nothing_new.py"
    assert "drop_table" not in written.read_text("utf-8")


@pytest.mark.slow
def test_what_is_written_for_a_new_table_needs_nothing_of_ours(bare_app: Flask, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder)
    # So that autogenerate sees every table as new.
    stamp()

    revision(directory=str(folder), message="make all", autogenerate=True)

    (written,) = (folder / "versions").glob("*_make_all.py")
    source = written.read_text("utf-8")
    assert "op.create_table('users'" in source
    assert "webapp" not in source


@on_both_databases
def test_constraints_have_the_names_of_the_convention(migrated_app: Flask) -> None:
    with connected() as connection:
        inspector = inspect(connection)
        for table in db.metadata.sorted_tables:
            assert {key["name"] for key in inspector.get_foreign_keys(table.name)} == {
                key.name for key in table.foreign_key_constraints
            }
            assert {index["name"] for index in inspector.get_indexes(table.name)} >= {index.name for index in table.indexes}
            assert {key["options"].get("ondelete") for key in inspector.get_foreign_keys(table.name)} <= {"CASCADE", "SET NULL"}


@on_both_databases
def test_only_one_answer_at_a_time_may_be_written_in_a_lane(migrated_app: Flask) -> None:
    add_generation("1", "completed")
    add_generation("2", "running")
    with pytest.raises(IntegrityError):
        add_generation("3", "queued")


@pytest.mark.parametrize("name", ["passages", "messages", "chats"])
def test_no_commit_merges_all_of_an_index_of_words(migrated_app: Flask, name: str) -> None:
    with connected() as connection:
        (column,) = connection.exec_driver_sql(f"SELECT name FROM pragma_table_info('{name}_search') LIMIT 1").one()
        for row in range(40):
            connection.exec_driver_sql(f"INSERT INTO {name}_search(rowid, {column}) VALUES ({row}, 'some words')")
            connection.commit()
        # By default FTS5 merges sixteen segments at a time, and then sixteen of the merged ones.
        assert connection.scalar(text(f"SELECT count(DISTINCT segid) FROM {name}_search_idx")) == 40


@on_both_databases
def test_a_chat_and_its_messages_go_together(migrated_app: Flask) -> None:
    with write() as session:
        session.add(Chat(id="c", model="demo/quick"))
        session.flush()
        session.add(Message(id="m", chat_id="c", role="user"))
        session.flush()
        session.get_one(Chat, "c").head_id = "m"

    with write() as session:
        session.execute(text("DELETE FROM chats"))

    assert db.session.get(Message, "m") is None


def test_the_journal_is_a_table_without_row_numbers(migrated_app: Flask) -> None:
    with connected() as connection:
        made_by = connection.scalar(text("SELECT sql FROM sqlite_schema WHERE name = 'generation_journal'"))
    assert made_by.rstrip().endswith("WITHOUT ROWID")


def test_foreign_keys_are_guarded_again_afterwards(migrated_app: Flask, tmp_path: Path) -> None:
    upgrade(directory=str(with_one_more(tmp_path, REMAKE_CHATS)))

    with connected() as connection:
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    with pytest.raises(IntegrityError), write() as session:
        session.add(Message(chat_id="nowhere", role="user"))


@pytest.mark.slow
def test_a_table_that_is_made_anew_keeps_what_refers_to_it(migrated_app: Flask, tmp_path: Path) -> None:
    with write() as session:
        session.add_all([Chat(id="c", model="demo/quick"), Message(id="m", chat_id="c", role="user")])

    upgrade(directory=str(with_one_more(tmp_path, REMAKE_CHATS)))

    with connected() as connection:
        assert connection.scalars(text("SELECT id FROM messages")).all() == ["m"]


@pytest.mark.slow
def test_a_migration_that_fails_half_way_leaves_no_trace(migrated_app: Flask, tmp_path: Path) -> None:
    before = tables()

    with pytest.raises(ZeroDivisionError):
        upgrade(directory=str(with_one_more(tmp_path, FAIL_HALF_WAY)))

    assert tables() == before


def with_one_more(tmp_path: Path, steps: str) -> Path:
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder)
    (folder / "versions" / "9999_more.py").write_text(MORE.replace("NEWEST", repr(newest_revision())) + steps, "utf-8")
    return folder


def add_generation(id: str, status: str) -> None:
    values = {"kind": "chat", "lane": "chat:1", "model_asked": "demo/quick", "owner": "nobody"}
    with write() as session:
        session.execute(db.metadata.tables["generations"].insert().values(id=id, status=status, **values))
