"""Which models send their reasoning in another way than their connection says."""

from typing import cast, get_args

from webapp.connections.effective import LiveConnection
from webapp.errors import Invalid
from webapp.providers.thinking import Mode
from webapp.settings.kinds import Value
from webapp.settings.service import setting

MODES = get_args(Mode)


def of(connection: LiveConnection) -> dict[str, Mode]:
    """Those of one connection, by the names that its server knows them by."""
    said = dict(each.rpartition("=")[::2] for each in setting("models.reasoning_tags"))
    return {
        name.removeprefix(connection.prefix): cast(Mode, mode)
        for name, mode in said.items()
        if name.startswith(connection.prefix)
    }


def check(value: Value) -> None:
    """Refuses an entry that says no model, or no way that there is."""
    for each in value if isinstance(value, tuple) else ():
        model, _, mode = each.rpartition("=")
        if not model or mode not in MODES:
            raise Invalid(f"Write each as model=auto, model=open or model=off, not {each[:80]}.")
