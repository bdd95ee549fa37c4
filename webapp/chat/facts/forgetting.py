"""Forgets a fact: its sentence leaves recorded prompts and folds, and a signed receipt says what still has it."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, and_, cast, delete, or_, select, true, update
from sqlalchemy.orm import Session

from webapp.base.database.log_file import truncate_log
from webapp.base.db import db, write
from webapp.base.errors import NotFound
from webapp.base.heavy import bounded
from webapp.base.heavy.turns import queue_for_turn
from webapp.chat.facts.queries import sources_of
from webapp.chat.facts.remembered import FORGOTTEN, without_facts, without_words
from webapp.chat.facts.tables import Fact, FactUse
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message, Project, Story
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import User
from webapp.people.members.service import Departure
from webapp.people.receipts import service as receipts
from webapp.people.things.thing import Removal

# What is counted in a receipt.
REMOVED = ("facts", "other facts with the same sentence", "copies in recorded prompts", "copies in folds")
# What is shorter would be found everywhere. Of messages that say it, a receipt lists the newest.
LEAST_CHARS, MOST_STILL_IN, AT_ONCE, MOST_SEARCHED = 5, 200, 20, 40
SAYING = Message.content, Message.reasoning


class ForgottenSentence(NamedTuple):
    """The facts that go, all with one sentence; its words, and those of its source."""

    fact_ids: Sequence[str]
    words: Sequence[str]


def receipt_for(facts: Sequence[Fact], *, by: User, finish: Callable[[Session], None]) -> dict[str, Any]:
    """Deletes a fact, the first of these, and others with the same sentence wherever they stand; returns the receipt.

    In pieces, so that other requests continue; `finish` belongs to the last one's transaction.
    """
    sources, by_id = sources_of(by, facts).values(), by.id
    said = dict.fromkeys((*(fact.text for fact in facts), *(source.text[source.start : source.end] for source in sources)))
    words = [words for words in said if len(words.strip()) >= LEAST_CHARS]
    going = ForgottenSentence([fact.id for fact in facts], words)
    source_ids, pattern = [source.message_id for source in sources], _pattern(words)
    folds = sum(_take_from_fold(id, pattern) for id in _fold_ids(going, by_id))
    copy_ids = _take_from_folded(going, pattern, by_id)
    still_in, since = _still_saying(going.words, by_id, source_ids), min(fact.created_at for fact in facts)
    done = _take_from_prompts(going)
    with write() as session:
        # First, as it locks the person, which an answer that is given one does before that.
        finish(session)
        # Those of answers that were given it since.
        _take_from_those(session, going, [id for id in session.scalars(_uses(going)) if id not in done])
        answer_ids = session.scalars(_uses(going).where(Generation.message_id.is_not(None))).all()
        gone = session.scalars(_quietly(delete(Fact).where(Fact.id.in_(going.fact_ids)).returning(Fact.id))).all()
        if going.fact_ids[0] not in gone:
            raise NotFound("There is no such fact.")
        counts = zip(REMOVED, (1, len(gone) - 1, len(copy_ids.union(answer_ids)), folds), strict=True)
        removed = [(what, count) for what, count in counts if count]
        places: dict[str, Any] = {"answer_ids": answer_ids, "still_in": still_in, "since": since}
        receipt = receipts.give(session, kind="fact", person_id=by_id, by=by_id, removed=removed, **places)
    truncate_log()
    return receipt


def forget_in_prompts(condition: ColumnElement[bool]) -> None:
    """Takes the sentences of facts from all prompts that had them, before they are deleted with a person or a thing."""
    rows = db.session.execute(select(Fact.id, Fact.text).where(condition, Fact.id.in_(select(FactUse.fact_id)))).all()
    if rows:
        _take_from_prompts(ForgottenSentence([row.id for row in rows], [row.text for row in rows]))


def _take_from_prompts(going: ForgottenSentence) -> set[str]:
    """Takes the sentence from all recorded prompts that had it, in pieces; returns their generations' ids.

    Their uses stay, so that a receipt can name them, also where the process ended in between.
    """
    ids = bounded.column(_uses(going))
    for start in range(0, len(ids), AT_ONCE):
        with write() as session:
            _take_from_those(session, going, ids[start : start + AT_ONCE])
        queue_for_turn()
    return {*ids}


def _uses(going: ForgottenSentence) -> Select[str]:
    uses = select(FactUse.generation_id).join(Generation, Generation.id == FactUse.generation_id)
    return uses.where(FactUse.fact_id.in_(going.fact_ids)).distinct().order_by(FactUse.generation_id)


def _take_from_those(session: Session, going: ForgottenSentence, ids: Sequence[str]) -> None:
    prompts = select(Generation.id, Generation.prompt).where(Generation.id.in_(ids)).with_for_update()
    for id, prompt in session.execute(prompts).all():
        given = session.scalars(select(FactUse.fact_id).where(FactUse.generation_id == id).order_by(FactUse.fact_id)).all()
        changed = without_facts(prompt, given, going.fact_ids, going.words)
        if changed != prompt:
            session.execute(_quietly(update(Generation).where(Generation.id == id).values(prompt=changed)))


def _take_from_folded(going: ForgottenSentence, pattern: re.Pattern[str], by_id: str) -> set[str]:
    """Takes the sentence from the recorded prompts that have it from a fold; returns their generations' ids."""
    changed = set[str]()
    for ids in _in_folded(going, by_id):
        with write() as session:
            prompts = select(Generation.id, Generation.prompt).where(Generation.id.in_(ids)).with_for_update()
            for id, prompt in session.execute(prompts).all():
                if (without := without_words(prompt, pattern)) != prompt:
                    session.execute(_quietly(update(Generation).where(Generation.id == id).values(prompt=without)))
                    changed.add(id)
        queue_for_turn()
    return changed


def _in_folded(going: ForgottenSentence, by_id: str) -> Iterator[Sequence[str]]:
    """Yields in pieces the generations whose prompts can have it from a fold, which can have another text by now, or be gone."""
    chats = bounded.column(_chats(going, by_id).where(Chat.fold_count > 0)) if going.words else []
    for start in range(0, len(chats), AT_ONCE):
        prompts = select(Generation.id).join(Message, Message.id == Generation.message_id)
        prompts = prompts.where(Message.chat_id.in_(chats[start : start + AT_ONCE]))
        ids = bounded.column(prompts.where(_can_say(going.words, cast(Generation.prompt, Text))))
        yield from (ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE))


def _quietly(statement: Any) -> Any:
    return statement.execution_options(synchronize_session=False)


def _chats(going: ForgottenSentence, by_id: str) -> Select[str]:
    """Selects the person's chats, and those where an answer was given it."""
    given = select(Message.chat_id).join(Generation, Generation.message_id == Message.id)
    given = given.join(FactUse, FactUse.generation_id == Generation.id).where(FactUse.fact_id.in_(going.fact_ids))
    return select(Chat.id).where(or_(Chat.owner_id == by_id, Chat.id.in_(given)))


def _fold_ids(going: ForgottenSentence, by_id: str) -> list[str]:
    """Finds the folds that can quote it."""
    folds = select(Story.id).where(Story.chat_id.in_(_chats(going, by_id)), _can_say(going.words, Story.text))
    return bounded.column(folds) if going.words else []


def _take_from_fold(id: str, pattern: re.Pattern[str]) -> bool:
    count = 0
    with write() as session:
        if fold := session.get(Story, id, with_for_update=True):
            fold.text, count = pattern.subn(FORGOTTEN, fold.text)
    queue_for_turn()
    return bool(count)


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Returns what finds these words in a text, whatever blanks are between them; the longest first."""
    ways = "|".join(r"\s+".join(map(re.escape, part.split())) for part in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{ways})(?!\w)", re.IGNORECASE)


def _can_say(words: Sequence[str], column: Any) -> ColumnElement[bool]:
    """Matches texts in which the pattern can be found, by letters that are the same in every database, stored as JSON or not."""
    letters = (re.findall(r"[a-z0-9]+", part, re.IGNORECASE | re.ASCII)[:MOST_SEARCHED] for part in words)
    return or_(*(and_(true(), *map(column.icontains, some)) for some in letters))


def _still_saying(words: Sequence[str], by_id: str, source_ids: Sequence[str]) -> list[str]:
    """Finds the messages in the person's chats, and their own in others', that still say it; also those in the trash."""
    is_theirs = or_(Message.chat_id.in_(select(Chat.id).where(Chat.owner_id == by_id)), Message.author_id == by_id)
    # As it was written, and as it is quoted in one line.
    ways = {*words, *(" ".join(part.split()) for part in words)}
    says = or_(Message.id.in_(source_ids), *(column.icontains(way, autoescape=True) for way in ways for column in SAYING))
    query = select(Message.id).where(is_theirs, says).order_by(Message.id.desc()).limit(MOST_STILL_IN)
    return bounded.column(query)


def _those_there(person: User, ids: Sequence[str]) -> list[receipts.SayingMessage]:
    query = select(Message, Chat).join(Chat, Chat.id == Message.chat_id).where(Message.id.in_(ids), Chat.owner_id == person.id)
    rows = db.session.execute(query.order_by(Message.id.desc())).all()
    in_trash = queries.deleted_among([message.id for message, _ in rows])
    return [
        receipts.SayingMessage(
            message.id,
            message.created_at,
            f"/messages/{message.id}/delete" if message.parent_id else f"/chats/{chat.id}/delete",
            is_first=not message.parent_id,
            is_in_trash=bool(chat.deleted_at) or message.id in in_trash,
        )
        for message, chat in rows
    ]


def _forget_with(person_id: str) -> None:
    theirs = Fact.project_id.in_(select(Project.id).where(Project.owner_id == person_id))
    forget_in_prompts(or_(Fact.owner_id == person_id, theirs))


def _forget_with_things(kind: str, ids: Sequence[str]) -> None:
    column = {"project": Fact.project_id, "character": Fact.character_id}.get(kind)
    if column is not None:
        forget_in_prompts(column.in_(ids))


DEPARTURE, REMOVAL = Departure(erase=_forget_with), Removal(_forget_with_things)
SAYING_MESSAGES = receipts.SayingMessages(_those_there)
