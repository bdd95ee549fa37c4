"""What stands beside the messages of a chat at one moment, in one statement."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, literal, literal_column, select
from sqlalchemy.orm import aliased

from webapp import rows, topic_names
from webapp.chat.aftermath import HAS_FOLLOW_UP, IS_SHARED
from webapp.chat.tables import Chat, Draft, Message
from webapp.db import db
from webapp.engine.fence import ALL_BUT_PROMPT
from webapp.engine.service import Active
from webapp.engine.tables import ACTIVE, WHILE_ACTIVE, Generation
from webapp.statements import Ready

# Said as the index of those that run says it.
WORDS_OF_INDEX: list[ColumnElement[str]] = [literal_column(f"'{each}'") for each in ACTIVE]


class Beside(NamedTuple):
    """`draft` is what the person who looks has typed here and not sent."""

    generation_id: str | None
    message_id: str | None
    is_shared: bool
    has_follow_up: bool
    draft: str | None

    @property
    def active(self) -> Active | None:
        """The answer that is being written."""
        return Active(self.generation_id, self.message_id) if self.generation_id else None


def beside(chat: Chat, person_id: str = "") -> Beside:
    """As the database has it now, whatever was read before."""
    row = BESIDE.first(db.session(), {"chat": chat.id, "lane": chat.lane, "person": person_id})
    return Beside(*row) if row else Beside(None, None, False, False, None)


def _beside_statement() -> Select[Any]:
    draft = select(Draft.text).where(Draft.user_id == bindparam("person"), Draft.chat_id == Chat.id).scalar_subquery()
    wanted = select(Generation.id, Generation.message_id, IS_SHARED, HAS_FOLLOW_UP, draft)
    is_active = (Generation.lane == bindparam("lane")) & WHILE_ACTIVE
    return wanted.select_from(Chat).outerjoin(Generation, is_active).where(Chat.id == bindparam("chat"))


def last(message_id: str) -> tuple[Chat, Message, list[Generation], Beside] | None:
    """The last message of a chat with its generations, where nothing is being written and it has no other versions."""
    session = db.session()
    if not (found := LAST.all(session, {"message": message_id})):
        return None
    chat, message = rows.read_beside(session, found[0], Chat, Message)
    generations = [rows.read(session, Generation, dict(zip(NAMES, row[-len(NAMES) :], strict=True))) for row in found]
    return chat, message, generations, Beside(None, None, found[0].is_shared, found[0].has_follow_up, None)


def _last_statement() -> Select[Any]:
    version, active = aliased(Message), aliased(Generation)
    is_version = version.parent_id == Message.parent_id, version.id != Message.id, version.deleted_at.is_(None)
    is_active = active.lane == literal(topic_names.of_chat("")) + Chat.id, active.status.in_(WORDS_OF_INDEX)
    around = IS_SHARED.label("is_shared"), HAS_FOLLOW_UP.label("has_follow_up")
    wanted = select(rows.table(Chat), rows.table(Message), *around, *ALL_BUT_PROMPT).select_from(Message)
    wanted = wanted.join(Chat, Chat.head_id == Message.id)
    wanted = wanted.join(Generation, Generation.message_id == Message.id).order_by(Generation.id)
    alone = ~select(version.id).where(*is_version).exists(), ~select(active.id).where(*is_active).exists()
    return wanted.where(Message.id == bindparam("message"), Message.deleted_at.is_(None), *alone)


# Made once: to put them together costs more than to run them.
BESIDE, LAST = Ready(_beside_statement()), Ready(_last_statement())
NAMES = [column.name for column in ALL_BUT_PROMPT]
