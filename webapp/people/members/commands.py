"""Commands that manage accounts: those of `flask users` that need more than the account, and `flask erase`."""

import json

import click
from flask.cli import with_appcontext

from webapp.base.audit import COMMAND_LINE
from webapp.people.accounts import queries
from webapp.people.accounts.commands import users
from webapp.people.accounts.roles import ROLES
from webapp.people.members import service
from webapp.web.command_errors import names_database, one_line_errors


@users.command("disable")
@click.argument("email")
@one_line_errors
@names_database
def disable(email: str) -> None:
    """Disable an account.

    Its sessions end and its tokens stop working, and its data stays.
    """
    person = queries.user_of(email)
    service.disable(person, author=COMMAND_LINE)
    click.echo(f"{person.email} is disabled. To undo it: flask users enable {person.email}")


@users.command("enable")
@click.argument("email")
@one_line_errors
@names_database
def enable(email: str) -> None:
    """Enable a disabled account."""
    person = queries.user_of(email)
    service.enable(person, author=COMMAND_LINE)
    click.echo(f"{person.email} can sign in as before.")


@users.command("role")
@click.argument("email")
@click.argument("role", metavar="|".join(ROLES))
@one_line_errors
@names_database
def change_role(email: str, role: str) -> None:
    """Change the role of an account.

    Open links that it made end.
    """
    person = queries.user_of(email)
    service.change_role(person, role, author=COMMAND_LINE)
    click.echo(f"{person.email} is {role} now.")


@click.command("erase")
@click.argument("email")
@click.option("--hand-over-to", "heir", default="", help="The email of who gets what --hand-over names.")
@click.option(
    "--hand-over",
    "names",
    default="",
    help="Comma-separated: chats, characters, collections, presets, projects, prompts, schedules.",
)
@click.option("--yes", is_flag=True, help="Don't ask for the email again.")
@click.option("--json", "is_json", is_flag=True, help="Print the receipt as JSON.")
@with_appcontext
@one_line_errors
@names_database
def erase(email: str, heir: str, names: str, yes: bool, is_json: bool) -> None:
    """Delete an account permanently, and print the receipt."""
    person = queries.user_of(email)
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    known = service.heirlooms().keys()
    if wrong := [name for name in chosen if name not in known] or (["nothing"] if heir and not chosen else []):
        raise click.UsageError(f"--hand-over can name {', '.join(sorted(known))}, not {wrong[0]}.")
    if not yes and click.prompt(f"This can't be undone. Type {person.email} to erase the account") != person.email:
        raise click.ClickException("That isn't the account's email, so nothing was erased.")
    to = service.Inheritance(queries.user_of(heir).id if heir else "", chosen)
    receipt = service.erase_person(person.email, to=to)
    click.echo(json.dumps(receipt.record, indent=2, ensure_ascii=False) if is_json else receipt.text)
