"""How migrations run: on the application's own connection, in one transaction, on SQLite too."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection, Engine

import webapp.base.all_tables  # noqa: F401  what autogenerate compares with
from webapp.base.database.revisions import known_revisions, why_too_old
from webapp.base.database.state import found_revision, is_of_the_metadata
from webapp.base.db import UTCDateTime, db
from webapp.web.command_errors import name_database


def run() -> None:
    name_database()
    options = current_app.extensions["migrate"].configure_args
    engine = context.config.attributes.get("engine", db.engine)
    refuse_too_old(engine)
    with engine.connect() as connection, without_foreign_keys(connection):
        connection = connection.execution_options(is_write=True)
        # On SQLite we begin transactions ourselves, so that a migration that fails half-way is rolled back completely.
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            transactional_ddl=True,
            include_name=is_of_the_metadata,
            process_revision_directives=number,
            render_item=written,
            **options,
        )
        with context.begin_transaction():
            context.run_migrations()
            refuse_orphans(connection)


def refuse_too_old(engine: Engine) -> None:
    with engine.connect() as connection:
        if why := why_too_old(found_revision(connection)):
            raise CommandError(why)


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def number(_context: MigrationContext, _revision: object, made: list[MigrationScript]) -> None:
    """Numbers a new migration consecutively."""
    made[0].rev_id = f"{int(max(known_revisions())) + 1:04}"


def written(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Renders our column types as their database types: a migration must not import application code, which keeps changing."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCDateTime) else False


@contextmanager
def without_foreign_keys(connection: Connection) -> Iterator[None]:
    """Turns off foreign keys: SQLite alters a table by recreating it, and dropping the old one must not cascade."""
    if not is_sqlite(connection):
        yield
        return
    # Directly on the driver's connection: SQLAlchemy would begin a transaction, in which the pragma has no effect.
    raw = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def refuse_orphans(connection: Connection) -> None:
    if is_sqlite(connection) and (orphans := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
        raise RuntimeError(f"The migration would leave rows that refer to nothing: {orphans[:5]}")


run()
