"""Request bodies, responses and chunks of the OpenAI-compatible endpoint."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from webapp.api.dialects.schemas import DialectRequest, DialectResponse
from webapp.api.grammars import Grammar, register
from webapp.api.schemas import AnyId
from webapp.api.sources import SourceAnswer
from webapp.knowledge.service import MOST_COLLECTIONS

Role = Literal["system", "developer", "user", "assistant"]
Stop = Annotated[str, Field(min_length=1, max_length=200)]
Quoted = Annotated[
    list[AnyId],
    Field(max_length=MOST_COLLECTIONS, description="Collections whose passages the answer can quote; not in OpenAI's API."),
]


class TextPart(DialectRequest):
    type: Literal["text"]
    text: str


class Turn(DialectRequest):
    role: Role
    content: str | list[TextPart]

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(DialectRequest):
    include_usage: bool | None = False


class CompletionRequest(DialectRequest):
    messages: Annotated[list[Turn], Field(min_length=1, max_length=2000)]
    model: Annotated[str, Field(max_length=200)] | None = ""
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=10**7)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=10**7)] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    n: Literal[1] | None = None
    collection_ids: Quoted | None = None
    tools: Annotated[list[dict[str, Any]], Field(max_length=0, description="Not used here: answers are text.")] | None = None

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


class CompletionMessage(DialectResponse):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation] = []


class Choice(DialectResponse):
    index: int = 0
    message: CompletionMessage
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


class ChunkDelta(BaseModel):
    role: Literal["assistant"] | None = None
    content: str | None = None
    annotations: list[Annotation] | None = None


class ChunkChoice(BaseModel):
    index: int
    delta: ChunkDelta
    logprobs: None
    finish_reason: str | None


class CompletionChunk(BaseModel):
    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: CompletionUsage | None = None


OPENAI = register(
    "openai",
    Grammar(
        order="chunk* error?",
        events={"chunk": CompletionChunk, "error": DoorError},
        sentence="As in OpenAI: objects without a type, one with `error` if the answer is cut off, and `[DONE]` at the end.",
        is_named=False,
        texts=("[DONE]",),
    ),
)
