"""Pictures by models that draw: each is asked for once, because it may have to be paid even where no reply was seen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

from webapp.engine.engine import Engine
from webapp.engine.ladder import Attempt
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.providers.base import Drawn, Model, ModelRequest, PictureRequest, Provider, ProviderError, Turn
from webapp.streaming.events import Ended, Event, Pictured, Started, Usage
from webapp.streaming.stop import Stop

# As much as OpenAI takes.
MOST_PROMPT, MOST_ORIGINALS = 32_000, 16
MAYBE_PAID = "The request was sent, so a picture may have been made and paid for."


@dataclass(frozen=True, slots=True)
class PictureMaker:
    """A model that makes pictures: its provider, the provider's name for it, and what its server lists of it."""

    provider: Provider
    name: str
    listed: Model | None

    @classmethod
    def from_model(cls, model: str, person: str = "") -> Self:
        """Returns what makes pictures for this person by the model; raises `Invalid` if they can't have it."""
        return cls(providers().for_model(model, person=person), providers().name_of(model), the_models().model(model))

    def draw(self, request: PictureRequest, stop: Stop) -> Drawn:
        """Returns a picture, with its cost as reported or by the listed prices; it stays unknown without both."""
        drawn = self.provider.draw(replace(request, model=self.name), stop)
        return replace(drawn, usage=replace(drawn.usage, cost=drawn.usage.cost or self._listed_cost(drawn.usage)))

    def _listed_cost(self, usage: Usage) -> str | None:
        listed = self.listed
        if not listed or not (listed.prompt_price and listed.completion_price) or usage.output_tokens is None:
            return None
        tokens = Decimal(listed.prompt_price) * (usage.input_tokens or 0) + Decimal(listed.completion_price) * usage.output_tokens
        return f"{tokens / 1_000_000:f}"


class DrawingSource:
    """A run's source of one picture. Nothing is repeated and no other model steps in: only a person asks again."""

    is_between = False

    def __init__(self, engine: Engine, request: PictureRequest, person: str) -> None:
        self._request, self._now = request, engine.now
        self._maker = PictureMaker.from_model(request.model, person)

    def events(self, stop: Stop) -> Iterator[Event]:
        began = self._now()
        yield Started(self._maker.name, self._maker.provider.name)
        try:
            drawn = self._maker.draw(self._request, stop)
        except ProviderError as error:
            yield Attempt(self._request.model, "whole", round(self._now() - began, 2), error.code, str(error)).as_notice()
            words = f"{error} {MAYBE_PAID}" if is_maybe_paid(error) else str(error)
            raise ProviderError(error.code, words, retry_after=error.retry_after, of_connection=error.of_connection) from error
        yield drawn.usage
        yield Pictured(drawn.content, words=self._request.prompt)
        yield Ended("completed", "stop")

    def check_timeout(self) -> str:
        return ""


def picture_request(request: ModelRequest) -> PictureRequest:
    """Returns the request that the last message of a person makes: its words, and its pictures to be changed."""
    last = next((turn for turn in reversed(request.turns) if turn.role == "user"), Turn("user", ""))
    originals = tuple(picture for picture in last.pictures if picture.path.is_file())[:MOST_ORIGINALS]
    return PictureRequest(request.model, last.content[:MOST_PROMPT].strip(), originals=originals)


def is_maybe_paid(error: ProviderError) -> bool:
    """Returns whether the request was sent and no whole reply was seen, so that the picture may have been made."""
    return error.code in ("cut", "stall") and not error.of_connection
