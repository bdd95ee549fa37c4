"""Which models are offered here, and who provides them."""

from collections.abc import Sequence
from typing import Any

from flask import current_app

from webapp.config import Config
from webapp.errors import Invalid
from webapp.providers.base import Model, Provider
from webapp.providers.demo import DemoProvider
from webapp.providers.openrouter import OpenRouterProvider
from webapp.settings.service import setting
from webapp.upstream import Upstream

DEMO = "demo/"
ANY_MODEL = "openrouter/auto"


class Providers:
    """The demo, and the connection that the operator configured, if there is a key for one."""

    def __init__(self, config: Config, demo: Provider, upstream: Upstream) -> None:
        self._config, self._demo, self._upstream = config, demo, upstream
        self.is_configured = bool(config.openrouter_api_key)

    def of(self, model: str) -> Provider:
        """Who answers for this model."""
        if model.startswith(DEMO):
            if any(offered.id == model for offered in self._demo.models()):
                return self._demo
        elif self.is_configured and model:
            return self._configured()
        raise Invalid(f"There is no model called {model[:80]} here. Choose another one.", field="model")

    def offered(self) -> Sequence[Model]:
        """What a picker shows: real models where there are any, the demo where there are none or an admin allows it."""
        demo = [model for model in self._demo.models() if not model.hidden]
        if not self.is_configured:
            return demo
        real = [Model(self._model, self._model)]
        return [*real, *demo] if setting("demo.fallback") == "always" else real

    def default(self) -> str:
        """The model of a new chat; one that needs a key is none where there is no key."""
        chosen = str(setting("models.default")) or self._model
        return chosen if self.is_configured or chosen.startswith(DEMO) else "demo/quick"

    def chain(self, model: str) -> list[str]:
        """The model and those that are asked when it fails, each once; an unknown one is left out."""
        wished = dict.fromkeys([model, *setting("models.fallbacks")])
        return [each for each in wished if each == model or self._is_known(each)]

    def name_of(self, model: str) -> str:
        """The name by which its provider knows the model."""
        return model

    def parameters(self, model: str) -> dict[str, Any]:
        """What the operator wants every request to say."""
        if model.startswith(DEMO):
            return {}
        return {"temperature": self._config.openrouter_temperature, "max_tokens": self._config.openrouter_max_tokens}

    def _is_known(self, model: str) -> bool:
        return self.is_configured != model.startswith(DEMO)

    @property
    def _model(self) -> str:
        return self._config.openrouter_model or ANY_MODEL

    def _configured(self) -> Provider:
        config = self._config
        return OpenRouterProvider(
            config.openrouter_api_key,
            self._upstream,
            base_url=config.openrouter_base_url,
            referer=config.openrouter_http_referer,
            title=config.openrouter_x_title or "Millrace",
            trust="operator",
            read_size=int(setting("stream.read_size")),
            first_byte_seconds=float(setting("stream.first_byte_seconds")) or float(setting("stream.total_seconds")) or 3600.0,
        )


def make(config: Config) -> Providers:
    return Providers(config, DemoProvider(), Upstream())


def providers() -> Providers:
    """The providers of the current application."""
    made: Providers = current_app.extensions["providers"]
    return made
