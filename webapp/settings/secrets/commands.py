"""Commands for encryption keys: `flask keys`."""

import click
from flask.cli import AppGroup

from webapp.base.audit import COMMAND_LINE
from webapp.base.config import random_key
from webapp.settings.secrets import rotation
from webapp.settings.secrets.encryption import the_encryption
from webapp.web.command_errors import names_database, one_line_errors

ROTATION_WORDS = {"rotated": "re-encrypted", "current": "is up to date", "unreadable": "can't be read with any of the keys"}

keys = AppGroup("keys", help="Create and rotate encryption keys.")


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
    for each in rotation.rotate(actor=COMMAND_LINE):
        outcomes.append(each.outcome)
        click.echo(f"{each.connection}: {ROTATION_WORDS[each.outcome]}")
    if "unreadable" in outcomes:
        raise click.ClickException("Some keys couldn't be read. Keep the old keys in ENCRYPTION_KEY, or enter those keys again.")
    click.echo(f"Every stored secret now uses key {the_encryption().fingerprint()} only. You can remove the old keys.")
