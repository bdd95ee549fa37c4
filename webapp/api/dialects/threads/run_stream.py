"""Responses to a message in a run, as a stream or in one piece."""

from flask import Response

from webapp.api.dialects.schemas import Notice
from webapp.api.dialects.threads.run_feed import FAILED, WHOLE, Position, RunFeed, has_model_failed, why
from webapp.api.dialects.threads.run_refusals import refused_by_budget
from webapp.api.dialects.threads.schemas import ThreadAnswer
from webapp.api.dialects.threads.shown import now, shown_message, workflow_state
from webapp.api.streaming.streams import attending, events, watcher_of
from webapp.api.streaming.wait_for_answer import NoAnswer
from webapp.base import topic_names
from webapp.base.db import db
from webapp.chat.record import queries as chats
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.engine.watching import watchers
from webapp.people.accounts.guards import found
from webapp.plans.queries import generation_of
from webapp.streaming.events import Failed
from webapp.workflows.running import planning
from webapp.workflows.tables import WorkflowRun


def watched(run: WorkflowRun, position: Position) -> Response:
    """Streams everything after a position, until the run waits for a person or is over."""
    feed = RunFeed(the_engine(), run, position, now, watchers.same_request())
    response = events(feed, watcher_of(run.chat_id))
    response.headers["X-Stream-Id"] = run.id
    return response


def answered(run: WorkflowRun, position: Position) -> ThreadAnswer:
    """Returns the same in one piece, as soon as the run waits for a person or is over."""
    run = _settled(run)
    if refused := refused_by_budget(run):
        raise refused
    last, has_failed = _last_generation(run), has_model_failed(run)
    reason = last.reason if last else ""
    if has_failed and not _is_begun(run):
        raise NoAnswer(Failed(FAILED, why(run)), {"threadId": run.chat_id}, last.attempts if last else (), reason=reason)
    ids = chats.path_ids(db.session.get_one(Chat, run.chat_id, populate_existing=True))
    after = ids.index(position.message_id) + 1 if position.message_id in ids else 0
    messages = [shown_message(each) for each in chats.in_order(ids[after:] or ids[-1:])]
    text = "\n\n".join(each.content for each in messages if each.role == "assistant")
    notices = [Notice(code=reason, message=why(run))] if has_failed else []
    state, status = workflow_state(run), run.status
    return ThreadAnswer(response=text, message=messages[-1], workflow=state, status=status, reason=reason, notices=notices)


def _is_begun(run: WorkflowRun) -> bool:
    """Returns whether a model that failed had written something before."""
    message = db.session.get(Message, run.message_id) if run.message_id else None
    return bool(message and message.content)


def _last_generation(run: WorkflowRun) -> Generation | None:
    """Returns the last generation of the run's answer or, in a step that writes a plan, of the plan."""
    if message := db.session.get(Message, run.message_id) if run.message_id else None:
        return chats.last_generation(message)
    plan = planning.plan_of(run)
    return generation_of(plan) if plan else None


def last_position(run: WorkflowRun) -> Position:
    """Returns the position after the person's last message, from which a reader without a position begins."""
    own = [each for each in chats.thread(db.session.get_one(Chat, run.chat_id)) if each.role == "user"]
    return Position(own[-1].id) if own else Position()


def is_up_to_date(run: WorkflowRun, position: Position) -> bool:
    chat = db.session.get_one(Chat, run.chat_id)
    return run.status != "running" and position == Position(chat.head_id or "", WHOLE)


def _settled(run: WorkflowRun) -> WorkflowRun:
    """Waits until no model writes in the run, and returns it."""
    id, topics, lane = run.id, the_engine().topics, topic_names.of_chat(run.chat_id)
    with attending(lane) as wait:
        while True:
            # Taken before reading the run: a change between the two counts as new.
            cursors = {lane: topics.last(lane)}
            run = found(db.session.get(WorkflowRun, id, populate_existing=True))
            if run.status != "running":
                return run
            db.session.rollback()
            if not wait(cursors):
                return run
