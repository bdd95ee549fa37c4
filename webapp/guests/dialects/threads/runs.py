"""A workflow run in a thread: everything after a message, streamed or in one piece, until it waits for a person or is over."""

from dataclasses import dataclass

from flask import Response

from webapp.api.streaming.encoding import DialectFrame, wire
from webapp.api.streaming.feed import id_after
from webapp.api.streaming.streams import attending, events, watcher_of
from webapp.api.streaming.wait_for_answer import NoAnswer
from webapp.base import topic_names
from webapp.base.db import db, utc_now
from webapp.base.errors import OverBudget
from webapp.base.untrusted_json import JsonObject
from webapp.chat.record import queries as chat_queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.engine.watching import watchers
from webapp.guests.dialects.schemas import DialectNotice as ThreadNotice
from webapp.guests.dialects.threads.encoder import Clock, frame_of
from webapp.guests.dialects.threads.shown import ThreadAnswer, now, shown_message, workflow_state
from webapp.operations.budgets.periods import refusal
from webapp.operations.budgets.tables import Budget
from webapp.people.accounts.guards import found
from webapp.plans.queries import generation_of
from webapp.streaming.events import Failed, Notice
from webapp.workflows.running import planning
from webapp.workflows.shown import is_interrupted, refusing_budget, why_paused
from webapp.workflows.tables import WorkflowRun


def refused_by_budget(run: WorkflowRun) -> OverBudget | None:
    """Returns the refusal for which a run is paused, with when its budget resets."""
    id = refusing_budget(run)
    budget = db.session.get(Budget, id) if id else None
    return refusal(budget, utc_now()) if budget else None


WHOLE = -1
WAITS = "A call waits for a decision in the chat."
FAILED, FELL = "workflow_failed", "The model could not answer. Resume the workflow to ask it again."


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reader has read: so many characters of this message, or all of it. Without a message, nothing."""

    message_id: str = ""
    chars: int = WHOLE

    @classmethod
    def read(cls, text: str) -> "Position | None":
        """Parses the last event id of a reader; None if it cannot be one of ours."""
        id, _, chars = text.partition(":")
        if not id or not ((chars.isascii() and chars.isdigit() and len(chars) < 10) or chars == "end"):
            return None
        return cls(id, WHOLE if chars == "end" else int(chars))

    def __str__(self) -> str:
        return f"{self.message_id}:{'end' if self.chars == WHOLE else self.chars}"


class RunFeed:
    """A feed of one run, from a position. `has_ended` becomes true once the run waits for a person or is over."""

    def __init__(self, engine: Engine, run: WorkflowRun, position: Position, now: Clock, context: watchers.Context) -> None:
        """`context` recreates the caller's request, whose permissions decide which sources are shown."""
        self.lane, self.has_ended = topic_names.of_chat(run.chat_id), False
        self._engine, self._run_id, self._chat_id, self._now, self._context = engine, run.id, run.chat_id, now, context
        self._position, self._cursors, self._has_opened = position, dict[str, int](), False
        # The id of the active generation, and the text that its message already had.
        self._writing, self._beginning = "", ""
        self._sent_state: JsonObject = {}
        self._was_stopped = False

    def topics(self) -> dict[str, int]:
        return self._cursors

    def news(self) -> list[bytes]:
        more = self.quick_news()
        return [more] if more else self._run_news()

    def quick_news(self) -> bytes:
        """Returns more of the model's text, provided that nothing else has happened."""
        live, topics = self._engine.live.get(self._writing), self._engine.logs.topics
        if live is None or topics.last(self.lane) != self._cursors[self.lane]:
            return b""
        topic = topic_names.of_generation(self._writing)
        self._cursors[topic] = topics.last(topic)
        return b"".join(self._more(self._beginning + live.run.transcript.text))

    def beat(self) -> list[bytes]:
        """Reads the database: what another worker did was not published in this process."""
        return self._run_news()

    def disconnected(self, why: Notice) -> list[bytes]:
        error = {"error": why.message, "code": why.code}
        return wire([self._frame("error", error), self._done(is_success=False)], id=id_after(why))

    def _run_news(self) -> list[bytes]:
        topics = self._engine.logs.topics
        self._cursors = {self.lane: topics.last(self.lane)}
        with self._context():
            run = db.session.get(WorkflowRun, self._run_id, populate_existing=True)
            chat = db.session.get(Chat, self._chat_id, populate_existing=True)
            if run is None or chat is None:
                self.has_ended = True
                return wire([self._done(is_success=False)])
            writing = generations.active_ids(self.lane)
            self._was_stopped = self._was_stopped or (bool(self._writing) and _is_stopped(self._writing))
            self._writing = writing.id if writing else ""
            if self._writing:
                topic = topic_names.of_generation(self._writing)
                self._cursors[topic] = topics.last(topic)
            is_first, self._has_opened = not self._has_opened, True
            opening = wire([self._frame("connected", {"threadId": self._chat_id})]) if is_first else []
            return opening + self._news_of(run, chat)

    def _news_of(self, run: WorkflowRun, chat: Chat) -> list[bytes]:
        """Returns the rest of the message begun and the person's messages, then the run's state, then later messages."""
        messages = self._ahead(chat)
        first_messages = [message for message in messages if message.role == "user" or message.id == self._position.message_id]
        lines = [line for message in first_messages for line in self._message(run, message)]
        lines += self._state(run)
        lines += [line for message in messages if message not in first_messages for line in self._message(run, message)]
        return lines if run.status == "running" else lines + self._end(run)

    def _ahead(self, chat: Chat) -> list[Message]:
        ids, message_id = chat_queries.path_ids(chat), self._position.message_id
        if message_id in ids or not message_id:
            return chat_queries.in_order(ids[ids.index(message_id) if message_id else 0 :])
        # The reader's last message is no longer on the path: continue after its parent, the question.
        left_out = db.session.get(Message, message_id)
        before = left_out.parent_id if left_out else None
        return chat_queries.in_order(ids[ids.index(before) + 1 :] if before in ids else [])

    def _message(self, run: WorkflowRun, message: Message) -> list[bytes]:
        lines = [] if message.id == self._position.message_id else self._saved(run, message)
        if self._position.chars == WHOLE:
            return lines
        if message.id != run.message_id:
            return lines + self._message_in_full(message)
        self._beginning = message.content
        return lines + self._more(chat_queries.text_so_far(self._engine, message))

    def _saved(self, run: WorkflowRun, message: Message) -> list[bytes]:
        self._position = Position(message.id, WHOLE if message.role == "user" else 0)
        # Sent empty while the model writes: its text so far follows.
        shown = shown_message(message, **({"content": ""} if message.id == run.message_id else {}))
        return wire([self._frame("message_saved", {"message": shown.model_dump()})], id=str(self._position))

    def _more(self, text: str) -> list[bytes]:
        position = self._position
        if not (rest := text[position.chars :]):
            return []
        self._position = Position(position.message_id, len(text))
        return wire([self._frame("ai_response", {"content": rest, "isComplete": False})], id=str(self._position))

    def _message_in_full(self, message: Message) -> list[bytes]:
        shown, chars = shown_message(message), self._position.chars
        self._position = Position(message.id)
        data = {"content": shown.content[chars:], "isComplete": True, "accumulated": shown.content, "sources": shown.sources}
        return wire([self._frame("ai_response", data)], id=str(self._position))

    def _state(self, run: WorkflowRun) -> list[bytes]:
        state = workflow_state(run).model_dump()
        if state == self._sent_state:
            return []
        self._sent_state = state
        return wire([self._frame("workflow_status", state)])

    def _end(self, run: WorkflowRun) -> list[bytes]:
        self.has_ended = True
        frames = list[DialectFrame]()
        if run.status == "completed":
            last = db.session.get(Message, self._position.message_id)
            frames = [
                self._frame(
                    "workflow_complete", {"message": last.content if last else "", "slots": dict(run.current_state.slots)}
                )
            ]
        has_failed = run.status == "failed" or bool(why_paused(run, run.current_state))
        was_stopped = run.status == "cancelled" or self._was_stopped or (is_interrupted(run.current_state) and not has_failed)
        if has_failed:
            refusal = refused_by_budget(run)
            frames = [self._frame("error", {"error": why(run), "code": refusal.code if refusal else FAILED})]
        # Without an id: the last text has this position already, and clients that skip known ids would skip the end.
        return wire([*frames, self._done(is_success=not has_failed, was_stopped=was_stopped)])

    def _done(self, *, is_success: bool, was_stopped: bool = False) -> DialectFrame:
        data = {"success": is_success, "stopped": was_stopped, "messageId": self._position.message_id, "notices": []}
        return self._frame("done", data)

    def _frame(self, type: str, data: JsonObject) -> DialectFrame:
        return frame_of(type, data, self._now())


def _is_stopped(generation_id: str) -> bool:
    generation = db.session.get(Generation, generation_id, populate_existing=True)
    return generation is not None and generation.status == "stopped"


def why(run: WorkflowRun) -> str:
    return why_paused(run, run.current_state) or FELL


def watched(run: WorkflowRun, position: Position) -> Response:
    """Streams everything after a position, until the run waits for a person or is over."""
    feed = RunFeed(the_engine(), run, position, now, watchers.same_request())
    response = events(feed, watcher_of(run.chat_id))
    response.headers["X-Stream-Id"] = run.id
    return response


def answered(run: WorkflowRun, position: Position) -> ThreadAnswer:
    """Returns the same in one piece, as soon as the run waits for a person or is over."""
    run = _settled(run)
    if refusal := refused_by_budget(run):
        raise refusal
    last, has_failed = _last_generation(run), bool(why_paused(run, run.current_state))
    reason = last.reason if last else ""
    message = db.session.get(Message, run.message_id) if run.message_id else None
    # A model that failed may have written something before.
    if has_failed and not (message and message.content):
        raise NoAnswer(Failed(FAILED, why(run)), {"threadId": run.chat_id}, last.attempts if last else (), reason=reason)
    ids = chat_queries.path_ids(db.session.get_one(Chat, run.chat_id, populate_existing=True))
    after = ids.index(position.message_id) + 1 if position.message_id in ids else 0
    messages = [shown_message(row) for row in chat_queries.in_order(ids[after:] or ids[-1:])]
    text = "\n\n".join(answer.content for answer in messages if answer.role == "assistant" and answer.content)
    notices = [ThreadNotice(code=reason, message=why(run))] if has_failed else []
    if _waits(run):
        notices = [ThreadNotice(code="waiting", message=WAITS)]
    state, status = workflow_state(run), run.status
    return ThreadAnswer(response=text, message=messages[-1], workflow=state, status=status, reason=reason, notices=notices)


def _last_generation(run: WorkflowRun) -> Generation | None:
    """Returns the last generation of the run's answer or, in a step that writes a plan, of the plan."""
    if message := db.session.get(Message, run.message_id) if run.message_id else None:
        return chat_queries.last_generation(message)
    plan = planning.plan_of(run)
    return generation_of(plan) if plan else None


def last_position(run: WorkflowRun) -> Position:
    """Returns the position after the person's last message, from which a reader without a position begins."""
    own = [message for message in chat_queries.thread(db.session.get_one(Chat, run.chat_id)) if message.role == "user"]
    return Position(own[-1].id) if own else Position()


def is_up_to_date(run: WorkflowRun, position: Position) -> bool:
    chat = db.session.get_one(Chat, run.chat_id)
    return run.status != "running" and position == Position(chat.head_id or "", WHOLE)


def _waits(run: WorkflowRun) -> bool:
    active = generations.active_generation(topic_names.of_chat(run.chat_id)) if run.status == "running" else None
    return active is not None and active.is_parked


def _settled(run: WorkflowRun) -> WorkflowRun:
    """Waits until no model writes in the run, or a person must decide about a call, and returns it."""
    id, topics, lane = run.id, the_engine().logs.topics, topic_names.of_chat(run.chat_id)
    with attending(lane) as wait:
        while True:
            # Taken before reading the run: a change between the two counts as new.
            cursors = {lane: topics.last(lane)}
            run = found(db.session.get(WorkflowRun, id, populate_existing=True))
            if run.status != "running" or _waits(run):
                return run
            db.session.rollback()
            if not wait(cursors):
                return run
