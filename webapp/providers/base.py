"""The provider protocol and its values: requests, replies and models. Pure."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from webapp.streaming.events import Delta, Ended, Event, Notice, Reasoning, Usage
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

__all__ = [
    "GO_ON",
    "Continuation",
    "Embedded",
    "Model",
    "ModelRequest",
    "Picture",
    "Provider",
    "ProviderError",
    "Reply",
    "Turn",
    "events_of",
]

Continuation = Literal["prefill", "prefix", "instruct"]
# How the next word is chosen, beside temperature and top-p; each server knows some of these.
SAMPLERS = ("top_k", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty")
# What a model can see, do and be told.
ABILITIES = ("vision", "tools", "reasoning", "json", "top_p", "stop", *SAMPLERS)
# What a model is told that can only begin a new answer when asked to continue an old one.
GO_ON = (
    "Your answer above was cut off before its end. Continue exactly where it stops, in the middle of a word if need be: "
    "no greeting, no repetition, no remark about the break, the same language and format, within the same list, table or code."
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of ours: its type, the file that holds it, which is read when it is sent, and its name."""

    media_type: str
    path: Path
    name: str = ""

    @property
    def base64(self) -> str:
        return b64encode(self.path.read_bytes()).decode()


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as a model is given it, with its pictures."""

    role: Literal["system", "user", "assistant"]
    content: str
    pictures: tuple[Picture, ...] = ()

    def keeping(self, pictures: Iterable[Picture]) -> "Turn":
        """The same with these of its pictures, and with nothing but the names of the others."""
        kept = tuple(pictures)
        names = [named_picture(each.name) for each in self.pictures if each not in kept]
        return replace(self, content="\n\n".join(each for each in (self.content, *names) if each), pictures=kept)


def named_picture(name: str) -> str:
    """What a model is told of a picture that it isn't given."""
    return f"[Image: {name}]"


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Everything a provider is asked; `goes_on` says that the last turn is the model's own beginning, to be continued.

    `notices` are for the person who asks: what they should know of how the request came to be. `schema` is the JSON Schema
    that the answer must follow, as JSON, for models that can be held to one; `is_json` says that it must be any JSON object.
    `samplers` are values by names of `SAMPLERS`. `go_on` is what a model is told that can't continue its own text. `sources`
    are the passages that it is given.
    """

    model: str
    turns: tuple[Turn, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    effort: str = ""
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    samplers: Mapping[str, float] = field(default_factory=dict, hash=False)
    is_json: bool = False
    goes_on: bool = False
    notices: tuple[Notice, ...] = ()
    schema: str = ""
    go_on: str = GO_ON
    sources: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """Prices are decimal text in US dollars per million tokens, or empty where nobody says; `efforts` from least to most.

    `takes_schema` says that its answers can be held to a JSON Schema. `abilities` are those of `ABILITIES` that it has, or
    None where nobody says.
    """

    id: str
    name: str
    context_length: int | None = None
    hidden: bool = False
    prompt_price: str = ""
    completion_price: str = ""
    efforts: tuple[str, ...] = ()
    takes_schema: bool = False
    abilities: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, not streamed."""

    text: str
    reasoning: str
    usage: Usage | None
    reason: str
    model: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """A vector for each text, in their order, and what all of them took."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage


def events_of(reply: Reply) -> Iterator[Event]:
    """The events of a reply in one piece, as if it had been streamed."""
    if reply.reasoning:
        yield Reasoning(reply.reasoning)
    if reply.text:
        yield Delta(reply.text)
    if reply.usage:
        yield reply.usage
    yield Ended("completed", reply.reason)


class Provider(Protocol):
    """`stream` is lazy, closeable, and ends soon after `stop` is asked, in every state.

    It yields `Started` first (when the server has accepted the request), any number of `Reasoning`, `Delta`, `Notice`
    and `Usage`, and last, only if it saw the terminal marker, `Ended("completed", "stop" | "length" | "content_filter")`.
    Whatever else happens is a `ProviderError`, or a plain return when `stop` was asked. The first `Usage` comes as soon as
    anything is known, so that a stopped answer can be settled too; each later one adds to it by `Usage.updated`.

    `embed` gives vectors for texts, however many; who has none for any raises `invalid`.
    `settle` asks what the answer with this `upstream_id` has taken: None while the server does not know it yet.
    """

    name: str
    continuation: Continuation

    def stream(self, request: ModelRequest, stop: Stop) -> Iterator[Event]: ...
    def complete(self, request: ModelRequest, stop: Stop) -> Reply: ...
    def embed(self, model: str, texts: Sequence[str], stop: Stop) -> Embedded: ...
    def models(self) -> Sequence[Model]: ...
    def check_key(self) -> str: ...
    def settle(self, upstream_id: str) -> Usage | None: ...
