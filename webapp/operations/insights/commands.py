"""Commands for insights: `flask insights`."""

import click
from flask.cli import AppGroup

from webapp.base.words import plural
from webapp.operations.insights import days
from webapp.web.command_errors import names_database, one_line_errors

insights = AppGroup("insights", help="The figures of answers.")


@insights.command("recount")
@one_line_errors
@names_database
def recount() -> None:
    """Sum up all past days again, from the answers."""
    click.echo(f"Counted {plural(days.sum_up_all(), 'day')}.")
