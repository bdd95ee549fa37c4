"""Dialect 1: roleplay. Messages are posted, and any number of readers get the chat's answers by `EventSource`."""

from typing import Annotated, Literal

from flask import Blueprint, Response, request
from pydantic import Field

from webapp.api.access import caller, ticket_for
from webapp.api.operations import STARTS, answered_with, idempotency_key, operation, wants_stream
from webapp.api.problems import stream_url
from webapp.api.schemas import Grammar, Query, register, shape
from webapp.api.streaming.streams import events, stream, watcher_of
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.base.inputs import AnyId
from webapp.chat.messages import sending
from webapp.chat.record import queries
from webapp.chat.record.access import stoppable_chat, visible_chat, writable_chat
from webapp.chat.record.tables import Message
from webapp.engine import generations
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.engine.watching.watcher_loop import LOST
from webapp.guests.dialects.roleplay.encoder import RoleplayEncoder, last_id_of
from webapp.guests.dialects.roleplay.stream import ChatStream, new_question, only
from webapp.guests.dialects.schemas import DialectNotice, DialectRequest, DialectResponse, Id, Said
from webapp.models.connections.service import ApplicationSettingsService
from webapp.people.accounts.guards import audit_author, found
from webapp.settings.service import setting


class UserMessage(DialectRequest):
    chatSessionId: Id
    message: Said


class StreamQuery(Query):
    generation: AnyId = Field("", description="The only answer to tell, whole; empty for what the chat says from now on.")
    after: str = Field(
        "", description="A `Last-Event-ID` for clients that can't send headers; 0: from the last answer's start.", max_length=64
    )
    ticket: str = Field("", description="From a `streamUrl`, instead of a header.", max_length=200)


class StreamBegun(DialectResponse):
    streamId: str
    userMessageId: str
    chatSessionId: str
    streamUrl: str


class StreamStatus(DialectResponse):
    chatSessionId: str
    isStreaming: bool
    partialMessage: str
    streamId: str | None
    streamUrl: str
    status: str


class StreamCancelled(DialectResponse):
    streamId: str | None
    status: str


class KeyStatus(DialectResponse):
    configured: bool
    source: str
    last4: str


class KeyValue(DialectRequest):
    value: Annotated[str, Field(min_length=1, max_length=1000)]


ROLEPLAY = register(
    "roleplay",
    Grammar(
        order="state (state? saved? (chunk|notice)* error? saved? end)*",
        events={
            "state": shape("State", isStreaming=bool, partialMessage=str, streamId=str | None, seq=int),
            "chunk": shape("Chunk", content=str, streamId=str, seq=int),
            "notice": DialectNotice,
            "saved": shape("Saved", messageId=str, role=str),
            "error": shape("RoleplayError", code=str, message=str, retryable=bool),
            "end": shape("End", status=Literal["completed", "stopped", "interrupted", "failed"], streamId=str, messageId=str),
        },
        sentence="At `end`, the text of `state` plus all `chunk`s after it equals the stored text.",
        end="A chat's stream stays open for later messages; a stream of one answer closes after `end`.",
    ),
)


TAG = "Roleplay compatibility API"
PATH = "/api/chat/{chat}/stream"
# Names the answer, so that it is told even if it has ended before its stream is opened.
ANSWER_PATH = f"{PATH}?generation={{generation}}"
bp = Blueprint("api_roleplay", __name__)


@bp.post("/api/messages/addUserMessageStreamingMode")
@operation(
    "Send a message; the answer arrives on the chat's stream, or on this response with Accept: text/event-stream",
    scope="chat",
    body=UserMessage,
    answer=StreamBegun,
    status=202,
    stream=ROLEPLAY,
    takes_key=True,
    errors=(404, *STARTS),
    stream_path=ANSWER_PATH,
    tag=TAG,
)
def send(body: UserMessage) -> Response:
    chat, seconds = writable_chat(body.chatSessionId), int(setting("stream.idle_listener_seconds"))
    options = sending.AnswerOptions(when_unwatched=f"idle:{seconds}" if seconds else "")
    generation = sending.ask(chat, body.message, key=idempotency_key(), by=caller().id, options=options)
    answer = db.session.get_one(Message, generation.message_id)
    if wants_stream():
        return stream(generation, RoleplayEncoder(generation.id, answer.id, new_question(generation, answer)))
    url = stream_url(generation.id, ANSWER_PATH)
    stream_begun = StreamBegun(streamId=generation.id, userMessageId=answer.parent_id or "", chatSessionId=chat.id, streamUrl=url)
    return answered_with(stream_begun, 202)


@bp.get("/api/chat/<id>/stream")
@operation(
    "Stream everything new in a chat, or one answer, for EventSource",
    scope="read",
    query=StreamQuery,
    stream=ROLEPLAY,
    errors=(404,),
    others=((204, "The answer was read, or another reader took over; an EventSource does not reconnect.", None),),
    ticket=lambda names: str(names["id"]),
    tag=TAG,
)
def listen(id: str, query: StreamQuery) -> Response:
    chat, last_id = visible_chat(id), request.headers.get("Last-Event-ID") or query.after
    one = found(queries.generation_in(chat, query.generation)) if query.generation else None
    if last_id == LOST or (one and last_id == last_id_of(one.id)):
        return Response(status=204)
    if one:
        return only(one)
    running = generations.active_generation(chat.lane)
    response = events(ChatStream(the_engine(), chat, last_id), watcher_of(chat.id))
    if running:
        response.headers["X-Stream-Id"] = running.id
    return response


@bp.get("/api/chat/<id>/stream/status")
@operation(
    "Show whether an answer is in progress in a chat, and its text so far",
    scope="read",
    answer=StreamStatus,
    errors=(404,),
    tag=TAG,
)
def status(id: str) -> StreamStatus:
    chat, engine = visible_chat(id), the_engine()
    # Polling counts as presence, even without a connected stream.
    engine.presence.seen(chat.lane)
    running = generations.active_generation(chat.lane)
    if running is None:
        ticket = ticket_for(id)
        url = PATH.format(chat=id) + (f"?ticket={ticket}" if ticket else "")
        return StreamStatus(chatSessionId=id, isStreaming=False, partialMessage="", streamId=None, streamUrl=url, status="idle")
    return StreamStatus(
        chatSessionId=id,
        isStreaming=True,
        partialMessage=queries.text_so_far(engine, db.session.get_one(Message, running.message_id)),
        streamId=running.id,
        streamUrl=stream_url(running.id, ANSWER_PATH),
        status=_phase(running),
    )


@bp.post("/api/chat/<id>/stream/cancel")
@operation(
    "Stop the answer in progress in a chat (idempotent)",
    scope="chat",
    answer=StreamCancelled,
    errors=(404,),
    tag=TAG,
)
def cancel(id: str) -> StreamCancelled:
    chat = stoppable_chat(id)
    the_engine().admission.line.stop(chat.lane)
    if all_running := generations.active_generations(chat.lane):
        for running in all_running:
            generations.stop(running)
        return StreamCancelled(streamId=all_running[0].id, status="stopping")
    last = db.session.get(Message, chat.head_id) if chat.head_id else None
    ended = queries.last_generation(last) if last else None
    return StreamCancelled(streamId=ended.id if ended else None, status=ended.status if ended else "idle")


@bp.get("/api/settings/openrouter_api_key")
@operation("Show whether an OpenRouter key is stored; never the key itself", scope="admin", answer=KeyStatus, tag=TAG)
def show_key() -> KeyStatus:
    key = ApplicationSettingsService().openrouter_key()
    return KeyStatus(configured=bool(key.text), source=key.source, last4=key.last_four)


@bp.put("/api/settings/openrouter_api_key")
@operation("Store the OpenRouter key", scope="admin", body=KeyValue, status=204, errors=(422,), tag=TAG)
def store_key(body: KeyValue) -> None:
    try:
        ApplicationSettingsService().set_openrouter_api_key(body.value, author=audit_author())
    except Invalid as error:
        raise Invalid(error.message, field="value") from error


@bp.delete("/api/settings/openrouter_api_key")
@bp.delete("/api/v1/settings/openrouter_api_key")
@operation(
    "Delete the stored OpenRouter key; one from the environment takes effect again (idempotent)",
    scope="admin",
    status=204,
    tag=TAG,
)
def forget_key() -> None:
    ApplicationSettingsService().forget_openrouter_api_key(author=audit_author())


def _phase(generation: Generation) -> str:
    live = the_engine().live.get(generation.id)
    return (live.run.transcript.phase if live else None) or "queued"
