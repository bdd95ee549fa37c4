"""One query for everything about a chat that is needed when an answer in it has ended."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Exists, ScalarSelect, Select, and_, bindparam, case, func, literal_column, or_, select
from sqlalchemy.orm import aliased

from webapp.base.database.statements import Prepared
from webapp.base.db import db
from webapp.chat.record.tables import Chat, FollowUp, Message
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import Grant, User

# A title is generated from the beginning of each text.
READS_CHARS = 1_500
# A fact is found in what a person wrote, and they don't write more.
READS_SAID = 8_000


class PostAnswer(NamedTuple):
    """The chat's state, and the texts for its title: its first complete answer and the two messages before that.

    The texts are None unless the chat still needs a title. `said` is the message that was answered, as far as facts can be
    proposed from it: written by the owner, who wants that (`said_facts`, None if not), in a chat that may be remembered.
    `prompt` is the recorded one, where it says more than the count of tokens: None if there is one, and no fold.
    """

    chat_id: str
    owner_id: str | None
    title: str
    is_temporary: bool
    is_shared: bool
    has_follow_up: bool
    is_remembered: bool
    prompt_key: str
    prompt: dict[str, Any] | None
    answer: str | None
    question: str | None
    greeting: str | None
    said_id: str | None
    said: str | None
    said_facts: str | None


def post_answer_state(generation: Generation) -> PostAnswer | None:
    """Queries the current state: a queued follow-up message can be stored while the end of the answer is being written."""
    row = POST_ANSWER.first(
        db.session(), {"message": generation.message_id, "itself": generation.id, "ended_at": generation.ended_at}
    )
    return PostAnswer(*row) if row else None


def _post_answer_statement() -> Select[*tuple[Any, ...]]:
    answer, question, greeting = aliased(Message), aliased(Message), aliased(Message)
    is_first = and_(question.role == "user", or_(question.parent_id.is_(None), _is_greeting(greeting)))
    is_kept = and_(Chat.owner_id.is_not(None), Chat.is_temporary.is_(False), Chat.deleted_at.is_(None))
    is_unnamed = and_(is_kept, Chat.title_is_own.is_(False), answer.content != "", is_first, ~_has_completed())
    texts = (case((is_unnamed, func.substr(message.content, 1, READS_CHARS))) for message in (answer, question, greeting))
    wanted = select(User.facts).where(User.id == Chat.owner_id, User.facts != "off").correlate(Chat).scalar_subquery()
    is_own = and_(question.role == "user", question.author_id == Chat.owner_id, question.outside == "")
    is_said = and_(is_kept, Chat.is_forgotten.is_(False), is_own)
    said = (case((is_said, part)) for part in (question.id, func.substr(question.content, 1, READS_SAID), wanted))
    about = Chat.id, Chat.owner_id, Chat.title, Chat.is_temporary, IS_SHARED, HAS_FOLLOW_UP, IS_REMEMBERED
    query = select(*about, Chat.prompt_key, _needed_prompt(), *texts, *said)
    query = query.select_from(answer).join(Chat, Chat.id == answer.chat_id)
    query = query.outerjoin(question, question.id == answer.parent_id).outerjoin(greeting, greeting.id == question.parent_id)
    return query.where(answer.id == bindparam("message"))


def _needed_prompt() -> ScalarSelect[Any]:
    is_needed = or_(Chat.fold_count > 0, func.coalesce(Generation.input_tokens, 0) == 0)
    query = select(Generation.prompt).where(Generation.id == bindparam("itself"), is_needed)
    return query.correlate(Chat).scalar_subquery()


def _has_completed() -> Exists:
    """Matches chats where another answer to a first message was complete before this generation ended."""
    greeting, first, answered = aliased(Message), aliased(Message), aliased(Message)
    query = select(Generation.id).join(answered, answered.id == Generation.message_id).join(first, first.id == answered.parent_id)
    query = query.outerjoin(greeting, greeting.id == first.parent_id)
    query = query.where(or_(first.parent_id.is_(None), _is_greeting(greeting)), first.role == "user")
    # Imported ones can lack the time of their end.
    is_earlier = func.coalesce(Generation.ended_at, Generation.created_at) < bindparam("ended_at")
    query = query.where(
        first.chat_id == Chat.id, Generation.id != bindparam("itself"), Generation.status == "completed", is_earlier
    )
    return query.correlate(Chat).exists()


def _is_greeting(message: Any) -> ColumnElement[bool]:
    """Matches a character's opening message, which no model generated. In a group every character can have one."""
    ran = select(Generation.id).where(Generation.message_id == message.id).correlate(message).exists()
    is_first = or_(message.parent_id.is_(None), and_(message.speaker_name != "", ~ran))
    return and_(message.role == "assistant", is_first)


# With the table's name in the text: in the RETURNING clause of an UPDATE on SQLite, SQLAlchemy omits table names, and a bare
# `id` would be that of grants.
_IS_GRANTED = select(Grant.id).where(Grant.object_kind == "chat", Grant.object_id == literal_column("chats.id")).exists()
IS_SHARED = or_(_IS_GRANTED, literal_column("chats.is_for_project"))
HAS_FOLLOW_UP = select(FollowUp.id).where(FollowUp.chat_id == Chat.id).correlate(Chat).exists()
IS_REMEMBERED = (
    select(User.id).where(User.id == Chat.owner_id, User.remembers_since.is_not(None)).correlate(Chat).exists()
    & ~Chat.is_forgotten
)
# Compiled once: building the statement costs more than running it.
POST_ANSWER = Prepared(_post_answer_statement())
