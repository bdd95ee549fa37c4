"""Commands for settings: `flask settings`."""

import click
from flask.cli import AppGroup

from webapp.settings import service
from webapp.web.command_errors import names_database, one_line_errors

settings = AppGroup("settings", help="Show and change settings. A running server picks up changes within a second.")


@settings.command("list")
@one_line_errors
def list_settings() -> None:
    """Show every setting, its value, and where that comes from."""
    for shown in service.listing():
        click.echo(f"{shown.setting.name} = {shown.text}  ({shown.source})\n    {shown.setting.sentence}")


@settings.command("get")
@click.argument("name")
@one_line_errors
def get_setting(name: str) -> None:
    """Print the value in effect."""
    click.echo(service.shown(name).text)


@settings.command("set")
@click.argument("name")
@click.argument("value")
@one_line_errors
@names_database
def set_setting(name: str, value: str) -> None:
    """Store a value. Separate list items with commas; a switch is true or false."""
    service.set_setting(name, value)
    click.echo(f"{name} = {service.shown(name).text}")


@settings.command("unset")
@click.argument("name")
@one_line_errors
@names_database
def unset_setting(name: str) -> None:
    """Go back to the environment or the default."""
    service.unset_setting(name)
    shown = service.shown(name)
    click.echo(f"{name} = {shown.text}  ({shown.source})")
