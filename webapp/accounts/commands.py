"""Commands for accounts: `flask users` and `flask tokens`."""

import sys

import click
from flask.cli import AppGroup

from webapp.accounts import directory, queries, service
from webapp.accounts import tokens as api_tokens
from webapp.accounts.roles import SCOPES, allowed_scopes
from webapp.web.command_errors import names_database, one_line_errors

users = AppGroup("users", help="Manage accounts: list them, add them, set passwords.")
tokens = AppGroup("tokens", help="Manage API tokens.")


@users.command("add")
@click.argument("email")
@click.option("--role", default="member", show_default=True, help="owner, admin, member or guest")
@click.option("--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input.")
@one_line_errors
@names_database
def add_user(email: str, role: str, from_stdin: bool) -> None:
    """Create an account. Prompts for the password."""
    user = service.add_user(email, role, _password(from_stdin))
    click.echo(f"{user.email} can sign in as {user.role}.")


@users.command("password")
@click.argument("email")
@click.option("--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input.")
@one_line_errors
@names_database
def set_password(email: str, from_stdin: bool) -> None:
    """Set a new password for an account. Prompts for it, and ends all sessions of the account."""
    user = queries.user_of(email)
    service.set_password(user, _password(from_stdin))
    click.echo(f"{user.email} has a new password and has been signed out everywhere.")


@users.command("list")
@one_line_errors
def list_users() -> None:
    """Show every account with its role and its state."""
    for user, seen_at in directory.all_people():
        seen = f"seen {seen_at:%Y-%m-%d %H:%M} UTC" if seen_at else "never signed in"
        click.echo("  ".join(filter(None, (user.email, user.role, "disabled" if user.disabled_at else "", seen))))


@tokens.command("add")
@click.argument("email")
@click.option("--name", required=True, help="What will use the token.")
@click.option("--scopes", default="", help=f"Comma-separated: {', '.join(SCOPES)}. Defaults to everything the role allows.")
@one_line_errors
@names_database
def add_token(email: str, name: str, scopes: str) -> None:
    """Create an API token for an account. It never expires. Prints the token and nothing else."""
    user = queries.user_of(email)
    chosen = [each.strip() for each in scopes.split(",") if each.strip()]
    click.echo(api_tokens.make_token(user, name, chosen or allowed_scopes(user.role)))


def _password(from_stdin: bool) -> str:
    if from_stdin:
        # A password can end in spaces: only the line ending is removed.
        return sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise click.ClickException("Pass the password on standard input, with --password-stdin.")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password
