"""Checks whether everything is prepared, so that `make run` can start without loading the application twice.

Standard library, click and our configuration only. With PostgreSQL it always reports no, and `flask prepare` checks.
"""

import socket
import sqlite3
import sys
from contextlib import closing
from itertools import chain
from pathlib import Path
from urllib.parse import quote

import click

from webapp.base.config import ROOT, Config, ConfigError, load
from webapp.base.database.revisions import newest_revision
from webapp.base.fingerprint import fingerprint

# The files that `flask prepare` depends on: after a change to any of them it has to run again.
READ = ("migrations/**/*.py", "templates/**/*", "webapp/**/*.py", "requirements.lock")
IS_READY = """
    SELECT EXISTS (SELECT 1 FROM users WHERE role = 'owner') AND EXISTS (SELECT 1 FROM alembic_version WHERE version_num = ?)
"""
# From this machine, a server that listens on every address is reachable at one of these.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def main() -> int:
    try:
        config = load()
    except ConfigError:
        # `flask prepare`, which runs next, says what is wrong.
        return 1
    if not is_ready(config):
        return 1
    print_addresses(config, None)
    return 0


def note(config: Config) -> None:
    """Records that the present files have prepared this data folder."""
    _noted(config).write_text(_what_was_read(config), "utf-8")


def languages_of(config: Config) -> tuple[Path, Path]:
    """Returns the folders of the catalogues that come along, and of those of the operator, which win."""
    return ROOT / "languages", config.data_dir / "languages"


def is_ready(config: Config) -> bool:
    file = config.data_dir / "millrace.sqlite3"
    has_keys = bool(config.secret_key and config.encryption_keys)
    if not has_keys or config.database_url != f"sqlite:///{file}" or not file.is_file() or not _noted(config).exists():
        return False
    return _noted(config).read_text("utf-8") == _what_was_read(config) and _has_owner_and_schema(file)


def _has_owner_and_schema(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as database:
            return bool(database.execute(IS_READY, (newest_revision(),)).fetchone()[0])
    except sqlite3.Error:
        # `flask prepare` reports what is wrong with it.
        return False


def _noted(config: Config) -> Path:
    return config.data_dir / "compiled" / "prepared"


def _what_was_read(config: Config) -> str:
    catalogues = (path for folder in languages_of(config) for path in sorted(folder.glob("*.po")))
    paths = chain(*(sorted(ROOT.glob(pattern)) for pattern in READ), catalogues)
    return fingerprint(paths)


def print_addresses(config: Config, owner_link: str | None) -> None:
    click.echo(f"Address: {address(config)}")
    if owner_link:
        click.echo(f"No owner yet. Open this link to create the owner: {owner_link}")
    if config.host in LOOPBACK and not config.public_url:
        example = f"PUBLIC_URL=http://{_network_address()}:{config.port}"
        click.echo(f"This address only works on this machine. To let others in, set PUBLIC_URL, for example {example}")


def address(config: Config) -> str:
    host = LOOPBACK.get(config.host, f"[{config.host}]" if ":" in config.host else config.host)
    return config.public_url or f"http://{host}:{config.port}"


def _network_address() -> str:
    """Returns this machine's address on its network, or its host name if there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a UDP socket sends nothing, it only selects a source address. 192.0.2.1 is reserved for documentation.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])


if __name__ == "__main__":
    sys.exit(main())
