"""Connections with their effective values (stored over environment over default), their key and their models."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from webapp.base.config import Config
from webapp.base.current import the_config
from webapp.base.heavy.turns import by_turns
from webapp.models.connections import keys, queries
from webapp.models.connections.keys import BUILT_IN, Key, Stored
from webapp.models.connections.tables import Connection
from webapp.models.connections.usual_servers import names_by_address
from webapp.models.providers.base import Model, ModelRecord
from webapp.models.providers.openrouter import HOST
from webapp.models.upstream import Trust

# OpenRouter's model for new chats if nothing else is set, and the one that lets OpenRouter choose.
USUAL_MODEL, ANY_MODEL = "anthropic/claude-3.5-sonnet", "openrouter/auto"
NAMES = {model_field.name for model_field in fields(Model)}
# The slugs of people's own connections: no other has a point, and the end can't be guessed.
OWN_START = "my."
OWN = re.compile(r"my\.[a-z0-9-]+-[0-9a-f]{6}")
CHECKED = ("checked_at", "check_result", "is_working", "refused_at", "refused_for")


@dataclass(frozen=True)
class LiveConnection:
    """A connection with its effective values; `own_address` and `own_model` are the stored ones, which can be empty.

    A person's own has their `owner_id`: no request of another person is ever sent to it. With `offered_id`, it is a key for the
    server of that connection of the team. One with `is_offered` can be used like that.
    """

    id: str
    slug: str
    name: str
    kind: str
    base_url: str
    own_address: str = ""
    own_model: str = ""
    default_model: str = ""
    continuation: str = "instruct"
    reasoning_tags: str = "auto"
    is_enabled: bool = True
    key: Key = field(default_factory=Key)
    models: tuple[Model, ...] = ()
    models_at: datetime | None = None
    left_out: int = 0
    checked_at: datetime | None = None
    check_result: str = ""
    is_working: bool | None = None
    refused_at: datetime | None = None
    refused_for: str = ""
    is_offered: bool = False
    owner_id: str = ""
    offered_id: str = ""
    trust: Trust = "operator"
    # Only the built-in connection has these: its own models' names can contain a colon, too.
    deleted_slugs: frozenset[str] = frozenset()
    # Admins' names for models of any connection, by the id that people choose them by.
    own_names: Mapping[str, str] = field(default_factory=dict, hash=False)
    # What is known of contexts besides servers' lists, by the same ids; a person's own connection has those of its models.
    contexts: Mapping[str, queries.KnownContext] = field(default_factory=dict, hash=False)

    @property
    def is_built_in(self) -> bool:
        return self.id == BUILT_IN

    @property
    def is_usable(self) -> bool:
        """Whether its models are offered. True for a key that cannot be decrypted: hiding the models would hide the error."""
        return self.is_enabled and (self.key.source != "none" or (self.kind == "openai" and not self.offered_id))

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc

    @property
    def prefix(self) -> str:
        """The prefix of its models' names, which tells apart the same model of several connections."""
        return "" if self.is_built_in else f"{self.slug}:"

    @cached_property
    def listed(self) -> frozenset[str]:
        """The ids of its models, as its server names them."""
        return frozenset(model.id for model in self.models)

    @property
    def starting_model(self) -> str:
        """The default model, or else OpenRouter's usual one, or else the first one it lists."""
        is_usual = self.is_built_in and (not self.models or USUAL_MODEL in self.listed)
        first = self.models[0].id if self.models else ""
        return self.default_model or (USUAL_MODEL if is_usual else first)


def is_own(name: str) -> bool:
    """Returns whether this is the slug of a person's own connection, or a model's name that begins with one."""
    return OWN.fullmatch(name.partition(":")[0]) is not None


def live_connections(connections: Iterable[LiveConnection] = ()) -> tuple[LiveConnection, ...]:
    """Returns every connection, the built-in one first; reuses lists of models from `connections` that have not changed."""
    rows = {row["id"]: row for row in queries.connection_rows()}
    remembered = {(connection.id, connection.models_at): connection.models for connection in connections}
    others = [_live(row, remembered) for id, row in rows.items() if id != BUILT_IN]
    return (_built_in(rows.get(BUILT_IN), remembered), *others)


def live_connection(slug: str) -> LiveConnection | None:
    """Returns one connection; loads only its own list of models, because the lists can be long."""
    rows = {row["id"]: row for row in queries.connection_rows() if row["slug"] == slug}
    if slug == BUILT_IN:
        return _built_in(rows.get(BUILT_IN), {})
    return next((_live(row, {}) for row in rows.values()), None)


def own_connections(
    rows: Iterable[Mapping[str, Any]], team: Iterable[LiveConnection], connections: Iterable[LiveConnection] = ()
) -> tuple[LiveConnection, ...]:
    """Returns people's own connections as they are stored; a key for an offered server is only sent where that is now."""
    remembered = {(connection.id, connection.models_at): connection.models for connection in connections}
    offered = {connection.id: connection for connection in team}
    contexts = next((connection.contexts for connection in offered.values()), {})
    own = (_own(row, offered.get(row["offered_id"] or ""), remembered) for row in rows)
    return tuple(replace(live, contexts=_of_prefix(live.prefix, contexts)) for live in own)


def known_model(model: Model, contexts: Mapping[str, queries.KnownContext]) -> Model:
    """Returns a model under the id that people choose it by, with what is known of its context besides the list."""
    known = contexts.get(model.id)
    return replace(model, context_length=known.length(model.context_length)) if known else model


def as_stored(models: Iterable[Model]) -> list[ModelRecord]:
    """Converts a list of models for storage, so that it is known while the server is down; lets other greenlets run."""
    return [model.as_record() for model in by_turns(models)]


def new_built_in() -> Connection:
    """Returns a row for the built-in connection that takes everything from the environment."""
    return Connection(id=BUILT_IN, slug=BUILT_IN, name="OpenRouter", kind="openrouter", base_url="", models=[])


Remembered = Mapping[tuple[str, datetime | None], tuple[Model, ...]]


def _live(row: Mapping[str, Any], remembered: Remembered) -> LiveConnection:
    stored = _stored(row)
    key = keys.opened(stored, row["id"], row["base_url"]) if stored.ciphertext else Key()
    return LiveConnection(
        base_url=row["base_url"],
        own_address=row["base_url"],
        own_model=row["default_model"],
        default_model=row["default_model"],
        key=key,
        is_offered=row["is_offered"],
        **_as_they_are(row, remembered),
    )


def _of_prefix(prefix: str, contexts: Mapping[str, queries.KnownContext]) -> dict[str, queries.KnownContext]:
    return {model: known for model, known in contexts.items() if model.startswith(prefix)}


def _stored(row: Mapping[str, Any]) -> Stored:
    return Stored(row["key_ciphertext"], row["key_last_four"])


def _own(row: Mapping[str, Any], server: LiveConnection | None, remembered: Remembered) -> LiveConnection:
    address, stored = (server or LiveConnection("", "", "", "", row["base_url"])).base_url, _stored(row)
    facts = _as_they_are(row, remembered, own=True) | ({"kind": server.kind} if server else {})
    return LiveConnection(
        base_url=address,
        own_address=row["base_url"],
        own_model=row["default_model"],
        default_model=row["default_model"],
        key=keys.opened(stored, row["id"], address) if stored.ciphertext else Key(),
        owner_id=row["owner_id"],
        offered_id=row["offered_id"] or "",
        # What an admin has entered can be in this network.
        trust="operator" if row["offered_id"] else "public",
        **facts,
    )


def _built_in(row: Mapping[str, Any] | None, remembered: Remembered) -> LiveConnection:
    config = the_config()
    own_address, own_model = (row["base_url"], row["default_model"]) if row else ("", "")
    address = own_address or config.openrouter_base_url
    kept = queries.kept_names()
    facts: dict[str, Any] = {"id": BUILT_IN, "slug": BUILT_IN, "kind": "openrouter"}
    facts = (_as_they_are(row, remembered) if row else facts) | {"name": name_at(address)}
    return LiveConnection(
        base_url=address,
        own_address=own_address,
        own_model=own_model,
        default_model=own_model or config.openrouter_model,
        key=_openrouter_key(config, address),
        is_offered=bool(row and row["is_offered"]),
        deleted_slugs=kept.deleted_slugs,
        own_names=kept.own_names,
        contexts=kept.contexts,
        **facts,
    )


def name_at(address: str) -> str:
    """Returns the name of the server at the built-in connection's address: OpenRouter's is its own alone."""
    host = urlsplit(address).hostname
    if host == HOST:
        return "OpenRouter"
    return names_by_address().get(address.replace("localhost", "127.0.0.1")) or urlsplit(address).netloc


def _openrouter_key(config: Config, address: str) -> Key:
    if stored := queries.openrouter_key():
        return keys.opened(stored, BUILT_IN, address)
    # The key in the environment belongs to the address in the environment and is sent to no other.
    return keys.given(config.openrouter_api_key if address == config.openrouter_base_url else "")


def _as_they_are(row: Mapping[str, Any], remembered: Remembered, *, own: bool = False) -> dict[str, Any]:
    names = ("id", "slug", "name", "kind", "continuation", "reasoning_tags", "is_enabled", "models_at", "left_out", *CHECKED)
    listed = remembered.get((row["id"], row["models_at"]))
    models = _models(row["id"], own=own) if listed is None and row["models_at"] else listed or ()
    return {name: row[name] for name in names} | {"models": models}


def _models(id: str, *, own: bool) -> tuple[Model, ...]:
    listed = queries.listed_models(id, own=own)
    return tuple(Model(**{name: _value(value) for name, value in model.items() if name in NAMES}) for model in listed)


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
