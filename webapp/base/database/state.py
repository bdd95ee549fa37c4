"""Checks that the database responds and has the schema of this version."""

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from webapp.base.database.revisions import is_too_old, known_revisions, newest_revision, why_too_old
from webapp.base.db import DAMAGED, db, is_damage, is_sqlite

OLD_SCHEMA = "The database needs to be migrated to this version. Stop the server and run: flask prepare"
NO_DATABASE = "The database is not responding."
NOT_OPENED = "The database file can't be opened. Check that it is a file, and that Millrace may write to it and to its folder."


def trouble_with_database(*, names_reason: bool = False) -> str:
    """Returns why the database cannot be used now, or an empty string.

    `names_reason` is for operators: it can include the address of a remote server.
    """
    try:
        with db.engine.connect() as connection:
            revision = found_revision(connection)
    except SQLAlchemyError as error:
        return (names_reason and why_unreachable(error)) or _words(error)
    return "" if revision == newest_revision() or is_newer(revision) else why_too_old(revision) or OLD_SCHEMA


def why_unreachable(error: SQLAlchemyError) -> str:
    """Returns the driver's reason why there is no connection to PostgreSQL; empty for any other error."""
    if is_sqlite() or not isinstance(error, DBAPIError) or error.statement:
        return ""
    return f"The database can't be reached: {str(error.orig).partition(chr(10))[0].removeprefix('connection failed: ')}"


def is_newer(revision: str | None) -> bool:
    """Returns whether a later version has migrated the database.

    Such migrations only add, so this version can continue until it is restarted as the new one.
    """
    return bool(revision and revision.isdigit() and revision not in known_revisions() and not is_too_old(revision))


def found_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _words(error: SQLAlchemyError) -> str:
    if is_damage(error):
        return DAMAGED
    # The error of a remote server can include its address, and a health probe shows the text to everyone.
    if not is_sqlite() or not isinstance(error, DBAPIError):
        return NO_DATABASE
    return NOT_OPENED if "unable to open" in str(error) else f"The database failed: {error.orig}."


def is_of_the_metadata(name: str | None, *_where: object) -> bool:
    """Excludes the full-text indexes, which each database creates in its own way and a new migration must not drop."""
    return "_search" not in (name or "")
