"""Dialect 3: threads, which are chats, their messages, and answers streamed and not."""

from datetime import datetime

from flask import Blueprint, Response

from webapp.api.access import caller
from webapp.api.dialects.schemas import Notice
from webapp.api.dialects.threads.encoder import ThreadsEncoder
from webapp.api.dialects.threads.schemas import (
    THREADS,
    NewThread,
    OneThread,
    Thread,
    ThreadAnswer,
    ThreadContent,
    ThreadMessage,
    ThreadMessages,
    ThreadPage,
    Threads,
)
from webapp.api.operations import STARTS, both, idempotency_key, operation
from webapp.api.problems import Refused
from webapp.api.streams import stream
from webapp.api.wait_for_answer import waited_for
from webapp.chat import queries
from webapp.chat.access import visible_chat, writable_chat
from webapp.chat.messages import service
from webapp.chat.tables import Chat, Message
from webapp.connections.models import providers
from webapp.db import db, utc_now
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.errors import NotFound

TAG = "Threads compatibility API"
MOST_THREADS = 200
NO_WORKFLOWS = "Threads can't start workflows yet. Use POST /api/v1/workflows/{slug}/runs."
bp = Blueprint("api_threads", __name__)


@both(bp, "/chat/threads", methods=("POST",))
@operation("Create a thread", scope="chat", body=NewThread, answer=OneThread, status=201, errors=(422,), tag=TAG)
def create(body: NewThread) -> OneThread:
    me = caller()
    if body.workflow:
        raise Refused({"workflow": NO_WORKFLOWS})
    model = providers().default(me.default_model)
    return OneThread(thread=_thread(service.create(me.id, title=(body.title or "").strip(), model=model)))


@both(bp, "/chat/threads")
@operation("List your threads, newest first", scope="read", answer=Threads, tag=TAG)
def index() -> Threads:
    return Threads(threads=[_thread(chat) for chat in queries.recent_chats(caller().id, limit=MOST_THREADS)])


@both(bp, "/chat/threads/<id>/messages")
@operation(
    "List a thread's most recent messages, oldest first",
    scope="read",
    query=ThreadPage,
    answer=ThreadMessages,
    errors=(404, 422),
    tag=TAG,
)
def messages(id: str, query: ThreadPage) -> ThreadMessages:
    ids = queries.path_ids(visible_chat(id))
    end = len(ids) if not query.before else _place(ids, query.before)
    first = max(0, end - query.limit)
    shown = [_message(each) for each in queries.in_order(ids[first:end])]
    return ThreadMessages(messages=shown, nextBefore=shown[0].id if first else None)


@both(bp, "/chat/threads/<id>/messages", methods=("POST",))
@operation(
    "Send a message to a thread and wait for the answer",
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
    "Send a message to a thread and stream the answer",
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


def _place(ids: list[str], before: str) -> int:
    if before not in ids:
        raise NotFound("That message isn't in this thread.")
    return ids.index(before)


def _thread(chat: Chat) -> Thread:
    status = "archived" if chat.archived_at else "active"
    times = {"createdAt": _iso(chat.created_at), "updatedAt": _iso(chat.changed_at)}
    return Thread(id=chat.id, title=chat.title, workflow=None, status=status, **times)


def _message(message: Message) -> ThreadMessage:
    content = queries.text_so_far(the_engine(), message) if message.role == "assistant" else message.content
    return ThreadMessage(id=message.id, role=message.role, content=content, createdAt=_iso(message.created_at), sources=[])


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
