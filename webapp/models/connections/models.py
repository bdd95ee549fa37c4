"""The available models, and the providers that run them."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from itertools import chain

from sqlalchemy.exc import SQLAlchemyError

from webapp.base.config import Config
from webapp.base.current import PerApp
from webapp.base.errors import Forbidden, Invalid, NotFound
from webapp.models.connections import naming, own, provider_types
from webapp.models.connections.effective import ANY_MODEL, USUAL_MODEL, LiveConnection, is_own, known_model, live_connections
from webapp.models.connections.listing import named_in_settings
from webapp.models.connections.queries import KnownContext
from webapp.models.makers import maker_of
from webapp.models.names import name_of
from webapp.models.providers.base import Model, Provider, ProviderError, RequestParameters
from webapp.models.providers.demo import DemoProvider
from webapp.models.upstream import Upstream
from webapp.people.accounts.permissions import may_by_id
from webapp.settings.secrets.encryption import DecryptionError
from webapp.settings.service import setting

# What people type for an ability, besides its name.
WORDS = {"vision": "vision pictures images", "tools": "tools functions", "reasoning": "reasoning thinking"}
DEMO, DEMO_MODEL = naming.DEMO, "demo/quick"
DEMO_GROUP = "Demo"
FRESH_SECONDS = 1.0
PICTURE_MODEL = "tools.picture_model"
log = logging.getLogger("generation:models")


@dataclass
class _ConnectionCache:
    """This process's cache of connections, refreshed when it is a second old."""

    connections: tuple[LiveConnection, ...] = ()
    listed_of: tuple[LiveConnection, ...] = ()
    listed: list[Model] = field(default_factory=list)
    by_id: dict[str, Model] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    used_names: frozenset[str] = frozenset()
    groups: dict[str, str] = field(default_factory=dict)
    read_at: float = float("-inf")
    has_read: bool = False
    made: dict[tuple[str, float], tuple[object, Provider]] = field(default_factory=dict)


class Providers:
    """The demo provider and the connections, with their models by the names that people choose them by.

    A model of the built-in connection has OpenRouter's name, one of another connection is called `<slug>:<model>`. Without a
    `person`, only the team's connections count. What a model of a person's own connection is like can be asked by its id, but
    only with that person does `_made` return its provider, so no request of another person is sent with their key.
    """

    def __init__(self, config: Config, demo: Provider, upstream: Upstream, *, now: Callable[[], float] = time.monotonic) -> None:
        self._config, self._demo, self.upstream, self._now = config, demo, upstream, now
        self._memory = _ConnectionCache()
        self._own = own.OwnCache(now, self.connections)

    @property
    def is_configured(self) -> bool:
        """Whether there is a connection to real models."""
        return any(connection.is_usable for connection in self.connections())

    def connections(self) -> tuple[LiveConnection, ...]:
        """Returns every connection, the built-in one first; changes by any process are visible within a second."""
        memory = self._memory
        if self._now() - memory.read_at >= FRESH_SECONDS:
            # Set before the query, so that other requests use the cache rather than queue for a slow database; the first query
            # has no cache to offer.
            if memory.has_read:
                memory.read_at = self._now()
            try:
                fresh, named = live_connections(memory.connections), frozenset(named_in_settings())
                # Keeps the same tuple if nothing changed, and with it what is cached for it.
                memory.connections = memory.connections if fresh == memory.connections else fresh
                if named != memory.named:
                    memory.named, memory.listed_of = named, ()
            except SQLAlchemyError as error:
                log.warning("connections_not_readable", extra={"fields": {"error": type(error).__name__}})
            if not memory.has_read:
                memory.read_at, memory.has_read = self._now(), True
        return memory.connections

    def is_priced(self, slug: str) -> bool:
        """Returns whether a connection costs money: its server lists prices, or is known to charge without listing any."""
        connection = self._slugged(slug)
        return not connection or connection.kind != "openai" or any(model.prompt_price for model in connection.models)

    def forget(self) -> None:
        """Expires the cache, so that the next call sees changes made just now."""
        self._memory.read_at = float("-inf")
        self._own.forget()

    def for_model(self, model: str, *, person: str = "", for_visitor: bool = False, beats: float = 1.0) -> Provider:
        """Returns the provider for this model; raises `Invalid` if no connection has it or people cannot choose it.

        The demo answers people with an account only where it stands in for a real model, and visitors always. `person` is who
        asks and pays. A stream is read once in so many `beats`.
        """
        if model.startswith(DEMO):
            is_open = for_visitor or self.is_demo_allowed()
            if is_open and any(demo_model.id == model for demo_model in self._demo.models()):
                return self._demo
        elif self.is_available(model, person) and (match := self._found(model)):
            return self._made(match[0], beats, person)
        raise Invalid(self._refusal(model), field="model")

    def refuse_unless_choosable(self, model: str, *, person: str) -> None:
        """Raises `Invalid` as `for_model` does, and `Forbidden` if the person can't choose among the models."""
        self.for_model(model, person=person)
        if not (_chooses(person) or self._is_given(model)):
            usual = self.display_name(self.default())
            raise Forbidden(f"Your account can't choose among models. Yours is {usual}.", field="model")

    def embedder(self, model: str) -> Provider:
        """Returns the provider for this embedding model, which need not be listed: few servers list such models."""
        if provider := self._unlisted(model):
            return provider
        raise Invalid(f"No connection has the embedding model {model[:80]}.", field="embedding_model")

    def provider_of(self, model: str) -> Provider:
        """Returns the provider for a model of pictures or of speech, which need not be listed either."""
        if provider := self._unlisted(model):
            return provider
        raise Invalid(f"No connection has the model {model[:80]}.", field="value")

    def _unlisted(self, model: str) -> Provider | None:
        if model.startswith(DEMO):
            return self._demo
        provided = naming.found(model, self.connections())
        return self._made(provided[0]) if provided and provided[0].is_usable and provided[1] else None

    def provider(self, slug: str) -> Provider:
        """Returns the provider of a connection, even if that is turned off."""
        self.forget()
        return self._made(self.connection(slug))

    def own_provider(self, slug: str, person: str) -> Provider:
        """Returns the provider of a person's own connection, even if they have turned it off."""
        self.forget()
        connection = self.own_connection(slug, person)
        if closed := self.closed_because(connection):
            raise Invalid(closed)
        return self._made(connection, person=person)

    def candidate(self, connection: LiveConnection) -> Provider:
        """Returns the provider of a connection that isn't stored."""
        return self._made(connection, person=connection.owner_id)

    def connection(self, slug: str) -> LiveConnection:
        if connection := next((live for live in self.connections() if live.slug == slug), None):
            return connection
        raise NotFound("That connection no longer exists.")

    def own_connections(self, person: str) -> Sequence[LiveConnection]:
        """Returns a person's own connections, also those that can't be used now."""
        return [models.live for models in self._own.of_person(person)]

    def own_connection(self, slug: str, person: str) -> LiveConnection:
        if connection := next((live for live in self.own_connections(person) if live.slug == slug), None):
            return connection
        raise NotFound("That connection no longer exists.")

    def closed_because(self, connection: LiveConnection) -> str:
        """Returns why a person's own connection can't be used now, as admins decide it; empty if it can."""
        return own.closed_because(connection, self.connections())

    def offered(self, person: str = "") -> Sequence[Model]:
        """Returns the models for a picker: the person's own, real ones, and the demo if there are none or an admin allows it."""
        allowed = frozenset(setting("models.allowed"))
        real = (model for model in (*self.listed(), *self.unlisted()) if not allowed or model.id in allowed)
        offered = [
            *(model for models in self._usable_own(person) for model in models.by_id.values()),
            *real,
            *self._offered_demo(),
        ]
        if _chooses(person):
            return offered
        usual = self.default()
        return [model for model in offered if is_own(model.id) or model.id == usual]

    def listed(self) -> Sequence[Model]:
        """Returns every listed real model, each connection's default first."""
        connections, memory = self.connections(), self._memory
        if memory.listed_of is not connections:
            models = [
                (connection, model) for connection in self._usable() for model in _models_of(connection, self.known_contexts())
            ]
            of_settings = (self._found(name) for name in sorted(memory.named) if not name.startswith(DEMO))
            named = [provided for provided in of_settings if provided and provided[1]]
            names = naming.distinct_names(models, named, self._own_names())
            memory.listed_of, memory.listed = connections, [replace(model, name=names[model.id]) for _, model in models]
            memory.by_id = {model.id: model for model in reversed(memory.listed)}
            memory.names = naming.names_in_use(connections, names | {model.id: model.name for model in self._demo.models()})
            memory.used_names = frozenset(memory.names.values())
            # A server with models of many makers lists them as maker/model.
            slashes = Counter((connection.slug, "/" in model.id) for connection, model in models)
            memory.groups = {
                model.id: model.maker
                if model.maker and slashes[connection.slug, True] > slashes[connection.slug, False]
                else connection.name
                for connection, model in models
            }
        return memory.listed

    def model(self, id: str) -> Model | None:
        """Returns the real model with this id; uses an index, because every message looks one up and there can be thousands."""
        if is_own(id):
            models = self._own.named(id.partition(":")[0])
            return models.by_id.get(id) if models else None
        self.listed()
        return self._memory.by_id.get(id)

    def choice(self, model: str) -> Model | None:
        """Returns this model as pickers show it, or None if they don't."""
        if model.startswith(DEMO):
            return next((demo_model for demo_model in self._offered_demo() if demo_model.id == model), None)
        return self.model(model) if is_own(model) or _is_allowed(model) else None

    def display_name(self, model: str, slug: str = "") -> str:
        """Returns the name that people read for a model: an admin's, else its server's, else one made from its id.

        `slug` is for ids as a server reports them with an answer, without the connection's prefix.
        """
        names, slug_of_own = self._names(), next((name.partition(":")[0] for name in (slug, model) if is_own(name)), "")
        if slug_of_own and (models := self._own.named(slug_of_own)):
            return models.name_of(model)
        if name := names.get(f"{slug}:{model}") or names.get(model):
            return name
        # No connection lists it (any longer): another version of a listed model is told apart from that.
        provided = self._found(model)
        id = provided[1] if provided and provided[1] else model.partition(":")[2] or model
        usual, maker = name_of(id), maker_of(id)
        by = maker.name if maker else model
        candidates = (usual.text, usual.exact, f"{usual.exact} · {by}", f"{usual.exact} · {model}")
        return next((name for name in candidates if name not in self._memory.used_names), model) if model else ""

    def has_name(self, name: str, *, but: str = "") -> bool:
        """Returns whether another model is called so, in capitals or not."""
        same = (id for id, used in self._names().items() if used.lower() == name.lower())
        return any(id != but and id != self.name_of(but) for id in same)

    def own_name(self, model: str) -> str:
        """Returns the name that an admin gave a model; empty without one."""
        return self._own_names().get(model, "")

    def usual_name(self, model: str) -> str:
        """Returns the name that a model has without an admin's."""
        server, listed_model = self.server_of(model), None
        if server:
            listed_model = next((listed for listed in server.models if server.prefix + listed.id == model), None)
        return name_of(self.name_of(model), listed_model.name if listed_model else "").text

    def group(self, model: str) -> str:
        """Returns the heading that a model is listed under: its maker at a server with those of many, else its connection."""
        self.listed()
        return self._memory.groups.get(model) or self.connection_name(model)

    def connection_name(self, model: str) -> str:
        server = self.server_of(model)
        return server.name if server else DEMO_GROUP

    def maker(self, model: str) -> str:
        """Returns the name of who made a model; empty if that can't be told."""
        if listed_model := self.model(model):
            return listed_model.maker
        provided = self._found(model)
        maker = maker_of(provided[1] if provided else model)
        return maker.name if maker else ""

    def id_of_answering(self, asked: str, served: str, slug: str, failed: Collection[str]) -> str:
        """Returns the id, as people choose it, of the fallback that answered for a model.

        `served` is the name that its server reports, `slug` its connection, and `failed` are the models that were tried.
        """
        remaining = [name for name in self.chain(asked) if name not in failed]
        named = (name for name in remaining if self.name_of(name) == served)
        of_connection = (name for name in remaining if self.connection_of(name) == slug)
        return next(chain(named, of_connection, remaining), served)

    def same_model(self, id: str) -> list[str]:
        """Returns all names of the model with this id: the one that people choose it by, and the one that its server reports."""
        name = self.display_name(id)
        return list({id, *(other for other, display_name in self._names().items() if display_name == name)})

    def unlisted(self) -> Sequence[Model]:
        """Returns allowed models that are not listed, because their connection's list was not read yet or was cut."""
        named = ((name, self._found(name)) for name in setting("models.allowed") if not self.model(name))
        cut = ((name, provided[0]) for name, provided in named if provided and (provided[0].left_out or not provided[0].models))
        return [Model(name, self.display_name(name), maker=self.maker(name)) for name, connection in cut if connection.is_usable]

    def default(self, preferred: str = "", person: str = "") -> str:
        """Returns the model of a new chat: the person's choice, the team's, a connection's, or the demo's; empty without any."""
        names = (
            preferred,
            str(setting("models.default")),
            *(connection.prefix + connection.starting_model for connection in self._usable()),
            *(models.live.prefix + models.live.starting_model for models in self._usable_own(person)),
        )
        if default := next((name for name in names if name and self.is_choosable(name, person)), ""):
            return default
        return next((model.id for model in self.offered(person)), "")

    def starting_model(self, connection: LiveConnection) -> str:
        """Returns the connection's model that new chats start with, as its server names it: the first one that can be chosen."""
        usual, prefix = connection.starting_model, connection.prefix
        if not connection.is_usable or self.is_choosable(prefix + usual):
            return usual
        offered = (model.id for model in self.offered())
        own = (id for id in offered if (provided := self._found(id)) and provided[0].slug == connection.slug)
        return next((id.removeprefix(prefix) for id in own), usual)

    def chain(self, model: str) -> list[str]:
        """Returns the model and its fallbacks, without duplicates and without models that cannot answer."""
        if model.startswith(DEMO) or is_own(model):
            # The demo is free and open to visitors, so no paid model stands in for it. What a person pays for themselves fails
            # rather than cost the team something, or the other way round.
            return [model]
        # The usual model was not chosen by a person, and OpenRouter may no longer have it.
        usual = [ANY_MODEL] if model == USUAL_MODEL else []
        demo = [DEMO_MODEL] if setting("demo.fallback") == "always" else []
        return list(dict.fromkeys([model, *filter(self._can_step_in, (*setting("models.fallbacks"), *usual)), *demo]))

    def name_of(self, model: str) -> str:
        """Returns the model's name at its provider."""
        provided = None if model.startswith(DEMO) else self._found(model)
        return provided[1] if provided else model

    def context_length(self, model: str) -> int | None:
        """Returns how many tokens a model's context holds; None if that is unknown."""
        listed_model = self.model(model) or known_model(Model(model, model), self.known_contexts())
        return listed_model.context_length

    def takes_schema(self, model: str) -> bool:
        """Returns whether the server reports that the model supports structured output by JSON Schema."""
        return model.startswith(DEMO) or ((listed_model := self.model(model)) is not None and listed_model.takes_schema)

    def takes_pictures(self, model: str) -> bool:
        """Returns whether to send pictures to the model: yes, unless its server reports that it doesn't support them."""
        listed_model = self.model(model)
        return listed_model is None or listed_model.abilities is None or "vision" in listed_model.abilities

    def modalities(self, model: str) -> tuple[str, ...]:
        """Returns what the server reports that the model answers with, if that is not text alone."""
        listed_model = self.model(model)
        return listed_model.modalities if listed_model else ()

    def draws(self, model: str) -> bool:
        """Returns whether a model makes pictures and no text: the one that settings name for it, or as its server lists it."""
        if self._is_for_pictures(model):
            return not model.startswith(DEMO)
        listed_model = self.model(model)
        return listed_model is not None and listed_model.draws

    def writer(self, model: str, person: str = "") -> str:
        """Returns the model that writes where this one is asked for a text: the usual one, if it makes only pictures."""
        return self.default(person=person) if self.draws(model) else model

    def takes_tools(self, model: str) -> bool:
        """Returns whether the model can call tools: yes, unless its server reports that it can't."""
        listed_model = self.model(model)
        return listed_model is None or listed_model.abilities is None or "tools" in listed_model.abilities

    def server_of(self, model: str) -> LiveConnection | None:
        """Returns the connection of a model; None for the demo, and for a deleted one."""
        provided = None if model.startswith(DEMO) else self._found(model)
        return provided[0] if provided else None

    def connection_of(self, model: str) -> str:
        """Returns the slug of the model's connection; empty if there is none."""
        server = self.server_of(model)
        return "demo" if model.startswith(DEMO) else server.slug if server else ""

    def parameters(self, model: str) -> RequestParameters:
        """Returns the parameters that every request to a real model has."""
        if model.startswith(DEMO):
            return {}
        temperature, most = setting("models.temperature"), setting("models.max_tokens")
        return {"temperature": None if temperature == "" else temperature, "max_tokens": most or None}

    def is_demo_allowed(self) -> bool:
        """Returns whether the demo can answer people with an account."""
        policy = setting("demo.fallback")
        return policy == "always" or (policy == "when_no_key" and not self.is_configured)

    def is_choosable(self, model: str, person: str = "") -> bool:
        """Returns whether a person can choose this model; without the permission, only their own and the usual one."""
        return self.is_available(model, person) and (_chooses(person) or self._is_given(model))

    def is_available(self, model: str, person: str = "") -> bool:
        """Returns whether this model can answer, as if others had chosen it; one of a person's own connection, only them."""
        if model.startswith(DEMO):
            return self.is_demo_allowed() and any(demo_model.id == model for demo_model in self._demo.models())
        if self._is_for_pictures(model):
            return self._unlisted(model) is not None
        if is_own(model):
            connection, name = self._found(model) or (None, "")
            is_theirs = connection is not None and bool(person) and connection.owner_id == person and connection.is_usable
            return bool(is_theirs and connection and name and not self.closed_because(connection) and _is_known(connection, name))
        provided = self._found(model)
        return provided is not None and provided[0].is_usable and _is_allowed(model) and self.is_known(model)

    def is_known(self, model: str) -> bool:
        """Returns whether the connection lists the model or has no list, or the settings name the model."""
        connection, name = self._found(model) or (None, "")
        if connection is None or not name:
            return False
        is_named = name == connection.default_model or model in named_in_settings()
        return is_named or not self.is_missing(model)

    def is_missing(self, model: str) -> bool:
        """Returns whether the connection lists models, but not this one."""
        return naming.is_missing(model, self.connections())

    def _own_names(self) -> Mapping[str, str]:
        # There are none before the first successful query.
        return next((connection.own_names for connection in self.connections()[:1]), {})

    def known_contexts(self) -> Mapping[str, KnownContext]:
        """Returns what is known of the contexts of the team's models, and people's own, besides servers' lists."""
        return next((connection.contexts for connection in self.connections()[:1]), {})

    def _names(self) -> dict[str, str]:
        self.listed()
        return self._memory.names

    def _found(self, model: str) -> tuple[LiveConnection, str] | None:
        if is_own(model):
            slug, _, name = model.partition(":")
            models = self._own.named(slug)
            return (models.live, name) if models else None
        return naming.found(model, self.connections())

    def _slugged(self, slug: str) -> LiveConnection | None:
        if is_own(slug):
            models = self._own.named(slug)
            return models.live if models else None
        return next((live for live in self.connections() if live.slug == slug), None)

    def _usable_own(self, person: str) -> Sequence[own.OwnModels]:
        """Returns what a person can use of their own; runs no query where that is turned off."""
        if not person or setting(own.SETTING) == own.OFF:
            return ()
        mine = self._own.of_person(person)
        return [models for models in mine if models.live.is_usable and not self.closed_because(models.live)]

    def _is_given(self, model: str) -> bool:
        """Returns whether people have this model even if they can't choose among them."""
        return is_own(model) or model == self.default() or self._is_for_pictures(model)

    def _is_for_pictures(self, model: str) -> bool:
        return bool(model) and model == setting(PICTURE_MODEL)

    def _can_step_in(self, model: str) -> bool:
        provided = self._found(model)
        return self.is_available(model) and not (provided and provided[0].key.trouble)

    def _offered_demo(self) -> list[Model]:
        return [model for model in self._demo.models() if not model.hidden] if self.is_demo_allowed() else []

    def _usable(self) -> Iterator[LiveConnection]:
        return (connection for connection in self.connections() if connection.is_usable)

    def _refusal(self, model: str) -> str:
        if not model or not (self.is_configured or self.is_demo_allowed()):
            return "No model is connected yet. An admin can add a key or a server under Connections."
        if is_own(model):
            return "That model is of another person's own connection, or can't be used any more. Choose another one."
        return f"There is no model named {model[:80]} here. Choose another one."

    def _made(self, connection: LiveConnection, beats: float = 1.0, person: str = "") -> Provider:
        if connection.owner_id and connection.owner_id != person:
            raise Invalid(self._refusal(connection.prefix), field="model")
        if connection.key.trouble:
            raise DecryptionError(connection.key.trouble)
        pace = provider_types.ReadingPace(
            int(setting("stream.read_size")),
            float(setting("stream.first_byte_seconds")) or float(setting("stream.total_seconds")) or 3600.0,
            beats * setting("stream.coalesce_ms") / 1000,
        )
        identity = (connection.name, connection.base_url, connection.key.text, connection.kind)
        modes = naming.modes(connection)
        stamp = (*identity, connection.continuation, connection.reasoning_tags, modes, pace)
        cached = None if connection.owner_id else self._memory.made.get((connection.slug, beats))
        if cached and cached[0] == stamp:
            return cached[1]
        try:
            fresh = provider_types.provider(connection, self._config, self.upstream, pace, modes)
        except ProviderError as error:
            raise Invalid(str(error), field="model") from error
        if not connection.owner_id:
            self._memory.made[connection.slug, beats] = (stamp, fresh)
        return fresh


def make(config: Config) -> Providers:
    return Providers(config, DemoProvider(), Upstream())


PROVIDERS = PerApp[Providers]()


def providers() -> Providers:
    """Returns the providers of the current application."""
    return PROVIDERS.get()


def check_unlisted(model: object, no_demo: str) -> None:
    """Raises `Invalid` if a setting names a model that no connection can have; `no_demo` says that the demo has none."""
    if str(model).startswith(DEMO):
        raise Invalid(no_demo, field="value")
    if model:
        providers().provider_of(str(model))


def matching(models: Iterable[Model], query: str) -> list[Model]:
    """Returns the models whose name, id, maker or abilities contain every word of the query."""
    words = query.lower().split()
    if not words:
        return list(models)
    return [model for model in models if all(word in search_text(model) for word in words)]


@lru_cache(maxsize=8192)
def search_text(model: Model) -> str:
    """Returns what a model is found by, in small letters."""
    able = (*(model.abilities or ()), *(("reasoning",) if model.efforts else ()))
    free = ("free",) if model.prompt_price and not Decimal(model.prompt_price) else ()
    makes = ("makes pictures draws images",) if model.modalities or model.draws else ()
    return " ".join(
        (model.id, model.name, model.maker, *(WORDS.get(ability, ability) for ability in able), *free, *makes)
    ).lower()


def candidates(text: str, limit: int, person: str = "") -> list[tuple[str, str]]:
    """Searches all models for a picker; returns ids, with names as labels."""
    return [(model.id, model.name) for model in matching(providers().offered(person), text)[:limit]]


def _models_of(connection: LiveConnection, contexts: Mapping[str, KnownContext]) -> Iterator[Model]:
    """Yields a connection's models under the ids that people choose them by."""
    first = connection.starting_model
    models = {model.id: model for model in connection.models if not model.hidden}
    if first:
        models = {first: models.pop(first, Model(first, first)), **models}
    for id, model in models.items():
        maker = maker_of(id, model.name)
        yield known_model(replace(model, id=connection.prefix + id, maker=maker.name if maker else ""), contexts)


def _is_known(connection: LiveConnection, name: str) -> bool:
    """Returns whether a person's own connection can have this model: it lists it, or has no complete list."""
    is_partial = not connection.models or bool(connection.left_out)
    return is_partial or name == connection.default_model or name in connection.listed


def _chooses(person: str) -> bool:
    """Returns whether a person can choose among the models; the team, that is no person, can."""
    return not person or may_by_id(person, "models")


def _is_allowed(model: str) -> bool:
    allowed = setting("models.allowed")
    return not allowed or model in allowed
