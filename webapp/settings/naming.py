"""What the name of a model means: whose it is, and whether there is one."""

from collections.abc import Collection, Iterable, Sequence

from webapp.errors import Invalid
from webapp.providers.demo import MODELS
from webapp.settings.live import LiveConnection

DEMO = "demo/"
DEMO_MODELS = {model.id for model in MODELS}


def found(model: str, connections: Sequence[LiveConnection]) -> tuple[LiveConnection, str] | None:
    """The connection that a model belongs to, and what the model is called there."""
    slug, colon, name = model.partition(":")
    for each in connections:
        if colon and not each.is_built_in and each.slug == slug:
            return each, name
    built_in = next((each for each in connections if each.is_built_in), None)
    return (built_in, model) if built_in and model else None


def is_missing(model: str, connections: Sequence[LiveConnection]) -> bool:
    """Whether its connection lists models, but not this one."""
    connection, name = found(model, connections) or (None, "")
    if connection is None or not connection.models:
        return False
    # OpenRouter takes variants such as `:online` that it does not list.
    names = {name, name.rpartition(":")[0]} if connection.is_built_in else {name}
    return not any(each.id in names for each in connection.models)


def refuse_unlisted(names: Iterable[str], connections: Sequence[LiveConnection], *, known: Collection[str]) -> None:
    """Raises `Invalid` for the first name that no connection lists, unless it is known without that."""
    own = {each.prefix + each.default_model for each in connections}
    for name in names:
        is_there = name in DEMO_MODELS if name.startswith(DEMO) else not is_missing(name, connections)
        if not is_there and name not in known and name not in own:
            raise Invalid(f"No connection lists “{name[:80]}”. Refresh the list, or look at the spelling.")
