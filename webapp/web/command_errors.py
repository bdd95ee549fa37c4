"""What commands have in common: errors in one line on the terminal, and the name of the database that they write to."""

import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from sqlalchemy.exc import DBAPIError

from webapp.base.config import database_words
from webapp.base.current import the_config
from webapp.base.database.state import trouble_with_database, why_unreachable
from webapp.base.db import DAMAGED, is_damage
from webapp.base.errors import AppError, Unavailable

P = ParamSpec("P")
R = TypeVar("R")
NAMED = "millrace.database_is_named"


def one_line_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turns refusals, file errors and database errors into a `ClickException`; SQL and its values are never printed."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except AppError as error:
            # A database that isn't there looks like one that others write to.
            words = trouble_with_database(names_reason=True) if isinstance(error, Unavailable) else ""
            raise click.ClickException(words or error.message) from error
        except OSError as error:
            raise click.ClickException(": ".join(filter(None, (error.filename, error.strerror or str(error)))) + ".") from error
        except sqlite3.Error as error:
            words = DAMAGED if is_damage(error) else f"SQLite failed: {error}."
            raise click.ClickException(words) from error
        except DBAPIError as error:
            words = (
                DAMAGED
                if is_damage(error)
                else why_unreachable(error) or trouble_with_database() or f"The database failed: {error.orig}."
            )
            raise click.ClickException(words) from error

    return wrapped


def names_database(command: Callable[P, R]) -> Callable[P, R]:
    """Names the database on standard error before a command that writes: with other variables it would be another one."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        name_database()
        return command(*args, **kwargs)

    return wrapped


def name_database() -> None:
    """Names the database on standard error, once in a command; outside a command, nothing."""
    context = click.get_current_context(silent=True)
    if context and not context.meta.get(NAMED):
        context.meta[NAMED] = True
        click.echo(f"Database: {database_words(the_config())}", err=True)
