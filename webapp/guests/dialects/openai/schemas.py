"""The bodies and responses of the OpenAI-compatible endpoint, by the names that OpenAI's API gives them."""

from typing import Annotated, Literal

from pydantic import Field

from webapp.api.schemas import Grammar, register, shape
from webapp.api.sources import SourceAnswer
from webapp.base.inputs import AnyId
from webapp.base.untrusted_json import JsonObject
from webapp.guests.dialects.schemas import DialectRequest, DialectResponse
from webapp.knowledge.service import MOST_COLLECTIONS

MOST_TOOLS, MOST_CALLS = 128, 128
Stop = Annotated[str, Field(min_length=1, max_length=200)]
CallId = Annotated[str, Field(min_length=1, max_length=200)]
# OpenAI takes letters, digits, `_` and `-`, up to 64; other names are made safe for the providers.
ToolName = Annotated[str, Field(min_length=1, max_length=128)]
Quoted = Annotated[
    list[AnyId],
    Field(max_length=MOST_COLLECTIONS, description="Collections whose passages the answer can quote; not in OpenAI's API."),
]


class TextPart(DialectRequest):
    type: Literal["text"]
    text: str


Content = str | list[TextPart]


class TextMessage(DialectRequest):
    role: Literal["system", "developer", "user"]
    content: Content


class CalledFunction(DialectRequest):
    name: ToolName
    arguments: Annotated[str, Field(max_length=1_000_000)]


class EarlierCall(DialectRequest):
    id: CallId
    type: Literal["function"]
    function: CalledFunction


class AssistantMessage(DialectRequest):
    """A message of the model: text, calls of tools, or both."""

    role: Literal["assistant"]
    content: Content | None = None
    tool_calls: Annotated[list[EarlierCall], Field(max_length=MOST_CALLS)] | None = None


class ToolMessage(DialectRequest):
    """What a call returned."""

    role: Literal["tool"]
    tool_call_id: CallId
    content: Content


Message = Annotated[TextMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class Function(DialectRequest):
    name: ToolName
    description: Annotated[str, Field(max_length=32_000)] | None = None
    parameters: Annotated[JsonObject, Field(description="The JSON Schema of the arguments.")] | None = None
    strict: Annotated[bool, Field(description="Passed on to servers that speak this protocol.")] | None = None


class ClientTool(DialectRequest):
    type: Literal["function"]
    function: Function


class NamedFunction(DialectRequest):
    name: ToolName


class NamedTool(DialectRequest):
    type: Literal["function"]
    function: NamedFunction


class AllowedList(DialectRequest):
    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedTool], Field(min_length=1, max_length=MOST_TOOLS)]


class AllowedTools(DialectRequest):
    type: Literal["allowed_tools"]
    allowed_tools: AllowedList


ToolChoice = Literal["none", "auto", "required"] | Annotated[NamedTool | AllowedTools, Field(discriminator="type")]


class StreamOptions(DialectRequest):
    include_usage: bool | None = False


class CompletionRequest(DialectRequest):
    messages: Annotated[list[Message], Field(min_length=1, max_length=2000)]
    model: Annotated[str, Field(max_length=200)] | None = ""
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=10**7)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=10**7)] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    n: Literal[1] | None = None
    collection_ids: Quoted | None = None
    tools: Annotated[
        list[ClientTool],
        Field(max_length=MOST_TOOLS, description="Your tools: their calls are for you to make."),
    ] | None = None  # fmt: skip
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class UrlCitation(DialectResponse):
    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(DialectResponse):
    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation
    source: SourceAnswer


class FunctionAnswer(DialectResponse):
    name: str
    arguments: str


class FunctionCallAnswer(DialectResponse):
    id: str
    type: Literal["function"] = "function"
    function: FunctionAnswer


class CompletionMessage(DialectResponse):
    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    annotations: list[Annotation] = []


class CallingMessage(CompletionMessage):
    """A message with calls, which are the client's to make."""

    tool_calls: list[FunctionCallAnswer]


class Choice(DialectResponse):
    index: int = 0
    message: CallingMessage | CompletionMessage
    logprobs: None = None
    finish_reason: str


class CompletionUsage(DialectResponse):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(DialectResponse):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: CompletionUsage | None


class DoorModel(DialectResponse):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class DoorModels(DialectResponse):
    object: Literal["list"] = "list"
    data: list[DoorModel]


class DoorErrorBody(DialectResponse):
    message: str
    type: str
    param: str | None
    code: str | None


class DoorError(DialectResponse):
    error: DoorErrorBody


class FunctionDelta(DialectResponse):
    name: str | None = None
    arguments: str


class CallDelta(DialectResponse):
    """A piece of a call: the first has its id and its name, each more of its arguments."""

    index: int
    id: str | None = None
    type: Literal["function"] | None = None
    function: FunctionDelta


class ChunkDelta(DialectResponse):
    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[CallDelta] | None = None
    annotations: list[Annotation] | None = None


class ChunkChoice(DialectResponse):
    index: int
    delta: ChunkDelta
    logprobs: None
    finish_reason: str | None


OPENAI = register(
    "openai",
    Grammar(
        order="chunk* error?",
        events={
            "chunk": shape(
                "CompletionChunk",
                id=str,
                object=Literal["chat.completion.chunk"],
                created=int,
                model=str,
                choices=list[ChunkChoice],
                usage=(CompletionUsage | None, None),
            ),
            "error": DoorError,
        },
        sentence="As in OpenAI: objects without a type, one with `error` if the answer is cut off, and `[DONE]` at the end.",
        is_named=False,
        texts=("[DONE]",),
    ),
)
