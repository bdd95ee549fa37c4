"""A consistent snapshot of a chat's page: an answer that ends while it is read has ended in all parts of it, or in none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from webapp.base.db import db
from webapp.chat.messages import renderings
from webapp.chat.page import chat_state, scripted, shown
from webapp.chat.page.chat_state import ChatState
from webapp.chat.page.composer_shown import HiddenAnswer, hidden_answer
from webapp.chat.page.shown import ShownMessage, Versions
from webapp.chat.record import queries, sharing
from webapp.chat.record.leader import is_led
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.service import active_in
from webapp.people.grants.shares import Share


@dataclass(frozen=True, slots=True)
class PageSnapshot:
    """The snapshot. `running` is the answer being written; it can be before the first message of the page."""

    chat: Chat
    messages: Sequence[Message]
    thread: list[ShownMessage]
    running: ShownMessage | HiddenAnswer | None
    chat_state: ChatState
    # The shares of the chat; None for viewers who are not its owner.
    given: Sequence[Share] | None


def read(engine: Engine, chat: Chat, right: str = "own", person_id: str = "") -> PageSnapshot:
    """Reads the end of the chat; repeats if an answer has ended between two queries."""
    is_ready = is_scripted = False
    while True:
        around = chat_state.state_of(chat, person_id)
        active, given = around.active, _given(chat, right, around)
        messages = queries.window(chat)
        if not is_ready and renderings.renew(messages):
            is_ready = True
            continue
        thread = limited(chat, shown.thread(engine, messages, right, given))
        if not is_scripted and scripted.prepare(shown.unrendered(thread)):
            is_scripted = True
            continue
        running = running_in(thread)
        if running or not active:
            return PageSnapshot(chat, messages, thread, running, around, given)
        if active == active_in(chat.lane):
            # The running answer is before these messages. If it is one of them and still isn't shown as running, it runs in
            # another worker.
            is_here = any(message.id == active.message_id for message in messages)
            return PageSnapshot(chat, messages, thread, None if is_here else hidden_answer(active.id), around, given)
        db.session.rollback()


def since(engine: Engine, chat_id: str, message_id: str, right: str = "own") -> PageSnapshot | None:
    """Reads the chat from this message on in one statement, however long the chat is; None if that is not enough."""
    end = chat_state.since(chat_id, message_id)
    if not end or any(map(renderings.is_stale, end.messages)):
        return None
    chat, messages, around = end.chat, end.messages, end.chat_state
    given = _given(chat, right, around)
    thread = limited(chat, shown.thread(engine, messages, right, given, end.generations, end.versioned))
    running = running_in(thread)
    # The running answer is before these messages, or has ended since they were read.
    is_lacking = bool(around.active and not running) or bool(shown.unrendered(thread))
    return None if is_lacking else PageSnapshot(chat, messages, thread, running, around, given)


def limited(chat: Chat, thread: list[ShownMessage]) -> list[ShownMessage]:
    """Makes the messages of a chat that a feature leads read-only, without a choice of versions."""
    return [replace(shown.limited(each, "view"), versions=Versions()) for each in thread] if is_led(chat) else thread


def _given(chat: Chat, right: str, around: ChatState) -> Sequence[Share] | None:
    if right != "own":
        return None
    return sharing.shares(chat) if around.is_shared else ()


def running_in(thread: Sequence[ShownMessage]) -> ShownMessage | None:
    return next((message for message in thread if message.is_running), None)
