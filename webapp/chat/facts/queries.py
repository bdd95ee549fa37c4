"""Reads facts: lists of them, the answers that were given one, and where each comes from."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy import ColumnElement, and_, func, or_, select

from webapp.base.db import db
from webapp.chat.facts.scopes import readable
from webapp.chat.facts.tables import Fact, FactUse, ScopeKind, SourceKind
from webapp.chat.record import queries, sharing
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import User
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call

# Of one page, and of the answers that a fact's page lists.
MOST_LISTED, MOST_USES = 1_000, 50
# That are proposed to be forgotten when messages are deleted.
MOST_OF_DELETED = 3
T = TypeVar("T", Call, Chat, Message)
STATES = ("proposed", "kept", "replaced", "refused")


class KnownSource(NamedTuple):
    """Where a fact was read, and the whole text there."""

    kind: SourceKind
    id: str
    start: int
    end: int
    chat_id: str
    message_id: str
    text: str


def in_scope(kind: ScopeKind, id: str) -> ColumnElement[bool]:
    """Returns the condition that a fact holds there; without an id in any of that kind."""
    if kind == "me":
        return Fact.project_id.is_(None) & Fact.character_id.is_(None)
    column = Fact.project_id if kind == "project" else Fact.character_id
    return column == id if id else column.is_not(None)


def is_undecided(said_id: str) -> ColumnElement[bool]:
    """Returns the condition that a fact was found in a message, and its person hasn't decided on it; or it was kept unasked."""
    is_kept_unasked = and_(Fact.state == "kept", Fact.kept_at == Fact.created_at)
    return and_(Fact.message_id == said_id, or_(Fact.state == "proposed", is_kept_unasked))


def proposals(user: User, answer: Message) -> list[tuple[Fact, Fact | None]]:
    """Returns what was proposed after an answer and awaits this person, each with the fact that it contradicts."""
    query = select(Fact).where(is_undecided(answer.parent_id or ""), Fact.owner_id == user.id)
    rows = db.session.scalars(query.order_by(Fact.id)).all()
    return [(row, fact(user, row.contradicts_id) if row.contradicts_id else None) for row in rows]


def facts(
    user: User, *conditions: ColumnElement[bool], words: str = "", before: str = "", limit: int = MOST_LISTED
) -> Sequence[Fact]:
    """Returns the facts that a person reads, the newest first."""
    query = select(Fact).where(readable(user), *conditions)
    query = query.where(*(Fact.text.icontains(word, autoescape=True) for word in words.split()[:20]))
    query = query.where(Fact.id < before) if before else query
    return db.session.scalars(query.order_by(Fact.id.desc()).limit(limit)).all()


def fact(user: User, id: str, *conditions: ColumnElement[bool]) -> Fact | None:
    """Returns a fact that a person reads."""
    return db.session.scalar(select(Fact).where(Fact.id == id, readable(user), *conditions))


def use_counts(facts: Iterable[Fact]) -> dict[str, int]:
    """Returns how many answers were given each fact, by id."""
    query = select(FactUse.fact_id, func.count(Generation.message_id.distinct()))
    query = query.join(Generation, Generation.id == FactUse.generation_id).group_by(FactUse.fact_id)
    return dict(iter(db.session.execute(query.where(FactUse.fact_id.in_([fact.id for fact in facts])))))


def given_to(generations: ColumnElement[bool]) -> Sequence[Fact]:
    """Returns the facts that these generations were given, also those that a person can't read."""
    ids = select(FactUse.fact_id).join(Generation, Generation.id == FactUse.generation_id).where(generations)
    return db.session.scalars(select(Fact).where(Fact.id.in_(ids)).order_by(Fact.id)).all()


def read_by(user: User, facts: Sequence[Fact]) -> list[Fact]:
    """Returns those of these facts that the person reads."""
    query = select(Fact.id).where(Fact.id.in_([fact.id for fact in facts]), readable(user))
    known = set(db.session.scalars(query)) if facts else set()
    return [fact for fact in facts if fact.id in known]


def answers_given(user: User, fact: Fact) -> list[Message]:
    """Returns the newest answers that were given a fact, in chats that the person reads."""
    ids = select(Generation.message_id).join(FactUse, FactUse.generation_id == Generation.id).where(FactUse.fact_id == fact.id)
    query = select(Message).where(Message.id.in_(ids), Message.deleted_at.is_(None)).order_by(Message.id.desc())
    answers = db.session.scalars(query.limit(MOST_USES)).all()
    hidden = queries.deleted_among([answer.id for answer in answers])
    return [answer for answer in answers if answer.id not in hidden and sharing.right_of(queries.chat_of(answer), user)]


def source_of(user: User, fact: Fact) -> KnownSource | None:
    """Returns where a fact was read, as far as that is still there and the person reads it."""
    return sources_of(user, [fact]).get(fact.id)


def sources_of(user: User, facts: Iterable[Fact]) -> dict[str, KnownSource]:
    """Returns the same for several facts, by id, in as many statements as for one, but for the rights in chats of others."""
    facts = [fact for fact in facts if fact.call_id or fact.message_id]
    calls = _by_id(Call, {fact.call_id for fact in facts})
    messages = _by_id(Message, {fact.message_id for fact in facts} | {call.message_id for call in calls.values()})
    chats = _by_id(Chat, {message.chat_id for message in messages.values()})
    hidden, deleted = hidden_results(user, calls.values()), queries.deleted_among(messages)
    readable_ids = {id for id, chat in chats.items() if sharing.right_of(chat, user)}
    sources = dict[str, KnownSource]()
    for fact in facts:
        call = calls.get(fact.call_id or "")
        message = messages.get((call.message_id if call else fact.message_id) or "")
        if message and message.id not in deleted and message.chat_id in readable_ids and not (call and call.id in hidden):
            kind: SourceKind = "call" if call else "message"
            id, text = (call.id, call.text) if call else (message.id, message.content)
            sources[fact.id] = KnownSource(kind, id, fact.quote_start, fact.quote_end, message.chat_id, message.id, text)
    return sources


def _by_id(table: type[T], ids: Collection[str | None]) -> dict[str, T]:
    return {row.id: row for row in db.session.scalars(select(table).where(table.id.in_(ids)))} if ids else {}


def read_in(user: User, ids: Sequence[str]) -> Sequence[Fact]:
    """Returns the newest of the person's facts that were read in these messages, or in what their calls returned."""
    calls = select(Call.id).where(Call.message_id.in_(ids))
    is_read_there = or_(Fact.message_id.in_(ids), Fact.call_id.in_(calls))
    return facts(user, is_read_there, limit=MOST_OF_DELETED)


def may_read(user: User, message: Message) -> bool:
    """Returns whether a message is there and the person reads its chat."""
    return not queries.deleted_among([message.id]) and bool(sharing.right_of(queries.chat_of(message), user))


def records(user_id: str) -> list[dict[str, object]]:
    """Returns the facts that a person wrote, for the archive of everything they have, and to be imported again."""
    rows = db.session.scalars(select(Fact).where(Fact.owner_id == user_id).order_by(Fact.id)).all()
    return [
        {
            "text": row.text,
            "scope": {"kind": row.scope_kind, "id": row.scope_id},
            "state": row.state,
            "since": row.kept_at.isoformat() if row.kept_at else None,
            "source": {"kind": kind, "id": row.call_id or row.message_id or "", "start": row.quote_start, "end": row.quote_end}
            if (kind := row.source_kind)
            else None,
        }
        for row in rows
    ]
