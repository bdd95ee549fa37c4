"""The commands: everything that is done on the server and not in a browser."""

import fcntl
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import flask_migrate
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import inspect

from webapp import backups, seed
from webapp.accounts import queries, tokens
from webapp.accounts import service as accounts
from webapp.accounts.roles import SCOPES, allowed_scopes
from webapp.accounts.tables import User
from webapp.bench.cli import bench
from webapp.characters import service as characters
from webapp.characters import shipped
from webapp.check_cli import check
from webapp.client_tools.cli import lint_sse, smoke
from webapp.config import ROOT, Config, make_keys
from webapp.extensions import db, is_sqlite
from webapp.refusals_cli import told
from webapp.settings import rotation
from webapp.settings import service as settings
from webapp.settings.encryption import the_encryption
from webapp.web import compiled

ROTATION_WORDS = {"rotated": "encrypted anew", "current": "is up to date", "unreadable": "cannot be read with any of the keys"}
# Who listens everywhere is found here under one address of many.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
MIGRATIONS = str(ROOT / "migrations")


def init(app: Flask) -> None:
    groups = (users, tokens_group, settings_group, keys, bench)
    for command in (*groups, prepare, check, backup, restore, seed.command, smoke, lint_sse):
        app.cli.add_command(command)


users = AppGroup("users", help="Accounts: who there is, new ones, new passwords.")
tokens_group = AppGroup("tokens", help="API tokens for programs.")
settings_group = AppGroup("settings", help="Settings: their values, and others. A running server follows within a second.")
keys = AppGroup("keys", help="Keys for stored secrets: making and changing them.")


@users.command("add")
@click.argument("email")
@click.option("--role", default="member", show_default=True, help="owner, admin, member or guest")
@click.option("--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input.")
@told
def add_user(email: str, role: str, from_stdin: bool) -> None:
    """Make an account. The password is asked for."""
    user = accounts.add_user(email, role, _password(from_stdin))
    click.echo(f"{user.email} can sign in as {user.role}.")


@users.command("password")
@click.argument("email")
@click.option("--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input.")
@told
def set_password(email: str, from_stdin: bool) -> None:
    """Give an account another password. It is asked for, and ends every session of the account."""
    user = _user(email)
    accounts.set_password(user, _password(from_stdin))
    click.echo(f"{user.email} has a new password and is signed out everywhere.")


@users.command("list")
@told
def list_users() -> None:
    """Show every account with its role and its state."""
    for user, seen_at in queries.people():
        seen = f"seen {seen_at:%Y-%m-%d %H:%M} UTC" if seen_at else "not signed in"
        click.echo("  ".join(filter(None, (user.email, user.role, "disabled" if user.disabled_at else "", seen))))


@tokens_group.command("add")
@click.argument("email")
@click.option("--name", required=True, help="What will use it.")
@click.option("--scopes", default="", help=f"Of {', '.join(SCOPES)}, with commas; all that the role allows when not given.")
@told
def add_token(email: str, name: str, scopes: str) -> None:
    """Make a token that speaks for an account. It does not run out, and is printed, and nothing else."""
    user = _user(email)
    chosen = [each.strip() for each in scopes.split(",") if each.strip()]
    click.echo(tokens.make_token(user, name, chosen or allowed_scopes(user.role)))


@settings_group.command("list")
@told
def list_settings() -> None:
    """Show every setting, its value, and where that comes from."""
    for shown in settings.listing():
        click.echo(f"{shown.setting.name} = {shown.text}  ({shown.source})\n    {shown.setting.sentence}")


@settings_group.command("get")
@click.argument("name")
@told
def get_setting(name: str) -> None:
    """Print the value in effect."""
    click.echo(settings.shown(name).text)


@settings_group.command("set")
@click.argument("name")
@click.argument("value")
@told
def set_setting(name: str, value: str) -> None:
    """Store a value. The parts of a list stand with commas between them; a switch is true or false."""
    settings.set_setting(name, value)
    click.echo(f"{name} = {settings.shown(name).text}")


@settings_group.command("unset")
@click.argument("name")
@told
def unset_setting(name: str) -> None:
    """Go back to the environment or the default."""
    settings.unset_setting(name)
    shown = settings.shown(name)
    click.echo(f"{name} = {shown.text}  ({shown.source})")


@keys.command("generate")
def generate_key() -> None:
    """Print a new key for ENCRYPTION_KEY."""
    click.echo(Fernet.generate_key().decode())


@keys.command("rotate")
@told
def rotate_keys() -> None:
    """Encrypt every stored secret with the newest key.

    That is the first of ENCRYPTION_KEY. A running server must know it already. It may be broken off and done again.
    """
    outcomes = []
    for each in rotation.rotate(actor=settings.COMMAND_LINE):
        outcomes.append(each.outcome)
        click.echo(f"{each.connection}: {ROTATION_WORDS[each.outcome]}")
    if "unreadable" in outcomes:
        raise click.ClickException("Some keys could not be read. Keep the older keys in ENCRYPTION_KEY, or enter those again.")
    click.echo(f"Every stored secret needs the key {the_encryption().fingerprint()} alone. Older ones may be removed.")


@click.command()
@with_appcontext
@told
def prepare() -> None:
    """Make what is missing: keys, database, the owner's link.

    An SQLite database is copied into the data folder before it is brought up to date. Every start does this first.
    """
    config = _config()
    with _alone(config.data_dir):
        for path in make_keys(config.data_dir):
            click.echo(f"Made {path}. To keep it elsewhere, put its content into {path.name.upper()} and delete the file.")
        _migrate(config.data_dir)
        compiled.keep(current_app, config.data_dir)
        shipped.ship()
        characters.empty_trash()
        link = accounts.owner_link(_address(config))
    click.echo(f"Millrace answers at {_address(config)}")
    if link:
        click.echo(f"There is no owner yet. Become the owner here: {link}")
    if config.host in EVERYWHERE and not config.public_url:
        click.echo(
            f"That is for this machine alone. For others, set PUBLIC_URL, such as PUBLIC_URL=http://{_in_network()}:{config.port}"
        )


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_appcontext
@told
def backup(file: Path) -> None:
    """Copy the SQLite database into FILE, also while the server runs.

    FILE must not exist yet. The keys are not in it: keep secret_key and encryption_key of the data folder beside it.
    """
    backups.back_up(file)
    click.echo(f"Copied the database to {file}. Secrets in it need the keys in {_config().data_dir} or in your environment.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@with_appcontext
@told
def restore(file: Path) -> None:
    """Put the SQLite database back as it is in FILE.

    The server must not run. The database that was there is put aside, and then it is time for: flask prepare
    """
    data_dir = _config().data_dir
    with _alone(data_dir):
        kept = backups.restore(file, data_dir)
    if kept:
        click.echo(f"The database as it was: {kept}")
    click.echo(f"Restored {file}. Now run: flask prepare")


def _config() -> Config:
    config: Config = current_app.extensions["config"]
    return config


def _user(email: str) -> User:
    user = queries.user_by_email(email)
    if user is None:
        raise click.ClickException(f"There is no account with the email {email}.")
    return user


def _password(from_stdin: bool) -> str:
    if from_stdin:
        # Only the end of the line is not part of it.
        return sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise click.ClickException("Give the password on standard input, with --password-stdin.")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _address(config: Config) -> str:
    host = EVERYWHERE.get(config.host, f"[{config.host}]" if ":" in config.host else config.host)
    return config.public_url or f"http://{host}:{config.port}"


def _in_network() -> str:
    """Where others find this machine, as far as it knows itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: the system only says from which address it would be. This one is for documentation.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Lets one process at a time prepare; the others wait."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _migrate(data_dir: Path) -> None:
    script = ScriptDirectory(MIGRATIONS)
    if is_sqlite():
        backups.make_private()
    with db.engine.connect() as connection:
        present = set(MigrationContext.configure(connection).get_current_heads())
        is_empty = not inspect(connection).get_table_names()
    if present == set(script.get_heads()):
        return
    if not present <= {revision.revision for revision in script.walk_revisions()}:
        raise click.ClickException("The database was made by a newer version of Millrace. It was left as it is.")
    if is_sqlite() and not is_empty:
        click.echo(f"The database before this migration: {backups.safety_copy(data_dir, 'before-migration')}")
    flask_migrate.upgrade(MIGRATIONS)
    click.echo("The database is up to date.")
