"""The provider protocol and its values: requests, replies and models. Pure."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, NotRequired, Protocol, TypedDict, cast

from webapp.base.words import fence_for
from webapp.streaming.events import Calling, Delta, Ended, Event, Kept, Notice, Pictured, Reasoning, SourceRecord, Usage
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

__all__ = [
    "CONTINUE_INSTRUCTION",
    "AttachedImage",
    "Continuation",
    "Embedded",
    "Model",
    "ModelRequest",
    "Provider",
    "ProviderError",
    "Reply",
    "RequestParameters",
    "ToolCall",
    "ToolResult",
    "ToolSpec",
    "Turn",
    "events_of",
    "flattened",
]

Continuation = Literal["prefill", "prefix", "instruct"]
# Sampling parameters other than temperature and top-p; each server supports some of these.
SAMPLERS = ("top_k", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty")
# What a model can see and do, and which parameters it accepts.
ABILITIES = ("vision", "tools", "reasoning", "json", "top_p", "stop", *SAMPLERS)
# How hard a model can think, from least to most; OpenRouter supports all of them.
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# The instruction for a model that can't continue its own text, but only begin a new answer.
CONTINUE_INSTRUCTION = (
    "Your answer above was cut off before its end. Continue exactly where it stops, in the middle of a word if need be: "
    "no greeting, no repetition, no remark about the break, the same language and format, within the same list, table or code."
)

# What a model is told of a call that never ended, such as one in an answer that was stopped.
NO_RESULT = "This call was not finished, so it has no result."


@dataclass(frozen=True, slots=True)
class AttachedImage:
    """A stored picture: its media type, its file, which is read when it is sent, and its name."""

    media_type: str
    path: Path
    name: str = ""

    @property
    def base64(self) -> str:
        return b64encode(self.path.read_bytes()).decode()


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that a model can call; every server accepts its name. `schema` is the JSON Schema of its arguments, as JSON.

    With `is_checked`, its arguments are checked before it is called, and a model that writes too long ones is told so.
    `is_strict` is what a program asked of servers that can hold a model to the schema; None if it said nothing.
    """

    name: str
    description: str
    schema: str
    is_checked: bool = False
    is_strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's call of a tool, by its name; `arguments` is what the model wrote, which should be a JSON object."""

    id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call returned, by the call's id; with `is_error`, the text says what failed."""

    id: str
    text: str
    is_error: bool = False

    @property
    def shown(self) -> str:
        """The text for servers that don't know of failed calls."""
        return f"Error: {self.text}" if self.is_error and not self.text.lower().startswith("error") else self.text


@dataclass(frozen=True, slots=True)
class Turn:
    """One message in a request, with its pictures.

    A model's has its `calls`, and what its provider wants back with them as `kept`, which only that provider can read. The
    turn after it has the role `tool` and the `results` of all these calls.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    pictures: tuple[AttachedImage, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ToolResult, ...] = ()
    kept: str = ""

    def keeping(self, pictures: Iterable[AttachedImage]) -> "Turn":
        """Returns a copy with only these of its pictures, and the names of the others as text."""
        kept_pictures = tuple(pictures)
        names = [named_picture(picture.name) for picture in self.pictures if picture not in kept_pictures]
        return replace(self, content="\n\n".join(text for text in (self.content, *names) if text), pictures=kept_pictures)


def named_picture(name: str) -> str:
    """Returns the placeholder for a picture that isn't sent."""
    return f"[Image: {name}]"


class RequestParameters(TypedDict, total=False):
    """The values of a `ModelRequest` that settings, prompts, chats and clients choose."""

    temperature: float | None
    max_tokens: int | None
    effort: str
    top_p: float
    stop: tuple[str, ...]
    samplers: Mapping[str, float]
    is_json: bool
    continue_instruction: str


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request for an answer; with `is_continuation`, the last turn is the start of the model's own answer, to be continued.

    `notices` inform the person about how the request was built. `schema` is the JSON Schema that the answer must follow, as JSON,
    for models that support structured output; `is_json` requires any JSON object. `samplers` are values by names of
    `SAMPLERS`. `continue_instruction` is the instruction for a model that can't continue its own text. `sources` are the
    passages in the prompt. `tools` can be called; `tool_choice` is `none` if none may be, `required` if one must be, the name
    of the one that must be, or empty if the model chooses. Of an answer to be continued, only the text is sent. `modalities` are
    what the model is to answer with, if that is more than text. `other_tokens` are about
    as many as what is sent besides text and pictures has, such as a recording. `earlier` are the places of turns that can be left
    out where not all fit the model's context, oldest first; None if the request has to be sent as it is. `folded` returns it with
    more of it folded, down to so many tokens, for a model that has refused its length; None if no more can be. `folds` are the
    handles of what is folded in its messages.
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
    is_continuation: bool = False
    notices: tuple[Notice, ...] = ()
    schema: str = ""
    continue_instruction: str = CONTINUE_INSTRUCTION
    sources: tuple[SourceRecord, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = ""
    has_parallel_calls: bool = True
    other_tokens: int = 0
    modalities: tuple[str, ...] = ()
    earlier: tuple[int, ...] | None = None
    folded: Callable[[int], "ModelRequest | None"] | None = field(default=None, compare=False)
    folds: tuple[str, ...] = ()

    def texts(self) -> Iterator[str]:
        """Yields all that is sent as text, with the calls of earlier rounds and the tools."""
        for turn in self.turns:
            yield turn.content
            yield from (call.arguments for call in turn.calls)
            yield from (result.text for result in turn.results)
        for tool in self.tools:
            yield from (tool.description, tool.schema)

    @property
    def takes_calls(self) -> bool:
        """Whether the model may call a tool; calls in the answer to any other request are ignored."""
        return bool(self.tools) and self.tool_choice != "none"

    @property
    def must_call(self) -> bool:
        """Whether the model must call a tool."""
        return bool(self.tools) and self.tool_choice not in ("", "none")

    @property
    def sent_turns(self) -> tuple[Turn, ...]:
        """The turns as they are sent: with a result for each call, as servers reject any other request.

        Calls of an answer that is to be continued are left out.
        """
        if not any(turn.calls or turn.results for turn in self.turns):
            return self.turns
        *earlier, last = self.turns
        return tuple(_answered([*earlier, replace(last, calls=(), kept="")] if self.is_continuation else self.turns))


def _answered(turns: Iterable[Turn]) -> Iterator[Turn]:
    calls: tuple[ToolCall, ...] = ()
    results: dict[str, ToolResult] = {}
    for turn in (*turns, None):
        if turn and turn.role == "tool":
            results |= {result.id: result for result in turn.results}
            continue
        if calls:
            answers = (results.get(call.id, ToolResult(call.id, NO_RESULT, is_error=True)) for call in calls)
            yield Turn("tool", "", results=tuple(answers))
        if turn:
            calls, results = turn.calls, {}
            yield turn


class ModelRecord(TypedDict):
    """A `Model` as it is stored; earlier releases stored fewer of its fields."""

    id: str
    name: str
    context_length: NotRequired[int | None]
    hidden: NotRequired[bool]
    prompt_price: NotRequired[str]
    completion_price: NotRequired[str]
    efforts: NotRequired[Sequence[str]]
    takes_schema: NotRequired[bool]
    abilities: NotRequired[Sequence[str] | None]
    maker: NotRequired[str]
    modalities: NotRequired[Sequence[str]]
    draws: NotRequired[bool]


@dataclass(frozen=True, slots=True)
class Model:
    """A model; prices are decimal text in US dollars per million tokens, or empty if unknown.

    `efforts` are ordered from least to most. `takes_schema` means that it supports structured output with a JSON Schema.
    `abilities` are its items of `ABILITIES`, or None if unknown. `maker` is the name of who made it, or empty if unknown. One
    that `draws` makes pictures and no text. `modalities` are what one answers with, if
    that is not text alone.
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
    maker: str = ""
    modalities: tuple[str, ...] = ()
    draws: bool = False

    def is_able(self, ability: str) -> bool:
        """Returns whether to use an ability of the model: yes, unless its server reports that it doesn't have it."""
        return self.abilities is None or ability in self.abilities

    def as_record(self) -> ModelRecord:
        """Returns what is stored of it with its connection."""
        return cast(ModelRecord, asdict(self))


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, not streamed."""

    text: str
    reasoning: str
    usage: Usage | None
    reason: str
    model: str
    calls: tuple[ToolCall, ...] = ()
    kept: str = ""
    # With notices in place of those that could not be read.
    pictures: tuple[Pictured | Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Embedded:
    """A vector for each text, in the same order, and the usage of all together."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """A request for one picture; `size` is its width and height, such as 1024x1024, or empty. `originals` are to be changed."""

    model: str
    prompt: str
    size: str = ""
    originals: tuple[AttachedImage, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture as its server sent it, and what it used."""

    content: bytes
    usage: Usage


@dataclass(frozen=True, slots=True)
class Recording:
    """Recorded speech: its file, its media type and its name for servers; `language` is its ISO code, or empty if unknown."""

    path: Path
    media_type: str
    name: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """What was said in a recording, and what its server reported of the usage."""

    text: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Spoken:
    """Speech: its bytes, the media type that they have, and what its server reported of the usage."""

    content: bytes
    media_type: str
    usage: Usage


def events_of(reply: Reply) -> Iterator[Event]:
    """Yields the events of a whole reply, as if it had been streamed."""
    if reply.reasoning:
        yield Reasoning(reply.reasoning)
    if reply.text:
        yield Delta(reply.text)
    yield from reply.pictures
    for number, call in enumerate(reply.calls):
        yield Calling(number, call.id, call.tool, call.arguments)
    if reply.usage:
        yield reply.usage
    if reply.kept:
        yield Kept(reply.kept)
    yield Ended("completed", reply.reason)


def flattened(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Returns the turns with calls and their results as text of the person, for a model that is offered no tools.

    It is not text of the model, which would write such text instead of calling.
    """
    flat: list[Turn] = []
    calls: dict[str, ToolCall] = {}
    for turn in turns:
        calls |= {call.id: call for call in turn.calls}
        if turn.role == "tool":
            words = "\n\n".join(_flat(calls.get(result.id), result) for result in turn.results)
            if flat and flat[-1].role == "user":
                # Some servers reject roles that don't alternate.
                flat[-1] = replace(flat[-1], content="\n\n".join(text for text in (flat[-1].content, words) if text))
            else:
                flat.append(Turn("user", words))
        elif not turn.calls:
            flat.append(turn)
        elif turn.content.strip():
            flat.append(replace(turn, calls=(), kept=""))
    return tuple(flat)


def _flat(call: ToolCall | None, result: ToolResult) -> str:
    called = f"The tool {call.tool} was called with {call.arguments or '{}'}" if call else "A tool was called"
    fence = fence_for(result.text)
    return f"{called} and {'failed' if result.is_error else 'returned'}:\n{fence}\n{result.text}\n{fence}"


class Provider(Protocol):
    """The interface of a provider; `stream` is lazy, closeable, and ends soon after `stop` is set, in every state.

    It yields `Started` first (when the server has accepted the request), any number of `Reasoning`, `Delta`, `Pictured`, `Notice`
    and `Usage`, and last, only if it saw the terminal marker, `Ended("completed", "stop" | "length" | "content_filter")`. For a
    request that `takes_calls` it also yields `Calling`, once `Kept` if there is any, and `calls` as the reason instead of `stop`
    if the model called; after `length` and `content_filter` the last call can be unfinished. Any other end raises
    `ProviderError`, or returns if `stop` is set. The first `Usage` is yielded as soon as anything is known, so that a stopped
    answer can be settled too; each later one is merged into it by `Usage.updated`.

    `embed` returns vectors for any number of texts; a provider without embeddings raises `invalid`, as one without pictures does
    in `draw`, one that takes no recordings in `transcribe`, or one without voices in `speak`, whose `voice` can be empty.
    `settle` queries the usage of the answer with this `upstream_id`, and returns None until the server knows it.
    """

    name: str
    continuation: Continuation

    def stream(self, request: ModelRequest, stop: Stop) -> Iterator[Event]: ...
    def complete(self, request: ModelRequest, stop: Stop) -> Reply: ...
    def embed(self, model: str, texts: Sequence[str], stop: Stop) -> Embedded: ...
    def draw(self, request: PictureRequest, stop: Stop) -> Drawn: ...
    def transcribe(self, model: str, recording: Recording, stop: Stop) -> Transcribed: ...
    def speak(self, model: str, text: str, voice: str, stop: Stop, *, audio_format: str = "mp3") -> Spoken: ...
    def models(self) -> Sequence[Model]: ...
    def check_key(self) -> str: ...
    def settle(self, upstream_id: str) -> Usage | None: ...
