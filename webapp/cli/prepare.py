"""`flask prepare`: creates keys, the database and the owner's link before every start."""

from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from flask_migrate import upgrade
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from webapp.accounts import service as accounts
from webapp.characters import shipped
from webapp.cli import addresses, ready
from webapp.config import ROOT, make_keys
from webapp.current import the_config
from webapp.db import DAMAGED, db, is_damage, is_sqlite
from webapp.db_state import found_revision
from webapp.health import backups
from webapp.revisions import known_revisions, newest_revision
from webapp.web import compiled
from webapp.web.command_errors import one_line_errors

NEWER = "The database was created by a newer version of Millrace. It was not changed."
NO_VERSION = "The database has the tables of Millrace, but doesn't say of which version. It was not changed. Restore a backup."


@click.command()
@with_appcontext
@one_line_errors
def prepare() -> None:
    """Create what is missing: keys, database, the owner's link.

    An SQLite database is backed up to the data folder before it is migrated. Every start does this first.
    """
    config = the_config()
    with backups.locked(config.data_dir):
        for path in make_keys(config.data_dir):
            click.echo(f"Created {path}. To keep the key elsewhere, set {path.name.upper()} to its content and delete the file.")
        _migrate(config.data_dir)
        compiled.keep(current_app, config.data_dir)
        shipped.ship()
        link = accounts.owner_link(addresses.address(config))
        ready.note(config)
    addresses.say(config, link)


def _migrate(data_dir: Path) -> None:
    if is_sqlite():
        backups.make_private()
    with db.engine.connect() as connection:
        found = found_revision(connection)
        tables = inspect(connection).get_table_names()
    if found == newest_revision():
        return
    if found and found not in known_revisions():
        raise click.ClickException(NEWER)
    if not found and db.metadata.tables.keys() & set(tables):
        raise click.ClickException(NO_VERSION)
    if is_sqlite() and tables:
        click.echo(f"Database copy from before this migration: {backups.safety_copy(data_dir, 'before-migration')}")
    _upgrade()
    click.echo("The database is up to date.")


def _upgrade() -> None:
    try:
        upgrade(str(ROOT / "migrations"))
    except DBAPIError as error:
        # Any other command would name this one as what helps.
        words = DAMAGED if is_damage(error) else f"The database couldn't be migrated: {error.orig}."
        raise click.ClickException(words) from error
