"""Dialect 4: the assistant, streamed or in one piece, each path with and without `/api`."""

from collections.abc import Callable

from flask import Blueprint, Response

from webapp.api.access import caller
from webapp.api.dialects.assistant.encoder import AssistantEncoder
from webapp.api.dialects.assistant.schemas import ASSISTANT, USUAL_LIMIT, AssistantAnswer, AssistantMessage
from webapp.api.dialects.schemas import Notice
from webapp.api.operations import STARTS, both, idempotency_key, operation
from webapp.api.streaming.course import about_chat, as_objects
from webapp.api.streaming.streams import stream
from webapp.api.streaming.wait_for_answer import NO_ANSWER, wait_for_text
from webapp.chat.messages import service
from webapp.chat.messages.sending import AnswerOptions
from webapp.chat.prompt.built_in import ASSISTANT_KEY, TRADING_KEY
from webapp.chat.record.access import writable_chat_if_any
from webapp.engine.duties.report import model_used
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.models.connections.models import providers
from webapp.settings.service import setting

bp = Blueprint("api_assistant", __name__)


@both(bp, "/ai/chat", methods=("POST",))
@operation(
    "Ask the assistant and wait for the answer",
    scope="chat",
    body=AssistantMessage,
    answer=AssistantAnswer,
    takes_key=True,
    # 404 if the chat is deleted while the answer is waited for.
    errors=(404, *STARTS),
    others=NO_ANSWER,
    tag="Assistant compatibility API",
)
def ask(body: AssistantMessage) -> AssistantAnswer:
    elapsed_ms, generation = _clock(), _begin_answer(body)
    session_id, message_id = generation.chat_id, generation.message_id or ""
    found = wait_for_text(generation, session_id=session_id, message_id=message_id)
    used = model_used(found.generation) or found.generation.model_asked
    return AssistantAnswer(
        session_id=session_id,
        message_id=message_id,
        content=found.text,
        chunks=found.chunks,
        processing_time_ms=elapsed_ms(),
        model_used=used,
        model_name=providers().display_name(used, found.generation.connection),
        fallback_used=found.is_fallback,
        sources=found.course.sources,
        status=found.status,
        reason=found.reason,
        notices=[Notice(**each) for each in (*as_objects(about_chat(body.session_id, session_id)), *found.notices)],
        prompt=found.generation.led_by,
    )


@both(bp, "/ai/chat/stream", methods=("POST",))
@operation(
    "Ask the assistant and stream the answer",
    scope="chat",
    body=AssistantMessage,
    stream=ASSISTANT,
    takes_key=True,
    errors=STARTS,
    tag="Assistant compatibility API",
)
def ask_and_watch(body: AssistantMessage) -> Response:
    elapsed_ms, generation = _clock(), _begin_answer(body)
    notices = about_chat(body.session_id, generation.chat_id)
    return stream(generation, AssistantEncoder(generation.chat_id, generation.message_id or "", elapsed_ms, notices))


def _begin_answer(body: AssistantMessage) -> Generation:
    """Starts the generation that answers, in a new chat unless the session id is of one that the caller can write in."""
    me, key = caller(), idempotency_key()
    chat = writable_chat_if_any(body.session_id or "")
    if chat is None:
        return service.begin(body.message, model=me.default_model, key=key, owner_id=me.id, prompt_key=_prompt_key())
    options = AnswerOptions(context_limit=USUAL_LIMIT if body.context_limit is None else body.context_limit)
    return service.ask(chat, body.message, key=key, by=me.id, options=options)


def _prompt_key() -> str:
    return TRADING_KEY if setting("prompts.assistant_context") == "trading" else ASSISTANT_KEY


def _clock() -> Callable[[], int]:
    """Returns a function that gives the milliseconds since this call."""
    now = the_engine().now
    begun_at = now()
    return lambda: round((now() - begun_at) * 1000)
