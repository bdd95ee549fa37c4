"""What a command says when it cannot: one line in place of a traceback."""

import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from sqlalchemy.exc import DBAPIError

from webapp.errors import AppError
from webapp.web.health import trouble_with_database

P = ParamSpec("P")
R = TypeVar("R")


def told(command: Callable[P, R]) -> Callable[P, R]:
    """Says what was refused: by us, by the file system, or by a database, whose own words would hold what was to be stored."""

    @wraps(command)
    def telling(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except AppError as error:
            raise click.ClickException(error.message) from error
        except OSError as error:
            raise click.ClickException(": ".join(filter(None, (error.filename, error.strerror or str(error)))) + ".") from error
        except sqlite3.Error as error:
            raise click.ClickException(f"SQLite could not do it: {error}.") from error
        except DBAPIError as error:
            raise click.ClickException(trouble_with_database() or f"The database could not do it: {error.orig}.") from error

    return telling
