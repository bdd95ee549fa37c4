"""Commands for two-factor authentication: `flask two-factor`."""

import click
from flask.cli import AppGroup

from webapp.base.audit import COMMAND_LINE
from webapp.people.accounts import queries
from webapp.people.second_factor import service
from webapp.web.command_errors import names_database, one_line_errors

two_factor = AppGroup("two-factor", help="Help people who have lost their second factor.")


@two_factor.command("off")
@click.argument("email")
@one_line_errors
@names_database
def off(email: str) -> None:
    """Turn it off for an account. After that, only the password is needed to sign in."""
    user = queries.user_of(email)
    service.turn_off(user, COMMAND_LINE)
    click.echo(f"{user.email} can sign in with the password alone.")
