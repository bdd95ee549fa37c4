"""The models that there are: for whom, what they are called, what they can do, and which is the usual one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache

from webapp.base.current import PerApp
from webapp.models.connections import naming
from webapp.models.connections.cache import Connections, the_connections
from webapp.models.connections.effective import LiveConnection, is_own, known_model
from webapp.models.connections.listing import named_in_settings
from webapp.models.connections.naming import DEMO, DEMO_MODELS
from webapp.models.connections.purposes import MARKS, OFF, PICTURE_MODEL, suited
from webapp.models.makers import maker_of
from webapp.models.names import name_of
from webapp.models.providers.base import Model
from webapp.models.providers.demo import MODELS as MODELS_OF_DEMO
from webapp.models.providers.openrouter import HOST
from webapp.people.accounts.permissions import may_by_id
from webapp.settings.service import setting

# What people type for an ability, besides its name.
WORDS = {"vision": "vision pictures images", "tools": "tools functions", "reasoning": "reasoning thinking"}
DEMO_GROUP = "Demo"


@dataclass(frozen=True)
class _Listing:
    """The models that the team's connections list, as they and the settings were read at one time."""

    team: tuple[LiveConnection, ...] = ()
    named: frozenset[str] = frozenset()
    models: Sequence[Model] = ()
    by_id: Mapping[str, Model] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    used_names: frozenset[str] = frozenset()
    groups: Mapping[str, str] = field(default_factory=dict)
    suited: Mapping[str, str] = field(default_factory=dict)


class Models:
    """The models of the connections and of the demo, by the names that people choose them by.

    A model of the built-in connection has OpenRouter's name, one of another connection is called `<slug>:<model>`. Without a
    `person`, only the team's connections count.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections, self._last_listing = connections, _Listing()

    def offered(self, person: str = "") -> Sequence[Model]:
        """Returns the models for a picker: the person's own, real ones, and the demo if there are none or an admin allows it."""
        allowed = frozenset(setting("models.allowed"))
        real = (model for model in (*self.listed(), *self.unlisted()) if not allowed or model.id in allowed)
        offered = [
            *(model for models in self._connections.own.usable_by(person) for model in models.by_id.values()),
            *real,
            *self._offered_demo(),
        ]
        if _chooses(person):
            return offered
        usual = self.default()
        return [model for model in offered if is_own(model.id) or model.id == usual]

    def listed(self) -> Sequence[Model]:
        """Returns every listed real model, each connection's default first."""
        return self._listing().models

    def unlisted(self) -> Sequence[Model]:
        """Returns allowed models that are not listed, because their connection's list was not read yet or was cut."""
        named = ((name, self._connections.found(name)) for name in setting("models.allowed") if not self.model(name))
        cut = ((name, provided[0]) for name, provided in named if provided and (provided[0].left_out or not provided[0].models))
        return [Model(name, self.display_name(name), maker=self.maker(name)) for name, connection in cut if connection.is_usable]

    def model(self, id: str) -> Model | None:
        """Returns the real model with this id; uses an index, because every message looks one up and there can be thousands."""
        if is_own(id):
            models = self._connections.own.named(id.partition(":")[0])
            return models.by_id.get(id) if models else None
        return self._listing().by_id.get(id)

    def known(self, model: str) -> Model:
        """Returns what is known of a model, listed or not: of the demo, that it answers by a schema."""
        if listed_model := self.model(model):
            return listed_model
        unlisted_model = Model(model, model, takes_schema=model.startswith(DEMO))
        return known_model(unlisted_model, self._connections.built_in().contexts)

    def choice(self, model: str) -> Model | None:
        """Returns this model as pickers show it, or None if they don't."""
        if model.startswith(DEMO):
            return next((demo_model for demo_model in self._offered_demo() if demo_model.id == model), None)
        return self.model(model) if is_own(model) or _is_allowed(model) else None

    def is_choosable(self, model: str, person: str = "") -> bool:
        """Returns whether a person can choose this model; without the permission, only their own and the usual one."""
        return self.is_available(model, person) and self.may_choose(model, person)

    def may_choose(self, model: str, person: str) -> bool:
        """Returns whether a person can choose this model if it is available to them."""
        return _chooses(person) or is_own(model) or model == self.default() or self._is_for_pictures(model)

    def is_available(self, model: str, person: str = "") -> bool:
        """Returns whether this model can answer, as if others had chosen it; one of a person's own connection, only them."""
        if model.startswith(DEMO):
            return model in DEMO_MODELS and self.is_demo_allowed()
        if self._is_for_pictures(model):
            return self._connections.of_unlisted(model) is not None
        connection, name = self._connections.found(model) or (None, "")
        if not connection or not connection.is_usable or not name:
            return False
        if connection.owner_id:
            is_theirs = connection.owner_id == person and not self._connections.own.closed_because(connection)
            return is_theirs and _is_known(connection, name)
        return _is_allowed(model) and (
            name == connection.default_model
            or model in named_in_settings()
            or not naming.is_missing(model, self._connections.team())
        )

    def is_demo_allowed(self) -> bool:
        """Returns whether the demo can answer people with an account."""
        policy = setting("demo.fallback")
        return policy == "always" or (policy == "when_no_key" and not self._connections.usable())

    def default(self, preferred: str = "", person: str = "") -> str:
        """Returns the model of a new chat: the person's choice, the team's, a connection's, or the demo's; empty without any."""
        names = (
            preferred,
            str(setting("models.default")),
            *(connection.prefix + connection.starting_model for connection in self._connections.usable()),
            *(models.live.prefix + models.live.starting_model for models in self._connections.own.usable_by(person)),
        )
        if default := next((name for name in names if name and self.is_choosable(name, person)), ""):
            return default
        return next((model.id for model in self.offered(person)), "")

    def starting_model(self, connection: LiveConnection) -> str:
        """Returns the connection's model that new chats start with, as its server names it: the first one that can be chosen."""
        usual, prefix = connection.starting_model, connection.prefix
        if not connection.is_usable or self.is_choosable(prefix + usual):
            return usual
        ids = (model.id for model in self.offered())
        own = (id for id in ids if (provided := self._connections.found(id)) and provided[0].slug == connection.slug)
        return next((id.removeprefix(prefix) for id in own), usual)

    def model_for(self, purpose: str) -> str:
        """Returns the model that the setting `purpose` names, or else a listed one that suits it; empty for none."""
        named = str(setting(purpose)).strip()
        return "" if named == OFF else named or self._listing().suited.get(purpose, "")

    def draws(self, model: str) -> bool:
        """Returns whether a model makes pictures and no text: the one that settings name for it, or as its server lists it."""
        return not model.startswith(DEMO) if self._is_for_pictures(model) else self.known(model).draws

    def writer(self, model: str, person: str = "") -> str:
        """Returns the model that writes where this one is asked for a text: the usual one, if it makes only pictures."""
        return self.default(person=person) if self.draws(model) else model

    def display_name(self, model: str, slug: str = "") -> str:
        """Returns the name that people read for a model: an admin's, else its server's, else one made from its id.

        `slug` is for ids as a server reports them with an answer, without the connection's prefix.
        """
        listing, slug_of_own = self._listing(), next((name.partition(":")[0] for name in (slug, model) if is_own(name)), "")
        if slug_of_own and (models := self._connections.own.named(slug_of_own)):
            return models.name_of(model)
        if name := listing.names.get(f"{slug}:{model}") or listing.names.get(model):
            return name
        # No connection lists it (any longer): another version of a listed model is told apart from that.
        provided = self._connections.found(model)
        id = provided[1] if provided and provided[1] else model.partition(":")[2] or model
        usual, maker = name_of(id), maker_of(id)
        by = maker.name if maker else model
        candidates = (usual.text, usual.exact, f"{usual.exact} · {by}", f"{usual.exact} · {model}")
        return next((name for name in candidates if name not in listing.used_names), model) if model else ""

    def same_model(self, id: str) -> list[str]:
        """Returns all names of the model with this id: the one that people choose it by, and the one that its server reports."""
        name = self.display_name(id)
        return list({id, *(other for other, display_name in self._listing().names.items() if display_name == name)})

    def has_name(self, name: str, *, but: str) -> bool:
        """Returns whether another listed model is called so, in capitals or not."""
        provided = self._connections.found(but)
        same = (id for id, used in self._listing().names.items() if used.lower() == name.lower())
        return any(id not in (but, provided[1] if provided else but) for id in same)

    def usual_name(self, model: str) -> str:
        """Returns the name that a listed model has without an admin's."""
        connection, id = self._connections.found(model) or (None, model)
        server_names = (listed.name for listed in (connection.models if connection else ()) if listed.id == id)
        return name_of(id, next(server_names, "")).text

    def maker(self, model: str) -> str:
        """Returns the name of who made a model; empty if that can't be told."""
        if listed_model := self.model(model):
            return listed_model.maker
        provided = self._connections.found(model)
        maker = maker_of(provided[1] if provided else model)
        return maker.name if maker else ""

    def group(self, model: str) -> str:
        """Returns the heading that a model is listed under: its maker at a server with those of many, else its connection."""
        return self._listing().groups.get(model) or self.connection_name(model)

    def connection_name(self, model: str) -> str:
        connection = self._connections.of_model(model)
        return connection.name if connection else DEMO_GROUP

    def _is_for_pictures(self, model: str) -> bool:
        return bool(model) and model == self.model_for(PICTURE_MODEL)

    def _listing(self) -> _Listing:
        team, named, last = self._connections.team(), self._connections.named, self._last_listing
        if last.team is not team or last.named is not named:
            self._last_listing = last = _listing_of(self._connections, team, named)
        return last

    def _offered_demo(self) -> list[Model]:
        return [model for model in MODELS_OF_DEMO if not model.hidden] if self.is_demo_allowed() else []


MODELS = PerApp(lambda: Models(the_connections()))


def the_models() -> Models:
    """Returns the models of the current application."""
    return MODELS.get()


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
    return [(model.id, model.name) for model in matching(the_models().offered(person), text)[:limit]]


def _listing_of(connections: Connections, team: tuple[LiveConnection, ...], settings_names: frozenset[str]) -> _Listing:
    built_in, usable = connections.built_in(), (connection for connection in team if connection.is_usable)
    models = [(connection, model) for connection in usable for model in naming.models_of(connection, built_in.contexts)]
    of_settings = (connections.found(name) for name in sorted(settings_names) if not name.startswith(DEMO))
    named = [provided for provided in of_settings if provided and provided[1]]
    names = naming.distinct_names(models, named, built_in.own_names)
    listed = [replace(model, name=names[model.id]) for _, model in models]
    names_in_use = naming.names_in_use(team, names | {model.id: model.name for model in MODELS_OF_DEMO})
    # A server with models of many makers lists them as maker/model.
    slashes = Counter((connection.slug, "/" in model.id) for connection, model in models)
    return _Listing(
        team,
        settings_names,
        listed,
        by_id={model.id: model for model in reversed(listed)},
        names=names_in_use,
        used_names=frozenset(names_in_use.values()),
        groups={
            model.id: model.maker
            if model.maker and slashes[connection.slug, True] > slashes[connection.slug, False]
            else connection.name
            for connection, model in models
        },
        suited={purpose: _first_suited(purpose, team) for purpose in MARKS},
    )


def _first_suited(purpose: str, team: Iterable[LiveConnection]) -> str:
    """Returns the model that suits a purpose, of the first connection with one that takes such requests as OpenAI does."""
    for connection in team:
        if connection.is_usable and connection.kind != "anthropic" and connection.host != HOST:
            models = [model for model in connection.models if _is_allowed(connection.prefix + model.id)]
            if name := suited(purpose, models):
                return connection.prefix + name
    return ""


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
