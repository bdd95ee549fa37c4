"""Dialect 4: the assistant, streamed or in one piece, each path with and without `/api`; unnamed flat events of seven types."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from flask import Blueprint, Response
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import STARTS, both, idempotency_key, operation
from webapp.api.schemas import Grammar, register, shape
from webapp.api.streaming.course import DEMO, STOPPED, about_chat, as_objects
from webapp.api.streaming.encoding import DialectFrame, StreamState
from webapp.api.streaming.streams import stream
from webapp.api.streaming.wait_for_answer import NO_ANSWER, wait_for_text
from webapp.base.untrusted_json import JsonObject
from webapp.chat.messages import sending
from webapp.chat.prompt.built_in import ASSISTANT_KEY, TRADING_KEY
from webapp.chat.record.access import writable_chat_if_any
from webapp.engine.duties.report import model_used
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.guests.dialects.schemas import DialectNotice, DialectRequest, DialectResponse, Id, Reason, Said
from webapp.guests.dialects.text import TextEncoder
from webapp.models.connections.models import the_models
from webapp.settings.service import setting
from webapp.streaming.events import ATTEMPT_NOTICE, Event, Notice as NoticeEvent, Started

# How many earlier messages are sent to the model if the client does not specify a number.
USUAL_LIMIT = 10


class AssistantRequest(DialectRequest):
    message: Said
    session_id: Annotated[Id | None, Field(description="If it doesn't exist, or isn't the caller's, a new one is started.")] = (
        None
    )
    context_limit: Annotated[int | None, Field(ge=0, le=200, description="Earlier messages to send; null: 10.")] = USUAL_LIMIT


class AssistantAnswer(DialectResponse):
    session_id: str
    message_id: str
    content: str
    chunks: int
    processing_time_ms: int
    model_used: str = Field(description="The model that answered, by its id in `GET /api/v1/models`.")
    model_name: str = Field(description="Its name, as pages show it.")
    fallback_used: bool
    sources: list[JsonObject]
    status: str
    reason: Reason
    notices: list[DialectNotice]
    prompt: str = Field(description="The prompts that led the answer, such as `version 3 of assistant.trading, arm B`.")


ASSISTANT = register(
    "assistant",
    Grammar(
        order="session_info (token|warning)* (done|error) response_saved? stream_end",
        events={
            "session_info": shape("SessionInfo", type=Literal["session_info"], session_id=str, status=Literal["processing"]),
            "token": shape("Token", type=Literal["token"], content=str),
            "warning": shape("Warned", type=Literal["warning"], message=str, code=str),
            "done": shape("Told", type=Literal["done"], message=str),
            "error": shape("AssistantError", type=Literal["error"], message=str, code=str),
            "response_saved": shape(
                "ResponseSaved",
                type=Literal["response_saved"],
                message_id=str,
                processing_time_ms=int,
                sources=list[JsonObject],
            ),
            "stream_end": shape("StreamEnd", type=Literal["stream_end"]),
        },
        sentence="Each event is a flat object with its `type`.",
        is_named=False,
    ),
)


class AssistantEncoder(TextEncoder):
    """Encodes the assistant dialect; `elapsed_ms` returns the time since the request, and `notices` are about that."""

    def __init__(
        self, session_id: str, message_id: str, elapsed_ms: Callable[[], int], notices: Sequence[NoticeEvent] = ()
    ) -> None:
        super().__init__(notices)
        self._notices = notices
        self._session_id, self._message_id, self._elapsed_ms = session_id, message_id, elapsed_ms

    def opening(self, state: StreamState) -> list[DialectFrame]:
        info = _frame("session_info", session_id=self._session_id, status="processing")
        return [info, *(_warning(notice) for notice in self._notices)]

    def _piece(self, text: str) -> DialectFrame:
        return _frame("token", content=text)

    def _other(self, event: Event) -> list[DialectFrame]:
        match event:
            case Started(demo=True):
                return [_warning(DEMO)]
            case NoticeEvent(code=code) if code != ATTEMPT_NOTICE:
                return [_warning(event)]
        return []

    def _end(self) -> list[DialectFrame]:
        failure, frames = self._course.failure, []
        if self._course.was_stopped:
            frames.append(_warning(NoticeEvent("stopped", STOPPED)))
        if failure:
            frames.append(_frame("error", message=failure.message, code=failure.code))
        else:
            frames.append(_frame("done", message="Streaming complete"))
        # The text of a failed answer is saved too; an answer that failed without any text has nothing to report.
        if self._course.ended and (self._course.ended.status != "failed" or self._course.transcript.text):
            saved = {"message_id": self._message_id, "processing_time_ms": self._elapsed_ms()}
            frames.append(_frame("response_saved", **saved, sources=self._course.sources))
        return [*frames, _frame("stream_end")]


def _warning(notice: NoticeEvent) -> DialectFrame:
    return _frame("warning", message=notice.message, code=notice.code)


def _frame(type: str, **data: Any) -> DialectFrame:
    return DialectFrame({"type": type, **data})


bp = Blueprint("api_assistant", __name__)


@both(bp, "/ai/chat", methods=("POST",))
@operation(
    "Ask the assistant and wait for the answer",
    scope="chat",
    body=AssistantRequest,
    answer=AssistantAnswer,
    takes_key=True,
    # 404 if the chat is deleted while the answer is waited for.
    errors=(404, *STARTS),
    others=NO_ANSWER,
    tag="Assistant compatibility API",
)
def ask(body: AssistantRequest) -> AssistantAnswer:
    elapsed_ms, generation = _clock(), _begin_answer(body)
    session_id, message_id = generation.chat_id, generation.message_id or ""
    answer = wait_for_text(generation, session_id=session_id, message_id=message_id)
    used = model_used(answer.generation) or answer.generation.model_asked
    return AssistantAnswer(
        session_id=session_id,
        message_id=message_id,
        content=answer.text,
        chunks=answer.chunks,
        processing_time_ms=elapsed_ms(),
        model_used=used,
        model_name=the_models().display_name(used, answer.generation.connection),
        fallback_used=answer.is_fallback,
        sources=[dict(source) for source in answer.course.sources],
        status=answer.status,
        reason=answer.reason,
        notices=[DialectNotice(**notice) for notice in (*as_objects(about_chat(body.session_id, session_id)), *answer.notices)],
        prompt=answer.generation.led_by,
    )


@both(bp, "/ai/chat/stream", methods=("POST",))
@operation(
    "Ask the assistant and stream the answer",
    scope="chat",
    body=AssistantRequest,
    stream=ASSISTANT,
    takes_key=True,
    errors=STARTS,
    tag="Assistant compatibility API",
)
def ask_and_watch(body: AssistantRequest) -> Response:
    elapsed_ms, generation = _clock(), _begin_answer(body)
    notices = about_chat(body.session_id, generation.chat_id)
    return stream(generation, AssistantEncoder(generation.chat_id, generation.message_id or "", elapsed_ms, notices))


def _begin_answer(body: AssistantRequest) -> Generation:
    """Starts the generation that answers, in a new chat unless the session id is of one that the caller can write in."""
    me, key = caller(), idempotency_key()
    chat = writable_chat_if_any(body.session_id or "")
    if chat is None:
        prompt_key = TRADING_KEY if setting("prompts.assistant_context") == "trading" else ASSISTANT_KEY
        return sending.start_chat(body.message, model=me.default_model, key=key, owner_id=me.id, prompt_key=prompt_key)
    options = sending.AnswerOptions(context_limit=USUAL_LIMIT if body.context_limit is None else body.context_limit)
    return sending.ask(chat, body.message, key=key, by=me.id, options=options)


def _clock() -> Callable[[], int]:
    """Returns a function that gives the milliseconds since this call."""
    now = the_engine().now
    begun_at = now()
    return lambda: round((now() - begun_at) * 1000)
