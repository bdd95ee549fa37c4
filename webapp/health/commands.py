"""Commands for operators: `flask check`, `flask backup` and `flask restore`."""

import sys
from functools import partial
from pathlib import Path

import click
from flask.cli import with_appcontext

from webapp.accounts.audit import COMMAND_LINE
from webapp.connections import service as connections
from webapp.connections.models import providers
from webapp.current import the_config
from webapp.db_state import trouble_with_database
from webapp.health import backups, facts
from webapp.health.fact import Fact
from webapp.web.command_errors import one_line_errors
from webapp.words import plural

MARKS = {"ok": "ok  ", "warn": "!   ", "bad": "BAD ", "": "    "}


@click.command()
@with_appcontext
@one_line_errors
def check() -> None:
    """Show the health of everything, with hints. Tests every connection, and fails if something is broken."""
    if not trouble_with_database():
        _check_connections()
    chapters = facts.chapters(is_thorough=True)
    for chapter in chapters:
        click.echo(chapter.title)
        for fact in chapter.facts:
            _print(fact)
    if any(fact.tone == "bad" for chapter in chapters for fact in chapter.facts):
        sys.exit(1)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_appcontext
@one_line_errors
def backup(file: Path) -> None:
    """Back up the SQLite database and files to FILE and FILE.files.

    Chats' files go to the folder FILE.files. The server may run meanwhile.

    FILE must not exist yet. It doesn't include the keys: keep secret_key and encryption_key from the data folder with it.
    """
    backups.back_up(file)
    count = backups.back_up_files(the_config().files_dir, file)
    keys = f"the keys in {the_config().data_dir} or your environment"
    if count:
        click.echo(f"Copied {plural(count, 'file')} to {backups.files_of(file)}.")
    click.echo(f"Copied the database to {file}. Its secrets can only be read with {keys}.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@with_appcontext
@one_line_errors
def restore(file: Path) -> None:
    """Restore the SQLite database and files from FILE and FILE.files.

    Files are restored if the folder FILE.files is there.

    Stop the server first. The current database is kept under another name. Then run: flask prepare
    """
    data_dir = the_config().data_dir
    with backups.locked(data_dir):
        kept = backups.restore(file, data_dir)
        backups.restore_files(file, the_config().files_dir)
    if kept:
        click.echo(f"Previous database saved as: {kept}")
    click.echo(f"Restored {file}. Now run: flask prepare")


def _check_connections() -> None:
    for each in providers().connections():
        if each.is_usable:
            connections.check(each.slug, partial(providers().provider, each.slug), actor=COMMAND_LINE)
    providers().forget()


def _print(fact: Fact) -> None:
    click.echo(f"  {MARKS[fact.tone]}{fact.name}: {fact.words}")
    if fact.hint:
        click.echo(f"        {fact.hint}")
