"""The OpenAI-compatible endpoint: chat completions and models, for any client library that supports them."""

import json
from functools import partial

from flask import Blueprint, Response, request

from webapp.api.access import caller, caller_of_stream, may, token_id
from webapp.api.operations import operation
from webapp.api.sources import redaction
from webapp.api.streaming.feed import GenerationFeed
from webapp.api.streaming.streams import events
from webapp.api.streaming.wait_for_answer import NO_ANSWER, wait_for_success
from webapp.base.errors import Invalid, NotFound
from webapp.base.heavy.turns import by_turns
from webapp.chat.messages.sending import refuse_if_too_long
from webapp.chat.prompt import chat_collections
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.engine.watching.watcher_loop import Watcher
from webapp.engine.watching.watchers import Context, same_request
from webapp.guests.dialects.openai import completions, conversation, encoder
from webapp.guests.dialects.openai.encoder import CompletionEncoder, annotations
from webapp.guests.dialects.openai.schemas import (
    OPENAI,
    Annotation,
    CallingMessage,
    Choice,
    Completion,
    CompletionMessage,
    CompletionRequest,
    CompletionUsage,
    DoorError,
    DoorModel,
    DoorModels,
    FunctionAnswer,
    FunctionCallAnswer,
)
from webapp.models.connections.cache import the_connections
from webapp.tools.token_tools import offers_of_token

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
    turns, tools = conversation.turns_of(body.messages), conversation.tools_of(body)
    for turn in turns:
        for text in (turn.content, *(result.text for result in turn.results)):
            refuse_if_too_long(text, field="messages")
    return completions.CompletionInput(
        _known(body.model or ""),
        turns,
        temperature=body.temperature,
        max_tokens=min(limits) if limits else None,
        stops=body.stops,
        collection_ids=tuple(chat_collections.checked(caller(), body.collection_ids or [])),
        tools=tools.specs,
        tool_choice=tools.choice,
        has_parallel_calls=tools.has_parallel_calls,
        offers=() if tools.choice == "none" else tuple(offers_of_token(caller(), token_id())),
    )


def _known(name: str) -> str:
    """Returns the model with this name; OpenAI's clients expect 404, not 422, for an unknown one."""
    try:
        model = completions.model_of(caller(), name)
    except Invalid as error:
        raise NotFound(error.message, field="model") from error
    # The usual model stays unnamed: rules can choose another one.
    return name if name in ("", completions.DEFAULT) else model


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
    if calls := transcript.program_calls:
        functions = (
            FunctionCallAnswer(id=call.id, function=FunctionAnswer(name=call.tool, arguments=call.arguments)) for call in calls
        )
        message: CompletionMessage = CallingMessage(
            content=transcript.text or None, annotations=cited, tool_calls=list(functions)
        )
    else:
        message = CompletionMessage(content=transcript.text, annotations=cited)
    choice = Choice(message=message, finish_reason=encoder.finish_reason(course.ended))
    token_usage = encoder.usage(transcript.usage)
    usage = CompletionUsage(**token_usage) if token_usage else None
    return Completion(**head.head(transcript.served), choices=[choice], usage=usage)


def _about(generation: Generation, body: CompletionRequest, *, has_usage: bool = False) -> encoder.CompletionIdentity:
    created = int(generation.created_at.timestamp())
    model, has_tools = body.model or completions.DEFAULT, bool(body.tools)
    return encoder.CompletionIdentity(generation.id, model, created, has_usage=has_usage, has_tools=has_tools)


def _model(name: str) -> DoorModel:
    return DoorModel(id=name, created=0, owned_by=the_connections().slug_of(name) or "millrace")


def _is_allowed(context: Context) -> bool:
    with context():
        return caller_of_stream() is not None and may("chat")


def _stop(engine: Engine, id: str) -> None:
    """Stops a generation whose client has disconnected; one that has ended is no longer live."""
    if live := engine.live.get(id):
        live.run.stop.request("client_gone")
