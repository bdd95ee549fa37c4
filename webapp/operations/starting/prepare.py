"""`flask prepare`: creates keys, the database and the owner's link before every start."""

import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from flask_migrate import upgrade
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import DBAPIError

from webapp.base import catalogues
from webapp.base.config import ROOT, kept_encryption_keys, make_keys, mistyped
from webapp.base.current import CONFIG, the_config
from webapp.base.database.revisions import known_revisions, newest_revision, why_too_old
from webapp.base.database.state import found_revision
from webapp.base.db import DAMAGED, autocommit_connection, db, is_blocked, is_damage, is_sqlite, write
from webapp.models.connections import listing
from webapp.operations.health import backups, facts
from webapp.operations.starting import ready, shipped_characters
from webapp.people.accounts import service as accounts
from webapp.people.receipts import keys as receipt_keys
from webapp.web import routes, templates
from webapp.web.command_errors import names_database, one_line_errors

NEWER = "The database was created by a newer version of Millrace. It was not changed."
# The key of the advisory lock, which no other program uses in this database.
PREPARING = 0x6D696C6C
POLL_SECONDS = 0.2
# Each of them waits for a lock for up to ten seconds.
TRIES = 60
OF_OTHERS = 0o077
BLOCKED = "A table of the database is in use, maybe by a backup. Nothing was changed yet. Trying again."
TABLE_IN_USE = "The database couldn't be migrated, as one of its tables is in use. It was not changed."
NO_VERSION = "The database has the tables of Millrace, but doesn't say of which version. It was not changed. Restore a backup."


@click.command()
@with_appcontext
@one_line_errors
@names_database
def prepare() -> None:
    """Create what is missing: keys, database, the owner's link.

    An SQLite database is backed up to the data folder before it is migrated. Every start does this first.
    """
    config = the_config()
    for sentence in mistyped():
        click.echo(sentence, err=True)
    with backups.locked(config.data_dir):
        for path in make_keys(config.data_dir):
            click.echo(f"Created {path}. To keep the key elsewhere, set {path.name.upper()} to its content and delete the file.")
        if not config.encryption_keys:
            CONFIG.set(replace(config, encryption_keys=kept_encryption_keys(config)))
        _close_to_others(config.data_dir)
        with _one_machine_at_a_time():
            _migrate(config.data_dir)
            shipped_characters.ship()
            with write() as session:
                listing.fit(session)
                receipt_keys.private_key(session)
        for fact in facts.network_disk():
            click.echo(f"{fact.words} {fact.hint}", err=True)
        templates.compile_all(current_app, config.data_dir)
        routes.write(current_app, config.data_dir)
        files = catalogues.sources(*ready.languages_of(config))
        catalogues.compile_all(files.values(), catalogues.compiled_in(config.data_dir))
        link = accounts.owner_link(ready.address(config))
        ready.note(config)
    ready.print_addresses(config, link)


def _close_to_others(data_dir: Path) -> None:
    """Removes the permissions of other users from the data folder, where chats and hashes of passwords are."""
    mode = stat.S_IMODE(data_dir.stat().st_mode)
    if not mode & OF_OTHERS:
        return
    try:
        data_dir.chmod(mode & ~OF_OTHERS)
    except PermissionError:
        click.echo(f"Other users of this machine can read {data_dir}, which belongs to another user. Run: chmod 700", err=True)
    else:
        click.echo(f"Other users of this machine could read {data_dir}. They no longer can.", err=True)


@contextmanager
def _one_machine_at_a_time() -> Iterator[None]:
    """Serialises the preparation by several machines that start together with one PostgreSQL."""
    if is_sqlite():
        yield
        return
    # Without a transaction, as one that stays open would prevent others from altering tables.
    with autocommit_connection() as connection:
        while not connection.scalar(select(func.pg_try_advisory_lock(PREPARING))):
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            connection.execute(select(func.pg_advisory_unlock(PREPARING)))


def _migrate(data_dir: Path) -> None:
    if is_sqlite():
        backups.make_private()
    with db.engine.connect() as connection:
        revision = found_revision(connection)
        tables = inspect(connection).get_table_names()
    if revision == newest_revision():
        return
    if revision and revision not in known_revisions():
        raise click.ClickException(why_too_old(revision) or NEWER)
    if not revision and db.metadata.tables.keys() & set(tables):
        raise click.ClickException(NO_VERSION)
    if is_sqlite() and tables:
        click.echo(f"Database copy from before this migration: {backups.safety_copy(data_dir, 'before-migration')}")
    _upgrade()
    click.echo("The database is up to date.")


def _upgrade() -> None:
    """Migrates, with retries: while a migration waits for a table lock, it blocks all pages, so it times out and tries again."""
    for _ in range(TRIES):
        if _is_upgraded():
            return
        click.echo(BLOCKED, err=True)
    raise click.ClickException(TABLE_IN_USE)


def _is_upgraded() -> bool:
    try:
        upgrade(str(ROOT / "migrations"))
    except DBAPIError as error:
        if is_blocked(error):
            return False
        # Not the error of other commands, which would recommend this very command.
        words = DAMAGED if is_damage(error) else f"The database couldn't be migrated: {error.orig}."
        raise click.ClickException(words) from error
    return True
