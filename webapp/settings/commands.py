"""Commands for settings and encryption keys: `flask settings` and `flask keys`."""

import click
from flask.cli import AppGroup

from webapp.base.audit import COMMAND_LINE
from webapp.base.config import random_key
from webapp.settings import service
from webapp.settings.secrets import keyring
from webapp.settings.secrets.encryption import the_encryption
from webapp.web.command_errors import names_database, one_line_errors

CONFIRM = click.option("--confirm", "confirmed", type=int, help="How many things the change deletes, when it has told you.")

settings = AppGroup("settings", help="Show and change settings. A running server picks up changes within a second.")
ROTATION_WORDS = {"rotated": "re-encrypted", "current": "is up to date", "unreadable": "can't be read with any of the keys"}

keys = AppGroup("keys", help="Create and rotate encryption keys.")


@settings.command("list")
@one_line_errors
def list_settings() -> None:
    """Show every setting, its value, and where that comes from."""
    for shown_setting in service.all_settings():
        click.echo(
            f"{shown_setting.setting.name} = {shown_setting.text}  ({shown_setting.source})\n    {shown_setting.setting.sentence}"
        )


@settings.command("get")
@click.argument("name")
@one_line_errors
def get_setting(name: str) -> None:
    """Print the value in effect."""
    click.echo(service.shown_setting(name).text)


@settings.command("set")
@click.argument("name")
@click.argument("value")
@CONFIRM
@one_line_errors
@names_database
def set_setting(name: str, value: str, confirmed: int | None) -> None:
    """Store a value. Separate list items with commas; a switch is true or false."""
    service.set_setting(name, value, confirmed=confirmed)
    click.echo(f"{name} = {service.shown_setting(name).text}")


@settings.command("unset")
@click.argument("name")
@CONFIRM
@one_line_errors
@names_database
def unset_setting(name: str, confirmed: int | None) -> None:
    """Go back to the environment or the default."""
    service.unset_setting(name, author=COMMAND_LINE, confirmed=confirmed)
    shown_setting = service.shown_setting(name)
    click.echo(f"{name} = {shown_setting.text}  ({shown_setting.source})")


@keys.command("generate")
def generate_key() -> None:
    """Print a new key for ENCRYPTION_KEY."""
    click.echo(random_key())


@keys.command("rotate")
@one_line_errors
@names_database
def rotate_keys() -> None:
    """Encrypt every stored secret with the newest key.

    That is the first of ENCRYPTION_KEY. A running server must know the key already. Safe to interrupt and repeat.
    """
    outcomes = []
    for rotated in keyring.rotate(author=COMMAND_LINE):
        outcomes.append(rotated.outcome)
        click.echo(f"{rotated.connection}: {ROTATION_WORDS[rotated.outcome]}")
    if "unreadable" in outcomes:
        raise click.ClickException("Some keys couldn't be read. Keep the old keys in ENCRYPTION_KEY, or enter those keys again.")
    click.echo(f"Every stored secret now uses key {the_encryption().fingerprint()} only. You can remove the old keys.")
