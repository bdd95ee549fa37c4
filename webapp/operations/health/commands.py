"""Commands for operators: `flask check`, `flask backup`, `flask restore`, `flask rehearse` and `flask version`."""

import json
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError

from webapp.base.audit import COMMAND_LINE
from webapp.base.current import the_config
from webapp.base.database import copying
from webapp.base.database.state import trouble_with_database
from webapp.base.db import db, is_sqlite
from webapp.base.env_variables import database_url
from webapp.base.errors import AppError, Unavailable
from webapp.base.version import VERSION
from webapp.base.words import plural, size
from webapp.models.connections import service as connections
from webapp.models.connections.cache import the_connections
from webapp.models.connections.providers import providers
from webapp.operations.health import backups, facts, nightly, rehearsal
from webapp.web.command_errors import names_database, one_line_errors
from webapp.web.feature import brought
from webapp.web.health_facts import Chapter, HealthFact

MARKS = {"ok": "ok  ", "warn": "!   ", "bad": "BAD ", "": "    "}


@click.command()
@with_appcontext
@one_line_errors
@names_database
def check() -> None:
    """Show the health of everything, with hints. Tests every connection, and fails if something is broken."""
    untested = "" if trouble_with_database() else _check_connections()
    chapters = facts.chapters(is_thorough=True)
    if untested:
        chapters.append(Chapter("Connections", [HealthFact("Not tested", untested, "bad")]))
    for chapter in chapters:
        click.echo(chapter.title)
        for fact in chapter.facts:
            click.echo(f"  {MARKS[fact.tone]}{fact.name}: {fact.words}")
            if fact.hint:
                click.echo(f"        {fact.hint}")
    if any(fact.tone == "bad" for chapter in chapters for fact in chapter.facts):
        sys.exit(1)


@click.command()
@click.argument("target", metavar="FILE|FOLDER|ADDRESS")
@click.option("--keep", type=click.IntRange(1), help="In a FOLDER: remove older backups, so that this many remain.")
@click.option("--files", type=click.Path(path_type=Path, file_okay=False), help="Where to copy files, with an ADDRESS.")
@with_appcontext
@one_line_errors
@names_database
def backup(target: str, keep: int | None, files: Path | None) -> None:
    """Back up the database and files to FILE or FOLDER, or to ADDRESS.

    FILE is an SQLite file that must not exist yet, whatever the database is; chats' files go to the folder FILE.files.

    In a FOLDER, each backup is named by its time: millrace-20260301-020000.sqlite3.

    ADDRESS is an empty PostgreSQL database, such as postgresql://millrace@localhost/millrace. Every row is copied, and
    compared when all are there. PGPASSWORD or ~/.pgpass can hold its password.

    The server can keep running; what is written after the start isn't in the copy. A copy doesn't include the keys: keep
    secret_key and encryption_key from the data folder with it.
    """
    backups.refuse_if_empty()
    if "://" in target:
        _move(target, files)
        return
    folder = Path(target)
    if keep and not folder.is_dir():
        raise click.UsageError("--keep goes with a FOLDER that exists.")
    file = backups.dated_name(folder) if folder.is_dir() else folder
    if is_sqlite():
        backups.back_up(file)
    else:
        backups.refuse_to_overwrite(file)
        with backups.unfinished(file) as unfinished:
            copied = _copy(_own_url(), f"sqlite:///{unfinished}")
        backups.note()
        _print_copied(copied)
    if count := backups.back_up_files(the_config().files_dir, file):
        click.echo(f"Copied {plural(count, 'file')} to {backups.files_of(file)}.")
    click.echo(f"Copied the database to {file}. Its secrets can only be read with {_keys()}.")
    if keep and (older := backups.remove_older(folder, keep)):
        click.echo(f"Removed {plural(len(older), 'older backup')}.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@with_appcontext
@one_line_errors
@names_database
def restore(file: Path) -> None:
    """Restore the database and files from FILE and FILE.files.

    Files are restored if the folder FILE.files is there.

    Stop the server first. The current SQLite database is kept under another name; a PostgreSQL database must be empty. Then run:
    flask prepare
    """
    config = the_config()
    with backups.locked(config.data_dir):
        if is_sqlite():
            if copy := backups.restore(file, config.data_dir):
                click.echo(f"Previous database saved as: {copy}")
        else:
            backups.check(file)
            backups.refuse_while_running(config.data_dir)
            _print_copied(_copy(f"sqlite:///{file.absolute()}", _own_url()))
        backups.restore_files(file, config.files_dir)
    click.echo(f"Restored {file}. Now run: flask prepare")


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="[BACKUP]")
@click.option("--live", is_flag=True, help="Rehearse on a fresh copy of the database instead.")
@click.option("--minutes", type=click.FloatRange(0.05, 1440), default=60, show_default=True, help="Give up after this time.")
@with_appcontext
@one_line_errors
def rehearse(file: Path | None, live: bool, minutes: float) -> None:
    """Try an upgrade on a scratch copy of BACKUP.

    It runs this version's migrations there, and tries the application on the result. Without BACKUP, it takes the newest copy of
    the nights, or a fresh copy of the database if there is none. The data of the server are only read, and the scratch copy is
    removed. Fails if a migration fails or loses something, or if pages then fail.
    """
    kept = nightly.copies() if is_sqlite() and not (live or file) else []
    backup = file or (kept[0].path if kept else None)
    with nullcontext(backup) if backup else rehearsal.fresh_copy(_copy_live) as copy:
        click.echo(f"Rehearsing on {backup or 'a fresh copy of the database'}.")
        outcome = rehearsal.rehearse(copy, minutes=minutes)
    for fault in outcome.faults:
        click.echo(f"{MARKS['bad']}{fault}")
    if outcome.faults:
        raise click.ClickException("The rehearsal failed: don't upgrade with these files. Nothing was changed.")
    steps = (
        f"{plural(outcome.steps, 'migration')}, from {outcome.before} to {outcome.after}"
        if outcome.steps
        else "No migration is due"
    )
    click.echo(f"{steps}. It took {outcome.seconds:.0f} seconds and at most {size(outcome.needed_bytes)} of disk space.")
    click.echo("Nothing was lost, and the pages answer. Nothing was changed.")


@click.command(hidden=True)
@click.argument("migrations", type=click.Path(path_type=Path, exists=True, file_okay=False))
@with_appcontext
def perform_rehearsal(migrations: Path) -> None:
    """Migrate the scratch copy of a rehearsal."""
    try:
        rehearsal.perform(migrations, lambda told: click.echo(json.dumps(told)))
    except AppError as error:
        raise click.ClickException(error.message) from error


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(" ".join(filter(None, ("Millrace", VERSION, facts.commit()))))


def _move(address: str, files: Path | None) -> None:
    if not address.startswith("postgres"):
        raise click.UsageError("ADDRESS is a PostgreSQL database. For an SQLite file, give its path.")
    if files:
        # Before the database is filled: it has to be empty the next time.
        backups.refuse_unless_writable(files)
    copied = _copy(_own_url(), database_url(address))
    backups.note()
    _print_copied(copied)
    count = backups.copy_files(the_config().files_dir, files) if files else 0
    where = f"{plural(count, 'file')} copied to {files}" if files else f"Files stay in {the_config().files_dir}"
    click.echo(f"{where}. Its secrets can only be read with {_keys()}.")


def _print_copied(copied: copying.Copied) -> None:
    click.echo(f"Copied {plural(copied.rows, 'row')} of {plural(copied.tables, 'table')}. All were read again and are equal.")


def _keys() -> str:
    return f"the keys in {the_config().data_dir} or your environment"


def _check_connections() -> str:
    """Tests every connection; returns why not, if the results can't be stored, as on a full disk."""
    try:
        for connection in the_connections().team():
            if connection.is_usable:
                connections.check(connection.slug, partial(providers().provider, connection.slug), author=COMMAND_LINE)
    except (Unavailable, DBAPIError):
        db.session.rollback()
        return "The result of a test can't be stored."
    the_connections().forget()
    return ""


def _own_url() -> str:
    url: str = current_app.config["SQLALCHEMY_DATABASE_URI"]
    return url


def _copy_live(file: Path) -> None:
    if is_sqlite():
        backups.copy_database(file)
        return
    with backups.unfinished(file) as unfinished:
        _copy(_own_url(), f"sqlite:///{unfinished}")


def _copy(source_url: str, target_url: str) -> copying.Copied:
    return copying.copy(source_url, target_url, brought(copying.Index))
