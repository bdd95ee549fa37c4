"""The commands of the features, and those outside any feature, each imported when it is called."""

from collections.abc import Iterable
from pkgutil import resolve_name

import click
from flask.cli import AppGroup

from webapp.web.feature import Feature

ROOT = {
    "bench": "bench.cli:bench",
    "db": "flask_migrate.cli:db",
    "prepare": "webapp.operations.starting.prepare:prepare",
    "seed": "webapp.operations.starting.seed:command",
}


class Commands(AppGroup):
    """Imports a command only when it is called: a server never calls one, and saves the memory."""

    def __init__(self, name: str, features: Iterable[Feature]) -> None:
        super().__init__(name)
        self._import_paths = {**ROOT, **{name: path for feature in features for name, path in feature.commands.items()}}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._import_paths})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        return command or (resolve_name(self._import_paths[cmd_name]) if cmd_name in self._import_paths else None)
