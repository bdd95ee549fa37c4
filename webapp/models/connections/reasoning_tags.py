"""Reads the setting of models whose reasoning tags differ from their connection's."""

from typing import cast, get_args

from webapp.base.errors import Invalid
from webapp.models.connections.effective import LiveConnection
from webapp.models.providers.reasoning import Mode
from webapp.settings.kinds import Value
from webapp.settings.service import setting

MODES = get_args(Mode)


def of(connection: LiveConnection) -> dict[str, Mode]:
    """Returns the modes of a connection's models, by the server's names."""
    modes = dict(each.rpartition("=")[::2] for each in setting("models.reasoning_tags"))
    return {
        name.removeprefix(connection.prefix): cast(Mode, mode)
        for name, mode in modes.items()
        if name.startswith(connection.prefix)
    }


def check(value: Value) -> None:
    """Raises Invalid for an entry without a model or with an unknown mode."""
    for each in value if isinstance(value, tuple) else ():
        model, _, mode = each.rpartition("=")
        if not model or mode not in MODES:
            raise Invalid(f"Write each as model=auto, model=open or model=off, not {each[:80]}.")
