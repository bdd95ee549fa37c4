"""`flask receipts`: checks receipts."""

import json
from pathlib import Path

import click
from flask.cli import AppGroup

from webapp.people.receipts import keys, signing
from webapp.web.command_errors import names_database, one_line_errors

MOST_BYTES = 1_000_000
receipts = AppGroup("receipts", help="Check receipts of what was permanently deleted.")


@receipts.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", default="", help="The public key, instead of those of this server.")
@one_line_errors
@names_database
def check(file: Path, key: str) -> None:
    """Check that a receipt is as this server has signed it."""
    if file.stat().st_size > MOST_BYTES:
        raise click.ClickException("This file is too large to be a receipt.")
    try:
        receipt = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        receipt = None
    if not isinstance(receipt, dict):
        raise click.ClickException("This isn't the JSON of a receipt.")
    if difference := signing.difference(receipt, [key] if key else keys.public_keys()):
        raise click.ClickException(difference)
    click.echo(f"Valid: receipt {receipt.get('id')} of {receipt.get('at')}, signed with {receipt['key']}.")
