"""Reads what settings and names say about models: their connection, and their reasoning tags."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast, get_args

from webapp.base.errors import Invalid
from webapp.models.connections.effective import LiveConnection, is_own, known_model, live_connections
from webapp.models.connections.listing import named_in_settings
from webapp.models.connections.queries import KnownContext
from webapp.models.makers import maker_of
from webapp.models.names import distinct, name_of
from webapp.models.presets.choice import PREFIX, id_in
from webapp.models.providers.base import Model
from webapp.models.providers.demo import MODELS
from webapp.models.providers.reasoning import Mode
from webapp.settings.kinds import Value
from webapp.settings.service import setting

DEMO = "demo/"
DEMO_MODELS = {model.id for model in MODELS}
MODES = get_args(Mode)
PRESETS = PREFIX.removesuffix(":")


def found(model: str, connections: Sequence[LiveConnection]) -> tuple[LiveConnection, str] | None:
    """Returns a model's connection of the team, and its name there.

    None if its connection was deleted, as no other server replaces that, or is a person's own, and for a preset.
    """
    if id_in(model):
        return None
    slug, colon, name = model.partition(":")
    for connection in connections:
        if colon and not connection.is_built_in and connection.slug == slug:
            return connection, name
    built_in = next((connection for connection in connections if connection.is_built_in), None)
    if built_in is None or not model or (colon and (slug in (PRESETS, *built_in.deleted_slugs) or is_own(slug))):
        return None
    return built_in, model


def models_of(connection: LiveConnection, contexts: Mapping[str, KnownContext]) -> Iterator[Model]:
    """Yields a connection's models under the ids that people choose them by, the one that new chats start with first."""
    first = connection.starting_model
    models = {model.id: model for model in connection.models if not model.hidden}
    if first:
        models = {first: models.pop(first, Model(first, first)), **models}
    for id, model in models.items():
        maker = maker_of(id, model.name)
        yield known_model(replace(model, id=connection.prefix + id, maker=maker.name if maker else ""), contexts)


def distinct_names(
    models: Iterable[tuple[LiveConnection, Model]], named: Iterable[tuple[LiveConnection, str]], own_names: Mapping[str, str]
) -> dict[str, str]:
    """Returns the name that people read for each model of these connections, by its id; no two are the same.

    `named` are models that the settings name, by their server's ids, whether it lists them or not.
    """
    rows = {model.id: (connection, model.id.removeprefix(connection.prefix), model.name) for connection, model in models}
    unlisted = {connection.prefix + id: (connection, id, "") for connection, id in named}
    return distinct(
        (
            (id, name_of(there, listed_name), (maker.name if (maker := maker_of(there, listed_name)) else "", connection.name))
            for id, (connection, there, listed_name) in (unlisted | rows).items()
        ),
        own_names,
    )


def names_in_use(connections: Iterable[LiveConnection], names: Mapping[str, str]) -> dict[str, str]:
    """Returns these names, and the same by the ids that servers report with answers."""
    reported = {
        model.id: names.get(connection.prefix + model.id) or name_of(model.id, model.name).exact
        for connection in connections
        for model in connection.models
    }
    return {**reported, **names}


def is_missing(model: str, connections: Sequence[LiveConnection]) -> bool:
    """Returns whether the connection has a complete list of models that lacks this one."""
    connection, name = found(model, connections) or (None, "")
    if connection is None or not connection.models or connection.left_out:
        return False
    # OpenRouter accepts variants such as `:online` that it does not list.
    names = {name, name.rpartition(":")[0]} if connection.is_built_in else {name}
    return not names & connection.listed


def refuse_unlisted(value: Value, *, field: str = "") -> None:
    """Raises `Invalid` for the first name that no connection lists, unless it is known without a list.

    Models named in settings are used without appearing in a picker, so a typo would go unnoticed.
    """
    names = filter(None, value if isinstance(value, tuple) else (str(value),))
    settings_names = ("off", *named_in_settings())
    connections = live_connections()
    own = {connection.prefix + connection.default_model for connection in connections}
    for name in names:
        is_there = name in DEMO_MODELS if name.startswith(DEMO) else not is_missing(name, connections)
        if is_own(name) or (not is_there and name not in settings_names and name not in own):
            raise Invalid(f"No connection lists “{name[:80]}”. Refresh the list, or check the spelling.", field=field)


def modes(connection: LiveConnection) -> dict[str, Mode]:
    """Returns the modes of a connection's models, by the server's names."""
    named = dict(line.rpartition("=")[::2] for line in setting("models.reasoning_tags"))
    return {
        name.removeprefix(connection.prefix): cast(Mode, mode)
        for name, mode in named.items()
        if name.startswith(connection.prefix)
    }


def check(value: Value) -> None:
    """Raises Invalid for an entry without a model or with an unknown mode."""
    for line in value if isinstance(value, tuple) else ():
        model, _, mode = line.rpartition("=")
        if not model or mode not in MODES:
            raise Invalid(f"Write each as model=auto, model=open or model=off, not {line[:80]}.")
