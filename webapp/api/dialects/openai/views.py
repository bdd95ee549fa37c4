"""The OpenAI-compatible endpoint: chat completions and models, for any client library that supports them."""

import json
from functools import partial
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, request
from pydantic import Field

from webapp.api import completions
from webapp.api.access import caller, may
from webapp.api.dialects.openai import encoder
from webapp.api.dialects.openai.encoder import CompletionEncoder, annotations
from webapp.api.dialects.schemas import DialectRequest, DialectResponse
from webapp.api.operations import operation
from webapp.api.schemas import Grammar, register, shape
from webapp.api.sources import SourceAnswer, redaction
from webapp.api.streaming.feed import GenerationFeed
from webapp.api.streaming.streams import events
from webapp.api.streaming.wait_for_answer import NO_ANSWER, wait_for_success
from webapp.base.errors import Invalid, NotFound
from webapp.base.heavy.turns import by_turns
from webapp.base.inputs import AnyId
from webapp.chat.messages.sending import refuse_if_too_long
from webapp.chat.prompt import chat_collections
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.engine.watching.watcher_loop import Watcher
from webapp.engine.watching.watchers import Context, same_request
from webapp.knowledge.service import MOST_COLLECTIONS
from webapp.models.connections.models import providers
from webapp.models.providers.base import Turn as ModelTurn

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


class ChunkDelta(DialectResponse):
    role: Literal["assistant"] | None = None
    content: str | None = None
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


TAG = "OpenAI-compatible endpoint"
# Each request contains the whole conversation so far.
MOST_BYTES = 4_000_000
CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
UNKNOWN_MODEL = (404, "model")
OTHERS = tuple((status, "In OpenAI's format.", DoorError) for status in (400, 401, 403, 404, 413, 503))
FAILED = tuple((status, f"In OpenAI's format. {sentence}", DoorError) for status, sentence, _ in NO_ANSWER)
PROBLEM = "application/problem+json"
OVER_BUDGET = 402
bp = Blueprint("api_door", __name__, url_prefix="/v1")


@bp.get("/models")
@operation("List the available models", scope="read", answer=DoorModels, others=OTHERS, tag=TAG)
def models() -> DoorModels:
    return DoorModels(data=[_model(name) for name in by_turns(completions.models(caller()))])


@bp.get("/models/<path:id>")
@operation("Get a model", scope="read", answer=DoorModel, others=OTHERS, tag=TAG)
def model(id: str) -> DoorModel:
    if id not in completions.models(caller()):
        raise NotFound("This server has no model with that name.", field="model")
    return _model(id)


@bp.post("/chat/completions")
@operation(
    "Create a chat completion, streamed if requested",
    scope="chat",
    body=CompletionRequest,
    answer=Completion,
    stream=OPENAI,
    others=(*OTHERS, *FAILED),
    most_bytes=MOST_BYTES,
    tag=TAG,
)
def complete(body: CompletionRequest) -> Response | Completion:
    engine = the_engine()
    generation = completions.complete(caller(), _wanted(body))
    if body.stream:
        return _streamed(engine, generation, body)
    try:
        return _completion(generation, body)
    finally:
        _stop(engine, generation.id)


@bp.after_app_request
def in_openais_form(response: Response) -> Response:
    """Converts any error response of this endpoint to the format that OpenAI's clients parse."""
    if not (request.path.startswith("/v1/") and response.mimetype == PROBLEM):
        return response
    problem = json.loads(response.get_data())
    fields = problem.get("fields") or {}
    message = " ".join(f"{name}: {sentence}" for name, sentence in fields.items()) or problem["detail"]
    param: str | None = next(iter(fields), None)
    response.status_code = 400 if response.status_code == 422 else response.status_code
    if response.status_code == OVER_BUDGET:
        # OpenAI reports an exhausted quota as 429; clients distinguish it from a rate limit by its code.
        response.status_code, code = 429, encoder.QUOTA
    elif (response.status_code, param) == UNKNOWN_MODEL:
        code = "model_not_found"
    else:
        code = CODES.get(response.status_code) or problem["code"]
    error = encoder.error(message, response.status_code, code=code, param=param)
    response.set_data(json.dumps(error))
    response.mimetype = "application/json"
    return response


def _wanted(body: CompletionRequest) -> completions.CompletionInput:
    limits = [limit for limit in (body.max_tokens, body.max_completion_tokens) if limit]
    turns = tuple(ModelTurn("system" if turn.role == "developer" else turn.role, turn.text) for turn in body.messages)
    for turn in turns:
        refuse_if_too_long(turn.content, field="messages")
    reads = tuple(chat_collections.checked(caller(), body.collection_ids or []))
    return completions.CompletionInput(
        _known(body.model or ""), turns, body.temperature, min(limits) if limits else None, body.stops, reads
    )


def _known(name: str) -> str:
    """Returns the model with this name; OpenAI's clients expect 404, not 422, for an unknown one."""
    try:
        return completions.model_of(caller(), name)
    except Invalid as error:
        raise NotFound(error.message, field="model") from error


def _streamed(engine: Engine, generation: Generation, body: CompletionRequest) -> Response:
    has_usage = bool(body.stream_options and body.stream_options.include_usage)
    encoder = CompletionEncoder(_about(generation, body, has_usage=has_usage))
    feed = GenerationFeed(engine, generation, encoder, redact=redaction(same_request()))
    watcher = Watcher(person=caller().id, per_lane=0, in_all=0, is_allowed=partial(_is_allowed, same_request()))
    response = events(feed, watcher, leave=partial(_stop, engine, generation.id))
    response.headers["X-Stream-Id"] = generation.id
    return response


def _completion(generation: Generation, body: CompletionRequest) -> Completion:
    head, course = _about(generation, body), wait_for_success(generation).course
    transcript = course.transcript
    cited = [Annotation.model_validate(annotation) for annotation in annotations(transcript.text, course.sources)]
    message = CompletionMessage(content=transcript.text, annotations=cited)
    choice = Choice(message=message, finish_reason=encoder.finish_reason(course.ended))
    token_usage = encoder.usage(transcript.usage)
    usage = CompletionUsage(**token_usage) if token_usage else None
    return Completion(**head.head(transcript.served), choices=[choice], usage=usage)


def _about(generation: Generation, body: CompletionRequest, *, has_usage: bool = False) -> encoder.CompletionIdentity:
    created = int(generation.created_at.timestamp())
    return encoder.CompletionIdentity(generation.id, body.model or completions.DEFAULT, created, has_usage=has_usage)


def _model(name: str) -> DoorModel:
    return DoorModel(id=name, created=0, owned_by=providers().connection_of(name) or "millrace")


def _is_allowed(context: Context) -> bool:
    with context():
        return may("chat")


def _stop(engine: Engine, id: str) -> None:
    """Stops a generation whose client has disconnected; one that has ended is no longer live."""
    if live := engine.live.get(id):
        live.run.stop.request("client_gone")
