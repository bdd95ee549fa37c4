"""Dialect 3: threads, which are chats, their messages, and answers, streamed or in one piece."""

from flask import Blueprint, Response, request

from webapp.api.access import caller, check
from webapp.api.operations import STARTS, both, idempotency_key, operation
from webapp.api.problems import InvalidFields
from webapp.api.streaming.feed import END
from webapp.api.streaming.streams import has_all, last_position as position_read, stream
from webapp.api.streaming.wait_for_answer import NO_ANSWER, wait_for_text
from webapp.base import topic_names
from webapp.base.db import db
from webapp.base.errors import NotFound
from webapp.chat.messages import chats, sending
from webapp.chat.record import queries
from webapp.chat.record.access import visible_chat, writable_chat
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.engine.watching.watcher_loop import LOST
from webapp.guests.dialects.schemas import DialectNotice
from webapp.guests.dialects.threads.encoder import ThreadsEncoder
from webapp.guests.dialects.threads.runs import Position, answered, is_up_to_date, last_position, watched
from webapp.guests.dialects.threads.shown import (
    MOST_MESSAGES,
    THREADS,
    NewThread,
    OneThread,
    ThreadAnswer,
    ThreadContent,
    ThreadEventsQuery,
    ThreadMessages,
    ThreadPage,
    Threads,
    now,
    shown_message,
    shown_messages,
    shown_thread,
)
from webapp.models.connections.models import the_models
from webapp.people.accounts.tables import User
from webapp.workflows.queries import run_of, slugs_of
from webapp.workflows.running import service as run_service
from webapp.workflows.state import Event
from webapp.workflows.tables import WorkflowRun
from webapp.workspace.list import paging

TAG = "Threads compatibility API"
# The names of these fields in refusals of chats and of runs.
CONTENT = {"message": "content", "value": "content"}
MOST_THREADS = 200
bp = Blueprint("api_threads", __name__)


@both(bp, "/chat/threads", methods=("POST",))
@operation(
    "Create a thread, or start a workflow in one; only the latter uses the `Idempotency-Key`",
    scope="chat",
    body=NewThread,
    takes_key=True,
    answer=OneThread,
    status=201,
    errors=(422,),
    tag=TAG,
)
def create(body: NewThread) -> OneThread:
    me, title = caller(), (body.title or "").strip()
    if body.workflow:
        run = _begun(me, body.workflow, title)
        return OneThread(thread=shown_thread(db.session.get_one(Chat, run.chat_id), {run.chat_id: run.slug}))
    chat = chats.create(me.id, title=title, model=the_models().default(me.default_model, me.id))
    return OneThread(thread=shown_thread(chat, {}))


@both(bp, "/chat/threads")
@operation(f"List your {MOST_THREADS} most recently changed threads, newest first", scope="read", answer=Threads, tag=TAG)
def index() -> Threads:
    chats = paging.chats(caller().id, limit=MOST_THREADS)
    workflows = slugs_of([chat.id for chat in chats if chat.kind == run_service.KIND])
    return Threads(threads=[shown_thread(chat, workflows) for chat in chats])


@both(bp, "/chat/threads/<id>/messages")
@operation(
    f"List a thread's most recent messages, oldest first; without `limit` up to {MOST_MESSAGES:,}",
    scope="read",
    query=ThreadPage,
    answer=ThreadMessages,
    errors=(404, 422),
    tag=TAG,
)
def messages(id: str, query: ThreadPage) -> ThreadMessages:
    ids = queries.path_ids(visible_chat(id))
    end = len(ids) if not query.before else _place(ids, query.before)
    rows, has_more = paging.recent(ids[:end], query.limit)
    return ThreadMessages(messages=shown_messages(rows) if rows else [], nextBefore=rows[0].id if has_more else None)


@both(bp, "/chat/threads/<id>/messages", methods=("POST",))
@operation(
    "Send a message to a thread and wait for the answer",
    scope="chat",
    body=ThreadContent,
    answer=ThreadAnswer,
    takes_key=True,
    errors=(404, *STARTS),
    others=NO_ANSWER,
    named=CONTENT,
    tag=TAG,
)
def send(id: str, body: ThreadContent) -> ThreadAnswer:
    if run := _run_in(id):
        return answered(*_answer_step(run, body))
    generation = _begin_answer(id, body)
    message_id = generation.message_id or ""
    answer = wait_for_text(generation, threadId=id, messageId=message_id)
    message = shown_message(db.session.get_one(Message, message_id))
    notices = [DialectNotice(**notice) for notice in answer.notices]
    return ThreadAnswer(response=answer.text, message=message, status=answer.status, reason=answer.reason, notices=notices)


@both(bp, "/chat/threads/<id>/messages/stream", methods=("POST",))
@both(bp, "/threads/<id>/messages/stream", methods=("POST",))
@operation(
    "Send a message to a thread and stream the answer",
    scope="chat",
    body=ThreadContent,
    stream=THREADS,
    takes_key=True,
    errors=(404, *STARTS),
    named=CONTENT,
    tag=TAG,
)
def send_and_watch(id: str, body: ThreadContent) -> Response:
    if run := _run_in(id):
        return watched(*_answer_step(run, body))
    return _streamed(_begin_answer(id, body))


@both(bp, "/chat/threads/<id>/events")
@operation(
    "Watch a thread from any position: a workflow, or the running answer; without a position from its start",
    scope="read",
    query=ThreadEventsQuery,
    stream=THREADS,
    errors=(404,),
    others=((204, "Nothing more is to be read, or another reader took over; an EventSource does not reconnect.", None),),
    tag=TAG,
)
def events(id: str, query: ThreadEventsQuery) -> Response:
    run, last = _run_in(id), request.headers.get("Last-Event-ID") or query.after
    if last == LOST:
        return Response(status=204)
    if run is None:
        return _continued(id, last)
    position = Position.read(last) or last_position(run)
    return Response(status=204) if is_up_to_date(run, position) else watched(run, position)


def _continued(id: str, last: str) -> Response:
    """Streams the running answer or, to a reader of some of it, the rest of the last one."""
    generation, after = generations.active_generation(topic_names.of_chat(id)), max(position_read(), 0)
    if generation is None and last not in ("", END):
        head = db.session.get(Message, visible_chat(id).head_id or "")
        generation = queries.last_generation(head) if head else None
    if generation is None or has_all(generation, after):
        return Response(status=204)
    engine, id = the_engine(), generation.id
    # A position that this answer has not reached is one of an earlier answer.
    is_anothers = id in engine.live and engine.logs.topics.last(topic_names.of_generation(id)) < after
    return _streamed(generation, after=0 if is_anothers else after)


def _begin_answer(id: str, body: ThreadContent) -> Generation:
    return sending.ask(writable_chat(id), body.content, key=idempotency_key(), by=caller().id)


def _streamed(generation: Generation, *, after: int = 0) -> Response:
    answer = db.session.get_one(Message, generation.message_id)
    # An answer that begins a chat, as the first step of a workflow can, has no question.
    parent_id = answer.parent_id
    question = shown_message(db.session.get_one(Message, parent_id)) if parent_id else shown_message(answer, content="")
    return stream(generation, ThreadsEncoder(generation.chat_id, question.model_dump(), now, after=after))


def _place(ids: list[str], before: str) -> int:
    if before not in ids:
        raise NotFound("That message isn't in this thread.")
    return ids.index(before)


def _run_in(id: str) -> WorkflowRun | None:
    """Returns the caller's run that leads this thread; None for others who can see it, as they cannot answer its steps."""
    chat = visible_chat(id)
    return run_of(id) if chat.kind == run_service.KIND and chat.owner_id == caller().id else None


def _begun(me: User, slug: str, title: str) -> WorkflowRun:
    check("workflows")
    try:
        return run_service.start(me, slug, title=title, key=idempotency_key())
    except NotFound as error:
        raise InvalidFields({"workflow": error.message}) from error


def _answer_step(run: WorkflowRun, body: ThreadContent) -> tuple[WorkflowRun, Position]:
    """Answers the run's step with this message; returns the run and the position before the message."""
    check("workflows")
    event, key = Event("answer", body.content), idempotency_key()
    before = Position(run_service.head_before(run, event, key))
    return run_service.apply_event(run, event, key=key), before
