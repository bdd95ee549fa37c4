"""Dialect 3: threads, which are chats, their messages, and answers streamed and not."""

from datetime import datetime

from flask import Blueprint, Response

from webapp.api.access import caller
from webapp.api.dialect_events import THREADS
from webapp.api.encoders.threads import ThreadsEncoder
from webapp.api.operations import STARTS, both, idempotency_key, operation
from webapp.api.problems import Refused
from webapp.api.schemas.dialects import (
    NewThread,
    Notice,
    OneThread,
    Thread,
    ThreadAnswer,
    ThreadContent,
    ThreadMessage,
    ThreadMessages,
    ThreadPage,
    Threads,
)
from webapp.api.stream import stream
from webapp.api.whole import waited_for
from webapp.chat import queries, service
from webapp.chat.access import visible_chat, writable_chat
from webapp.chat.tables import Chat, Message
from webapp.errors import NotFound
from webapp.extensions import db, utc_now
from webapp.generations.engine import the_engine
from webapp.generations.models import providers
from webapp.generations.tables import Generation

TAG = "Dialect 3: threads"
MOST_THREADS = 200
bp = Blueprint("api_threads", __name__)


@both(bp, "/chat/threads", methods=("POST",))
@operation("Make a thread", scope="chat", body=NewThread, answer=OneThread, status=201, errors=(422,), tag=TAG)
def create(body: NewThread) -> OneThread:
    me = caller()
    if body.workflow:
        raise Refused({"workflow": f"There is no workflow called {body.workflow[:80]} here."})
    model = providers().default(me.default_model)
    return OneThread(thread=_thread(service.create(me.id, title=(body.title or "").strip(), model=model)))


@both(bp, "/chat/threads")
@operation("The caller's threads, newest first", scope="read", answer=Threads, tag=TAG)
def index() -> Threads:
    return Threads(threads=[_thread(chat) for chat in queries.recent_chats(caller().id, limit=MOST_THREADS)])


@both(bp, "/chat/threads/<id>/messages")
@operation(
    "The messages of a thread, oldest first, from its end",
    scope="read",
    query=ThreadPage,
    answer=ThreadMessages,
    errors=(404, 422),
    tag=TAG,
)
def messages(id: str, query: ThreadPage) -> ThreadMessages:
    thread = queries.thread(visible_chat(id))
    end = len(thread) if not query.before else _place(thread, query.before)
    first = max(0, end - query.limit)
    shown = [_message(each) for each in thread[first:end]]
    return ThreadMessages(messages=shown, nextBefore=shown[0].id if first else None)


@both(bp, "/chat/threads/<id>/messages", methods=("POST",))
@operation(
    "Write in a thread and wait for the answer",
    scope="chat",
    body=ThreadContent,
    answer=ThreadAnswer,
    errors=(404, *STARTS, 502, 504),
    tag=TAG,
)
def send(id: str, body: ThreadContent) -> ThreadAnswer:
    generation = _asked(id, body)
    message_id = generation.message_id or ""
    found = waited_for(generation, threadId=id, messageId=message_id)
    message = _message(db.session.get_one(Message, message_id))
    notices = [Notice(**each) for each in found.course.notices]
    return ThreadAnswer(response=found.text, message=message, status=found.status, notices=notices)


@both(bp, "/chat/threads/<id>/messages/stream", methods=("POST",))
@both(bp, "/threads/<id>/messages/stream", methods=("POST",))
@operation(
    "Write in a thread and watch the answer",
    scope="chat",
    body=ThreadContent,
    stream=THREADS,
    errors=(404, *STARTS),
    tag=TAG,
)
def send_and_watch(id: str, body: ThreadContent) -> Response:
    generation = _asked(id, body)
    answer = db.session.get_one(Message, generation.message_id)
    question = _message(db.session.get_one(Message, answer.parent_id))
    return stream(generation, ThreadsEncoder(id, question.model_dump(), lambda: _iso(utc_now())))


def _asked(id: str, body: ThreadContent) -> Generation:
    return service.ask(writable_chat(id), body.content, key=idempotency_key(), by=caller().id)


def _place(thread: list[Message], before: str) -> int:
    place = next((place for place, message in enumerate(thread) if message.id == before), None)
    if place is None:
        raise NotFound("That message is not in this thread.")
    return place


def _thread(chat: Chat) -> Thread:
    status = "archived" if chat.archived_at else "active"
    times = {"createdAt": _iso(chat.created_at), "updatedAt": _iso(chat.changed_at)}
    return Thread(id=chat.id, title=chat.title, workflow=None, status=status, **times)


def _message(message: Message) -> ThreadMessage:
    content = queries.text_so_far(the_engine(), message) if message.role == "assistant" else message.content
    return ThreadMessage(id=message.id, role=message.role, content=content, createdAt=_iso(message.created_at), sources=[])


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
