"""The tool of the MCP server that asks a model: starts an answer in a chat, and waits for it while the client hears of it.

The answer is one like all others: a client that leaves, or waits no longer, finds it in its chat.
"""

from collections.abc import Callable, Mapping
from typing import Any

from webapp.api.access import caller
from webapp.api.mcp.protocol import INTERNAL, Id, RpcError, RpcRequest, error_message, progress_message
from webapp.api.mcp.reading import COLLECTIONS, ReadingResult, ServedTool, address_of, object_schema, text_schema
from webapp.api.streaming.encoding import DialectFrame, wire
from webapp.api.streaming.streams import attending
from webapp.api.streaming.wait_for_answer import SILENT, ended_answer
from webapp.base import topic_names
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.base.untrusted_json import JsonObject
from webapp.base.words import number
from webapp.chat.messages import chats, sending
from webapp.chat.prompt import chat_collections
from webapp.chat.record.access import writable_chat
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.engine.watching.watchers import Context
from webapp.streaming.events import Ended, Event, Notice, Phase, Text
from webapp.streaming.topics import Entry, Gap
from webapp.tools.tool import Hints

USUAL_SECONDS, MOST_SECONDS, MOST_MESSAGE, MOST_MODEL = 120, 600, 200_000, 200
# Progress is told no more often than this.
PROGRESS_SECONDS = 1.0
STILL_WRITING = "The answer is still being written. Read it later with read_chat."
WAITS = "The answer waits for a decision of the person, in Millrace. Read it later with read_chat."
# The last event of the log of an answer that waits for a person.
WAITING_PHASE = Phase("waiting")
DELETED = "The chat has been deleted."
ASK_MODEL = ServedTool(
    "ask_model",
    "Ask a model",
    "Sends a message to a model of Millrace, in a new chat or an existing one, and returns its answer with the id of the chat, "
    "which stays in the person's list.",
    object_schema(
        {
            "message": text_schema("The message.", MOST_MESSAGE),
            "chat_id": text_schema("The chat to continue; a new one if left out."),
            "model": text_schema("The id of the model; the person's or the chat's if left out.", MOST_MODEL),
            "collection_ids": {**COLLECTIONS, "description": "In a new chat: the collections that answers can quote."},
            "wait_seconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_SECONDS,
                "description": f"How long to wait for the answer, which is finished anyway; {USUAL_SECONDS} if left out.",
            },
        },
        "message",
    ),
    hints=Hints(is_read_only=False, is_destructive=False, is_idempotent=False, is_open_world=True),
)


def begun(arguments: Mapping[str, Any]) -> Generation:
    """Starts the answer, with the rights and limits of the caller."""
    me, message, model = caller(), str(arguments["message"]), str(arguments.get("model", ""))
    ids = list(arguments.get("collection_ids", ()))
    if id := str(arguments.get("chat_id", "")):
        if ids:
            raise Invalid("Collections can only be chosen for a new chat.")
        return sending.ask(writable_chat(id), message, by=me.id, answered_by=model)
    reads = chat_collections.checked(me, ids)
    return sending.start_chat(message, model=model or chats.starting_model(me), owner_id=me.id, reads=reads)


def waited(generation: Generation, seconds: float) -> ReadingResult:
    """Waits for the answer, for a client that takes no events; about so many seconds, unless it leaves."""
    engine, id, topic = the_engine(), generation.id, topic_names.of_generation(generation.id)
    topics, until = engine.logs.topics, engine.now() + seconds
    engine.logs.follows(generation)
    with attending(generation.lane) as wait:
        while engine.now() < until and engine.logs.has_log(id) and not _last_event(engine, topic):
            if not wait({topic: topics.last(topic)}):
                break
    return answer_of(id, is_waiting=_last_event(engine, topic) == WAITING_PHASE)


def _last_event(engine: Engine, topic: str) -> Event | None:
    """Returns the last event of an answer after which nothing follows soon; None while it is being written."""
    last = engine.logs.topics.last(topic)
    entries = engine.logs.topics.read(topic, last - 1) if last else ()
    return next((entry.event for entry in entries if _ends(entry)), None)


def _ends(entry: Entry) -> bool:
    """Returns whether nothing follows soon: the answer has ended, or waits for a person."""
    return isinstance(entry.event, Ended) or entry.event == WAITING_PHASE


def answer_of(generation_id: str, *, is_waiting: bool = False) -> ReadingResult:
    """Returns the answer, or why it isn't there yet, with where to find it.

    Its log can say that it `is_waiting` for a person before that is stored.
    """
    generation = db.session.get(Generation, generation_id, populate_existing=True)
    if generation is None:
        return ReadingResult((DELETED,), is_error=True)
    chat_id = generation.chat_id
    data: JsonObject = {"chat_id": chat_id, "message_id": generation.message_id, "url": address_of(f"/chats/{chat_id}")}
    named = f"chat_id: {chat_id}"
    if generation.is_active:
        status = "waiting" if is_waiting or generation.is_parked else "running"
        words = WAITS if status == "waiting" else STILL_WRITING
        return ReadingResult((words, named), {**data, "status": status, "reason": "", "text": ""})
    answer = ended_answer(generation)
    failure = answer.course.failure or (None if answer.text or answer.course.was_stopped else SILENT)
    data |= {"status": answer.status, "reason": answer.reason, "text": answer.text, "model": answer.model}
    data |= {"sources": [{**source, "url": _located(source.get("url"))} for source in answer.course.sources]}
    texts = filter(None, (answer.text, failure.message if failure else ""))
    return ReadingResult((*texts, named), data, is_error=bool(failure and not answer.text))


def _located(url: Any) -> str | None:
    return address_of(url) if isinstance(url, str) and url else None


class AnswerFeed:
    """The feed of a client that waits for an answer: its progress, if the client wants that, and one result.

    `respond` makes the message with the result; it is called in the `context` of the request.
    """

    def __init__(
        self,
        engine: Engine,
        generation: Generation,
        rpc: RpcRequest,
        respond: Callable[[ReadingResult], JsonObject],
        context: Context,
        seconds: float,
    ) -> None:
        self.lane, self.has_ended = generation.lane, False
        self._engine, self._id, self._rpc = engine, generation.id, rpc
        self._respond, self._context = respond, context
        self._topic, self._after = topic_names.of_generation(generation.id), 0
        self._until, self._told_at = engine.now() + seconds, float("-inf")
        self._chars = self._told = 0
        self._is_waiting = False
        engine.logs.follows(generation)

    def topics(self) -> dict[str, int]:
        return {self._topic: self._after}

    def news(self) -> list[bytes]:
        if self._is_over() or self._engine.now() >= self._until:
            return self._end()
        token, now = self._rpc.progress_token, self._engine.now()
        if token is None or self._chars == self._told or now - self._told_at < PROGRESS_SECONDS:
            return []
        self._told, self._told_at = self._chars, now
        return wire([self._progress(token)])

    def quick_news(self) -> bytes:
        return b""

    def beat(self) -> list[bytes]:
        """Returns the result if the log is gone, as the answer was deleted, or is written elsewhere by now."""
        return [] if self._engine.logs.has_log(self._id) else self._end()

    def disconnected(self, why: Notice) -> list[bytes]:
        self.has_ended = True
        return wire([DialectFrame(error_message(RpcError(INTERNAL, why.message, id=self._rpc.id)))])

    def _is_over(self) -> bool:
        try:
            entries = self._engine.logs.topics.read(self._topic, self._after)
        except Gap:
            return True
        for entry in entries:
            self._after = entry.seq
            if isinstance(entry.event, Text):
                self._chars += len(entry.event.text)
            if _ends(entry):
                self._is_waiting = entry.event == WAITING_PHASE
                return True
        return False

    def _end(self) -> list[bytes]:
        self.has_ended = True
        with self._context():
            message = self._respond(answer_of(self._id, is_waiting=self._is_waiting))
        return wire([DialectFrame(message)])

    def _progress(self, token: Id) -> DialectFrame:
        return DialectFrame(progress_message(token, self._chars, f"{number(self._chars)} characters so far"))
