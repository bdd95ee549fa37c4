"""A run as a thread tells it: everything that follows one message, from any position, until nobody but a person goes on."""

from dataclasses import dataclass
from typing import Any

from webapp import topic_names
from webapp.api.dialects.encoding import DialectFrame, wire
from webapp.api.dialects.threads.encoder import Clock, said
from webapp.api.dialects.threads.shown import shown_message, workflow_state
from webapp.api.feed import TAKEN
from webapp.chat import queries as chats
from webapp.chat.tables import Chat, Message
from webapp.db import db
from webapp.engine import service as generations
from webapp.engine.engine import Engine
from webapp.live.watch import LOST
from webapp.live.watchers import Context
from webapp.workflows.shown import why_paused
from webapp.workflows.tables import WorkflowRun

WHOLE = -1
FAILED, FELL = "workflow_failed", "The model could not answer. Resume the workflow to ask it again."


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a reader has heard: of this message so many characters, or all of it. Without a message, nothing."""

    message_id: str = ""
    chars: int = WHOLE

    @classmethod
    def read(cls, text: str) -> "Position | None":
        """What a reader says it has heard last, if that can be one."""
        id, _, chars = text.partition(":")
        if not id or not ((chars.isascii() and chars.isdigit() and len(chars) < 10) or chars == "end"):
            return None
        return cls(id, WHOLE if chars == "end" else int(chars))

    def __str__(self) -> str:
        return f"{self.message_id}:{'end' if self.chars == WHOLE else self.chars}"


class RunFeed:
    """One run, from behind a position. `has_ended` as soon as it is a person's turn, or nobody's."""

    def __init__(self, engine: Engine, run: WorkflowRun, position: Position, now: Clock, context: Context) -> None:
        """`context` is the caller's request: what they may see of the sources is asked in their name."""
        self.lane, self.has_ended = topic_names.of_chat(run.chat_id), False
        self._engine, self._run_id, self._chat_id, self._now, self._context = engine, run.id, run.chat_id, now, context
        self._position, self._cursors, self._has_opened = position, dict[str, int](), False
        # The generation that writes at the moment, and what stood in its message before.
        self._writing, self._beginning = "", ""
        self._told_state: dict[str, Any] = {}

    def topics(self) -> dict[str, int]:
        return self._cursors

    def news(self) -> list[bytes]:
        more = self.quick_news()
        return [more] if more else self._look()

    def quick_news(self) -> bytes:
        """More of what a model writes, as long as nothing else has happened."""
        live, topics = self._engine.live.get(self._writing), self._engine.topics
        if live is None or topics.last(self.lane) != self._cursors[self.lane]:
            return b""
        topic = topic_names.of_generation(self._writing)
        self._cursors[topic] = topics.last(topic)
        return b"".join(self._more(self._beginning + live.run.transcript.text))

    def beat(self) -> list[bytes]:
        """What was told to nobody in this process is found by looking."""
        return self._look()

    def taken(self) -> list[bytes]:
        error = {"error": TAKEN.message, "code": TAKEN.code}
        return wire([self._frame("error", error), self._done(is_success=False)], id=LOST)

    def _look(self) -> list[bytes]:
        topics = self._engine.topics
        self._cursors = {self.lane: topics.last(self.lane)}
        with self._context():
            run = db.session.get(WorkflowRun, self._run_id, populate_existing=True)
            chat = db.session.get(Chat, self._chat_id, populate_existing=True)
            if run is None or chat is None:
                self.has_ended = True
                return wire([self._done(is_success=False)])
            writing = generations.active_in(self.lane)
            self._writing = writing.id if writing else ""
            if self._writing:
                topic = topic_names.of_generation(self._writing)
                self._cursors[topic] = topics.last(topic)
            return [*self._opening(), *self._news_of(run, chat)]

    def _opening(self) -> list[bytes]:
        is_first, self._has_opened = not self._has_opened, True
        return wire([self._frame("connected", {"threadId": self._chat_id})]) if is_first else []

    def _news_of(self, run: WorkflowRun, chat: Chat) -> list[bytes]:
        """First the rest of what was begun and what the person said, then where the run stands, then what is said there."""
        messages = self._ahead(chat)
        begun = [each for each in messages if each.role == "user" or each.id == self._position.message_id]
        lines = [line for each in begun for line in self._message(run, each)]
        lines += self._state(run)
        lines += [line for each in messages if each not in begun for line in self._message(run, each)]
        return lines if run.status == "running" else lines + self._end(run)

    def _ahead(self, chat: Chat) -> list[Message]:
        ids, heard = chats.path_ids(chat), self._position.message_id
        if heard in ids or not heard:
            return chats.in_order(ids[ids.index(heard) if heard else 0 :])
        # An answer that was left out is followed by what follows its question.
        left_out = db.session.get(Message, heard)
        before = left_out.parent_id if left_out else None
        return chats.in_order(ids[ids.index(before) + 1 :] if before in ids else [])

    def _message(self, run: WorkflowRun, message: Message) -> list[bytes]:
        lines = [] if message.id == self._position.message_id else self._saved(run, message)
        if self._position.chars == WHOLE:
            return lines
        return lines + (self._unfinished(message) if message.id == run.message_id else self._whole(message))

    def _saved(self, run: WorkflowRun, message: Message) -> list[bytes]:
        self._position = Position(message.id, WHOLE if message.role == "user" else 0)
        # What a model has written of it so far follows.
        shown = shown_message(message, **({"content": ""} if message.id == run.message_id else {}))
        return wire([self._frame("message_saved", {"message": shown.model_dump()})], id=str(self._position))

    def _unfinished(self, message: Message) -> list[bytes]:
        self._beginning = message.content
        return self._more(chats.text_so_far(self._engine, message))

    def _more(self, text: str) -> list[bytes]:
        heard = self._position
        if not (rest := text[heard.chars :]):
            return []
        self._position = Position(heard.message_id, len(text))
        return wire([self._frame("ai_response", {"content": rest, "isComplete": False})], id=str(self._position))

    def _whole(self, message: Message) -> list[bytes]:
        shown, chars = shown_message(message), self._position.chars
        self._position = Position(message.id)
        told = {"content": shown.content[chars:], "isComplete": True, "accumulated": shown.content, "sources": shown.sources}
        return wire([self._frame("ai_response", told)], id=str(self._position))

    def _state(self, run: WorkflowRun) -> list[bytes]:
        state = workflow_state(run).model_dump()
        if state == self._told_state:
            return []
        self._told_state = state
        return wire([self._frame("workflow_status", state)])

    def _end(self, run: WorkflowRun) -> list[bytes]:
        self.has_ended = True
        frames = list[DialectFrame]()
        if run.status == "completed":
            last = db.session.get(Message, self._position.message_id)
            frames = [self._frame("workflow_complete", {"message": last.content if last else "", "slots": dict(run.place.slots)})]
        has_failed = run.status == "failed" or has_fallen(run)
        if has_failed:
            frames = [self._frame("error", {"error": why(run), "code": FAILED})]
        # Without an id: what was said last has this position already, and a client that skips what it has had would skip the end.
        return wire([*frames, self._done(is_success=not has_failed, was_stopped=run.status == "cancelled")])

    def _done(self, *, is_success: bool, was_stopped: bool = False) -> DialectFrame:
        told = {"success": is_success, "stopped": was_stopped, "messageId": self._position.message_id, "notices": []}
        return self._frame("done", told)

    def _frame(self, type: str, data: dict[str, Any]) -> DialectFrame:
        return said(type, data, self._now())


def has_fallen(run: WorkflowRun) -> bool:
    """Whether it is paused because a model did not answer."""
    return bool(run.message_id and run.status == "paused")


def why(run: WorkflowRun) -> str:
    return why_paused(run, run.place) or FELL
