"""The commands: those that the features bring, and those that belong to none, which are imported when they are called."""

from pkgutil import resolve_name

import click
from flask.cli import AppGroup

ROOT = {
    "bench": "webapp.bench.cli:bench",
    "db": "flask_migrate.cli:db",
    "lint-sse": "webapp.client_tools.cli:lint_sse",
    "prepare": "webapp.cli.prepare:prepare",
    "seed": "webapp.seed:command",
    "smoke": "webapp.client_tools.cli:smoke",
}


class Commands(AppGroup):
    """A server never calls them, and shouldn't hold them in memory."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *ROOT})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        return found or (resolve_name(ROOT[cmd_name]) if cmd_name in ROOT else None)
