"""Commands for accounts: `flask users` and `flask tokens`."""

import sys

import click
from flask.cli import AppGroup

from webapp.base.current import the_config
from webapp.people.accounts import directory, queries, service, tokens as api_tokens
from webapp.people.accounts.permissions import allowed_scopes
from webapp.people.accounts.roles import SCOPES
from webapp.web.command_errors import names_database, one_line_errors

users = AppGroup("users", help="Manage accounts: list them, add them, set passwords.")
tokens = AppGroup("tokens", help="Manage API tokens.")
LIMIT = click.IntRange(0, api_tokens.MOST_LIMIT)


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
@click.option("--revoke-tokens", is_flag=True, help="Revoke the account's API tokens, too.")
@one_line_errors
@names_database
def set_password(email: str, from_stdin: bool, revoke_tokens: bool) -> None:
    """Set a new password for an account. Prompts for it, and ends all sessions of the account."""
    user = queries.user_of(email)
    service.set_password(user, _password(from_stdin), revokes_tokens=revoke_tokens)
    click.echo(f"{user.email} has a new password and has been signed out of every browser.")
    if queries.tokens_of(user.id):
        click.echo("Its API tokens keep working. To end them as well, use --revoke-tokens.")


@users.command("sign-in-link")
@click.argument("email")
@one_line_errors
@names_database
def sign_in_link(email: str) -> None:
    """Print a one-time link that signs in an owner. It works for ten minutes, also while passwords are turned off."""
    root = the_config().public_url or f"http://{the_config().bind}"
    click.echo(f"{root.rstrip('/')}/login/link/{service.sign_in_link(queries.user_of(email))}")


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
@click.option("--gateway", "is_gateway", is_flag=True, help="It is a gateway's, with the limits of gateways in the settings.")
@click.option("--per-minute", type=LIMIT, help="With --gateway: how many answers it can start per minute; 0 is no limit.")
@click.option("--at-once", type=LIMIT, help="With --gateway: how many answers it can have in progress; 0 is no limit.")
@click.option("--streams", type=LIMIT, help="With --gateway: how many streams can deliver answers to it; 0 is no limit.")
@one_line_errors
@names_database
def add_token(
    email: str, name: str, scopes: str, is_gateway: bool, per_minute: int | None, at_once: int | None, streams: int | None
) -> None:
    """Create an API token for an account. It never expires. Prints the token and nothing else."""
    user = queries.user_of(email)
    chosen = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    limits = api_tokens.GatewayLimits(per_minute=per_minute, at_once=at_once, streams=streams)
    if limits != api_tokens.GatewayLimits() and not is_gateway:
        raise click.UsageError("--per-minute, --at-once and --streams need --gateway.")
    gateway = limits if is_gateway else None
    click.echo(api_tokens.make_token(user, name, chosen or allowed_scopes(user), gateway=gateway))


@tokens.command("list")
@click.argument("email", default="")
@one_line_errors
def list_tokens(email: str) -> None:
    """Show the API tokens of everyone, or of EMAIL.

    The tokens themselves are stored nowhere.
    """
    for token, owner in queries.tokens_with_owners(queries.user_of(email).id if email else ""):
        used = f"used {token.used_at:%Y-%m-%d %H:%M} UTC" if token.used_at else "never used"
        ends = f"expires {token.expires_at:%Y-%m-%d} UTC" if token.expires_at else ""
        gateway = "gateway" if token.is_gateway else ""
        parts = owner, token.name, f"…{token.last_four}", token.scopes.replace(" ", ","), gateway, ends, used
        click.echo("  ".join(filter(None, parts)))


def _password(from_stdin: bool) -> str:
    if from_stdin:
        # A password can end in spaces: only the line ending is removed.
        return sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise click.ClickException("Pass the password on standard input, with --password-stdin.")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password
