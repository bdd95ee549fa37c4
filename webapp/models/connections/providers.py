"""The providers of the models: who answers for one, for whom, and which model replaces one that fails."""

from collections.abc import Collection
from itertools import chain

from webapp.base.current import PerApp, the_config
from webapp.base.errors import Forbidden, Invalid
from webapp.models.connections import naming, provider_types
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import ANY_MODEL, USUAL_MODEL, LiveConnection, is_own
from webapp.models.connections.models import the_models
from webapp.models.connections.naming import DEMO, DEMO_MODELS
from webapp.models.connections.purposes import OFF
from webapp.models.providers.base import Provider, ProviderError, RequestParameters
from webapp.models.providers.demo import DemoProvider
from webapp.models.upstream import Upstream
from webapp.settings.secrets.encryption import DecryptionError
from webapp.settings.service import setting


class Providers:
    """The demo provider and those of the connections, by the names that people choose models by.

    Only with the person of a connection of their own does `_made` return its provider.
    """

    def __init__(self, demo: Provider, upstream: Upstream) -> None:
        self._demo, self.upstream = demo, upstream
        self._by_connection: dict[tuple[str, float], tuple[object, Provider]] = {}

    def for_model(self, model: str, *, person: str = "", for_visitor: bool = False, beats: float = 1.0) -> Provider:
        """Returns the provider for this model; raises `Invalid` if no connection has it or people cannot choose it.

        The demo answers people with an account only where it stands in for a real model, and visitors always. `person` is who
        asks and pays. A stream is read once in so many `beats`.
        """
        if model.startswith(DEMO):
            if model in DEMO_MODELS and (for_visitor or the_models().is_demo_allowed()):
                return self._demo
        elif the_models().is_available(model, person) and (provided := the_connections().found(model)):
            return self._made(provided[0], beats, person)
        raise Invalid(_refusal(model), field="model")

    def refuse_unless_choosable(self, model: str, *, person: str) -> None:
        """Raises `Invalid` as `for_model` does, and `Forbidden` if the person can't choose among the models."""
        self.for_model(model, person=person)
        if not the_models().may_choose(model, person):
            usual = the_models().display_name(the_models().default())
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

    def provider(self, slug: str) -> Provider:
        """Returns the provider of a connection, even if that is turned off."""
        the_connections().forget()
        return self._made(the_connections().connection(slug))

    def own_provider(self, slug: str, person: str) -> Provider:
        """Returns the provider of a person's own connection, even if they have turned it off."""
        the_connections().forget()
        own = the_connections().own
        connection = own.connection(slug, person)
        if closed := own.closed_because(connection):
            raise Invalid(closed)
        return self._made(connection, person=person)

    def candidate(self, connection: LiveConnection) -> Provider:
        """Returns the provider of a connection that isn't stored."""
        return self._made(connection, person=connection.owner_id)

    def name_of(self, model: str) -> str:
        """Returns the model's name at its provider."""
        provided = None if model.startswith(DEMO) else the_connections().found(model)
        return provided[1] if provided else model

    def parameters(self, model: str) -> RequestParameters:
        """Returns the parameters that every request to a real model has."""
        if model.startswith(DEMO):
            return {}
        temperature, most = setting("models.temperature"), setting("models.max_tokens")
        return {"temperature": None if temperature == "" else temperature, "max_tokens": most or None}

    def chain(self, model: str) -> list[str]:
        """Returns the model and its fallbacks, without duplicates and without models that cannot answer."""
        if model.startswith(DEMO) or is_own(model):
            # The demo is free and open to visitors, so no paid model stands in for it. What a person pays for themselves fails
            # rather than cost the team something, or the other way round.
            return [model]
        # The usual model was not chosen by a person, and OpenRouter may no longer have it.
        usual = [ANY_MODEL] if model == USUAL_MODEL else []
        demo = ["demo/quick"] if setting("demo.fallback") == "always" else []
        return list(dict.fromkeys([model, *filter(_can_step_in, (*setting("models.fallbacks"), *usual)), *demo]))

    def id_of_answering(self, asked: str, served: str, slug: str, failed: Collection[str]) -> str:
        """Returns the id, as people choose it, of the fallback that answered for a model.

        `served` is the name that its server reports, `slug` its connection, and `failed` are the models that were tried.
        """
        remaining = [name for name in self.chain(asked) if name not in failed]
        named = (name for name in remaining if self.name_of(name) == served)
        of_connection = (name for name in remaining if the_connections().slug_of(name) == slug)
        return next(chain(named, of_connection, remaining), served)

    def _unlisted(self, model: str) -> Provider | None:
        if model.startswith(DEMO):
            return self._demo
        connection = the_connections().of_unlisted(model)
        return self._made(connection) if connection else None

    def _made(self, connection: LiveConnection, beats: float = 1.0, person: str = "") -> Provider:
        if connection.owner_id and connection.owner_id != person:
            raise Invalid(_refusal(connection.prefix), field="model")
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
        cached = None if connection.owner_id else self._by_connection.get((connection.slug, beats))
        if cached and cached[0] == stamp:
            return cached[1]
        try:
            fresh = provider_types.provider(connection, the_config(), self.upstream, pace, modes)
        except ProviderError as error:
            raise Invalid(str(error), field="model") from error
        if not connection.owner_id:
            self._by_connection[connection.slug, beats] = (stamp, fresh)
        return fresh


PROVIDERS = PerApp(lambda: Providers(DemoProvider(), Upstream()))


def providers() -> Providers:
    """Returns the providers of the current application."""
    return PROVIDERS.get()


def check_unlisted(model: object, no_demo: str) -> None:
    """Raises `Invalid` if a setting names a model that no connection can have; `no_demo` says that the demo has none."""
    if str(model).startswith(DEMO):
        raise Invalid(no_demo, field="value")
    if model and model != OFF:
        providers().provider_of(str(model))


def _can_step_in(model: str) -> bool:
    provided = the_connections().found(model)
    return the_models().is_available(model) and not (provided and provided[0].key.trouble)


def _refusal(model: str) -> str:
    if not model or not (the_connections().usable() or the_models().is_demo_allowed()):
        return "No model is connected yet. An admin can add a key or a server under Connections."
    if is_own(model):
        return "That model is of another person's own connection, or can't be used any more. Choose another one."
    return f"There is no model named {model[:80]} here. Choose another one."
