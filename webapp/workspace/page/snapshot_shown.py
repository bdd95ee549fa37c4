"""A consistent snapshot of a chat's page, and its queries: an answer that ends meanwhile has ended in all parts, or in none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, literal, literal_column, or_, select
from sqlalchemy.orm import aliased

from webapp.base import topic_names
from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.db import db
from webapp.chat.messages import renderings, scripted
from webapp.chat.record import queries, sharing
from webapp.chat.record.leader import is_led
from webapp.chat.record.post_answer import HAS_FOLLOW_UP, IS_SHARED
from webapp.chat.record.tables import Chat, Draft, Message
from webapp.engine.engine import Engine
from webapp.engine.generations import Active, active_ids
from webapp.engine.state.ownership import ALL_BUT_PROMPT
from webapp.engine.tables import ACTIVE, WHILE_ACTIVE, Generation
from webapp.models.connections.models import the_models
from webapp.people.things.shares import Share
from webapp.web.addresses import address
from webapp.workspace.page import shown
from webapp.workspace.page.answer_shown import ShownColumn, facts

# Between the ids in the end of a page.
JOINT = "_"
# A longer answer in a column is folded, so that the end of each can be seen; as HTML.
LONG_COLUMN_CHARS = 5_000
# How far back an update of an open page reads: the page usually lacks a question and its answer.
MOST_SINCE = 6
# Literals, because the partial index of active generations is only used if its condition is repeated exactly.
WORDS_OF_INDEX: list[ColumnElement[str]] = [literal_column(f"'{status}'") for status in ACTIVE]


class ChatState(NamedTuple):
    """A chat's state besides its messages; `draft` is the viewer's unsent text, `draft_mentions` what it names."""

    generation_id: str | None
    message_id: str | None
    is_shared: bool
    has_follow_up: bool
    draft: str | None
    draft_mentions: str | None

    @property
    def active(self) -> Active | None:
        """The answer that is being written."""
        return Active(self.generation_id, self.message_id) if self.generation_id else None


def state_of(chat: Chat, person_id: str = "") -> ChatState:
    """Queries the current state, bypassing what the session has loaded."""
    row = STATE.first(db.session(), {"chat": chat.id, "lane": chat.lane, "person": person_id})
    return ChatState(*row) if row else ChatState(None, None, False, False, None, None)


def _state_statement() -> Select[*tuple[Any, ...]]:
    is_theirs = Draft.user_id == bindparam("person"), Draft.chat_id == Chat.id
    draft = (select(column).where(*is_theirs).scalar_subquery() for column in (Draft.text, Draft.mentions))
    query = select(Generation.id, Generation.message_id, IS_SHARED, HAS_FOLLOW_UP, *draft)
    is_active = (Generation.lane == bindparam("lane")) & WHILE_ACTIVE
    return query.select_from(Chat).outerjoin(Generation, is_active).where(Chat.id == bindparam("chat"))


class ChatEnd(NamedTuple):
    """The last messages of a chat with their generations; `versioned` are those that have, or can have, other versions."""

    chat: Chat
    messages: list[Message]
    generations: dict[str, list[Generation]]
    versioned: list[Message]
    chat_state: ChatState


def read_since(chat_id: str, message_id: str) -> ChatEnd | None:
    """Returns the end of the chat from this message on, in one statement; None if that is not among the last few messages."""
    session = db.session()
    joined_rows = SINCE_MESSAGE.all(session, {"chat": chat_id, "since": message_id, "height": MOST_SINCE})
    if not joined_rows or joined_rows[0].row_message_id != message_id:
        return None
    (chat,) = rows.read_joined(session, joined_rows[0], Chat)
    by_message = {row.row_message_id: row for row in joined_rows}
    generations: dict[str, list[Generation]] = {id: [] for id in by_message}
    for row in (joined for joined in joined_rows if joined.row_generation_id):
        generations[row.row_message_id].append(rows.read(session, Generation, dict(zip(NAMES, row[GENERATION_AT], strict=True))))
    messages = {
        id: rows.read(session, Message, dict(zip(rows.names(Message), row[MESSAGE_AT], strict=True)))
        for id, row in by_message.items()
    }
    versioned = [messages[id] for id, row in by_message.items() if row.is_versioned]
    state = ChatState._make([*joined_rows[0][STATE_AT], None, None])
    return ChatEnd(chat, list(messages.values()), generations, versioned, state)


def _since_statement() -> Select[*tuple[Any, ...]]:
    up = queries.ancestors(
        Message.id == select(Chat.head_id).where(Chat.id == bindparam("chat")).scalar_subquery(), is_bounded=True
    )
    version, active = aliased(Message), aliased(Generation)
    is_version = version.parent_id == Message.parent_id, version.id != Message.id, version.deleted_at.is_(None)
    # Finding versions of a root means searching all messages of the chat, so it is left to callers that show one.
    is_versioned = or_(Message.parent_id.is_(None), select(version.id).where(*is_version).exists()).label("is_versioned")
    is_active = (active.lane == literal(topic_names.of_chat("")) + Chat.id) & active.status.in_(WORDS_OF_INDEX)
    around = active.id, active.message_id, IS_SHARED, HAS_FOLLOW_UP
    about = is_versioned, Message.id.label("row_message_id"), Generation.id.label("row_generation_id")
    query = select(rows.table(Chat), rows.table(Message), *ALL_BUT_PROMPT, *around, *about).select_from(up)
    query = query.join(Message, Message.id == up.c.id).join(Chat, Chat.id == Message.chat_id).outerjoin(active, is_active)
    query = query.outerjoin(Generation, Generation.message_id == Message.id)
    return query.order_by(up.c.height.desc(), Generation.id)


# Compiled once: building the statements costs more than running them.
STATE, SINCE_MESSAGE = Prepared(_state_statement()), Prepared(_since_statement())
NAMES = [column.name for column in ALL_BUT_PROMPT]
# The columns of each part within a row of `SINCE_MESSAGE`.
MESSAGE_AT = slice(start := len(rows.names(Chat)), start := start + len(rows.names(Message)))
GENERATION_AT, STATE_AT = slice(start, start := start + len(NAMES)), slice(start, start + 4)


@dataclass(frozen=True, slots=True)
class HiddenAnswer:
    """A running answer that the page doesn't show, for example because it is before the page's first message."""

    generation_id: str
    stop_url: str
    stands_for_all: bool = False


@dataclass(frozen=True, slots=True)
class PageSnapshot:
    """The snapshot. `running` is the answer being written, or stands for several; it can be before the page's first message."""

    chat: Chat
    messages: Sequence[Message]
    thread: list[shown.ShownMessage]
    running: shown.ShownMessage | HiddenAnswer | None
    chat_state: ChatState
    # The shares of the chat; None for viewers who are not its owner.
    given: Sequence[Share] | None


def read_snapshot(engine: Engine, chat: Chat, right: str = "own", person_id: str = "") -> PageSnapshot:
    """Reads the end of the chat; repeats if an answer has ended between two queries."""
    is_ready = is_scripted = False
    while True:
        around = state_of(chat, person_id)
        active, given = around.active, _given(chat, right, around)
        messages = queries.window(chat)
        beside = queries.answers_beside(chat)
        if not is_ready and renderings.render_stale_messages([*messages, *beside]):
            is_ready = True
            continue
        thread = limited(chat, _thread(engine, chat, messages, beside, right, given))
        if not is_scripted and scripted.prepare(shown.unrendered(thread)):
            is_scripted = True
            continue
        columns = running_columns(thread)
        running = hidden_answer(chat, columns[0].generation_id) if columns else running_in(thread)
        if running or not active:
            return PageSnapshot(chat, messages, thread, running, around, given)
        if active == active_ids(chat.lane):
            # The running answer is before these messages. If it is one of them and still isn't shown as running, it runs in
            # another worker.
            is_here = any(message.id == active.message_id for message in (*messages, *beside))
            return PageSnapshot(chat, messages, thread, None if is_here else hidden_answer(chat, active.id), around, given)
        db.session.rollback()


def snapshot_since(engine: Engine, chat_id: str, message_id: str, right: str = "own") -> PageSnapshot | None:
    """Reads the chat from this message on in one statement, however long the chat is; None if that is not enough."""
    end = read_since(chat_id, message_id)
    if not end or end.chat.column_ids or any(map(renderings.is_stale, end.messages)):
        return None
    chat, messages, around = end.chat, end.messages, end.chat_state
    given = _given(chat, right, around)
    thread = limited(chat, shown.thread(engine, messages, right, given, end.generations, end.versioned))
    running = running_in(thread)
    # The running answer is before these messages, or has ended since they were read.
    is_lacking = bool(around.active and not running) or bool(shown.unrendered(thread))
    return None if is_lacking else PageSnapshot(chat, messages, thread, running, around, given)


def limited(chat: Chat, thread: list[shown.ShownMessage]) -> list[shown.ShownMessage]:
    """Makes the messages of a chat that a feature leads read-only, without versions; calls in them can be decided about."""
    if not is_led(chat):
        return thread
    return [replace(shown.limited(message, "view"), versions=shown.Versions(), calls=message.calls) for message in thread]


def hidden_answer(chat: Chat, generation_id: str) -> HiddenAnswer:
    """Returns an answer that the page doesn't show in its thread; of several side by side, the one that stands for all."""
    if chat.columns:
        return HiddenAnswer(generation_id, address("chat.stop_all", chat.id), stands_for_all=True)
    return HiddenAnswer(generation_id, address("chat.stop", generation_id))


def _thread(
    engine: Engine, chat: Chat, messages: list[Message], beside: list[Message], right: str, given: Sequence[Share] | None
) -> list[shown.ShownMessage]:
    """Converts the messages for display; the last of them gets the columns."""
    if not beside:
        return shown.thread(engine, messages, right, given)
    generations = queries.generations_of([*messages, *beside])
    thread = shown.thread(engine, [*messages, *beside], right, given, generations)
    by_id = {message.id: message for message in thread}
    columns = [_column(chat, by_id[id], generations[id], right) for id in chat.columns if id in by_id]
    return [*thread[: len(messages) - 1], replace(by_id[messages[-1].id], columns=tuple(columns))]


def _column(chat: Chat, message: shown.ShownMessage, generations: Sequence[Generation], right: str) -> shown.ShownMessage:
    may_write, can_be_kept = right != "view", bool(message.html) and not message.is_running
    column = ShownColumn(
        model=the_models().display_name(generations[-1].model_asked),
        facts=facts(generations) if can_be_kept else (),
        is_path=message.id == chat.head_id,
        keep_url=address("messages.keep", message.id) if may_write and can_be_kept else "",
        stop_url=message.stop_url if may_write else "",
    )
    is_long = not message.is_running and len(message.html) > LONG_COLUMN_CHARS
    return replace(message, column=column, versions=shown.Versions(), is_long=is_long)


def _given(chat: Chat, right: str, around: ChatState) -> Sequence[Share] | None:
    if right != "own":
        return None
    return sharing.shares(chat) if around.is_shared else ()


def running_in(thread: Sequence[shown.ShownMessage]) -> shown.ShownMessage | None:
    """Returns the answer that is being written, unless it is in a column."""
    return next((message for message in thread if message.is_running and not message.columns), None)


def running_columns(thread: Sequence[shown.ShownMessage]) -> list[shown.ShownMessage]:
    """Returns those answers side by side that are being written."""
    return [column for message in thread[-1:] for column in message.columns if column.is_running]


def each_shown(thread: Sequence[shown.ShownMessage]) -> list[shown.ShownMessage]:
    """Returns the messages with those that stand side by side in place of the one on the path."""
    return [column for message in thread for column in message.columns or (message,)]


def end_of(thread: Sequence[shown.ShownMessage]) -> str:
    """Returns the id of the last message, followed by those of its columns: by which an open page knows its end."""
    return JOINT.join((thread[-1].id, *(column.id for column in thread[-1].columns))) if thread else ""
