"""Stores the generations of an answer, or of several side by side, in one transaction, then starts and announces them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Select, String, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.db import write
from webapp.base.errors import Conflict
from webapp.characters.macros.chat_variables import Variables
from webapp.chat.attachments.answer_pictures import with_pictures
from webapp.chat.calls.answering import MakeSource
from webapp.chat.facts.remembered import store_uses
from webapp.chat.folds import making, writing
from webapp.chat.messages import drafts
from webapp.chat.prompt.fold_due import FoldDue
from webapp.chat.prompt.leading import unit_of
from webapp.chat.prompt.recorded_prompt import RecordedPrompt
from webapp.chat.record import announcements, paths
from webapp.chat.record.tables import Chat, Draft
from webapp.chat.record.variables import store_variables
from webapp.engine import generations
from webapp.engine.engine import Engine, the_engine
from webapp.engine.live import EventSource
from webapp.engine.metric_events import Exposed
from webapp.engine.tables import Generation
from webapp.models.providers.base import ModelRequest
from webapp.people.accounts.tables import User
from webapp.prompts import arm_choice

T = TypeVar("T")
# One for each model that answers, as their contexts differ; only a chat that changes all the time needs more.
MOST_FOLDS = 12
CHAT_CHANGED = "This chat has just changed. Please try again."


@dataclass(frozen=True, slots=True)
class PendingGeneration:
    """A generation to be stored for a chat, and its request."""

    chat: Chat
    generation: Generation
    request: ModelRequest
    # As recorded with the generation.
    prompt: RecordedPrompt
    is_shared: bool = True
    # The character that answers.
    speaker_id: str = ""
    # For a new answer: the variables, including those set by its prompt.
    variables: Variables | None = None
    # Makes the source of a request from what makes its ladders, for example one that waits for files.
    source: Callable[[MakeSource, ModelRequest], EventSource] = lambda ladder, request: ladder(request)


@dataclass(frozen=True, slots=True)
class CommittedGeneration:
    """A generation that has been stored, what it will read from, and whom to tell: the people in whose lists its chat is."""

    generation: Generation
    source: EventSource
    chat_id: str
    list_owners: set[str]


def store_and_start(
    store: Callable[[Session], PendingGeneration],
    person: str,
    *,
    lane: str = "",
    sent_as: str | None = None,
    draft: str | None = None,
) -> Generation:
    """Stores the generation in one transaction, then starts it; of two concurrent calls, one is refused or is a repetition.

    `draft` is the id of the chat whose draft is deleted with it.
    """
    return store_and_start_all(lambda session: [store(session)], person, lane=lane, sent_as=sent_as, draft=draft)


def store_and_start_all(
    store: Callable[[Session], list[PendingGeneration]],
    person: str,
    *,
    answers: int = 1,
    lane: str = "",
    sent_as: str | None = None,
    draft: str | None = None,
) -> Generation:
    """Does the same for as many `answers` as stand side by side: all of them are started, or none; returns the first."""
    engine = the_engine()
    with engine.admission.slot(person, lane=lane, answers=answers), generations.recovering_if_not_started(engine):
        try:
            committed = _fold_first(lambda: paths.retry_if_path_too_long(lambda: _stored(engine, store, person, draft)))
        except IntegrityError as error:
            if repeated := generations.generation_of_request(sent_as):
                return repeated
            generations.refuse_if_busy(lane)
            raise Conflict(CHAT_CHANGED) from error
        for answer in committed:
            generations.start(engine, answer.generation, answer.source)
    for answer in committed:
        announcements.notify(answer.chat_id, "message", answer.generation.message_id or "", answer.list_owners)
    return committed[0].generation


def _fold_first(store: Callable[[], T]) -> T:
    """Runs a transaction that builds prompts; if one needs a fold, that is made outside of it, and it runs again.

    If a model is writing one, that is waited for a while.
    """
    until = the_engine().now() + writing.WAIT_SECONDS
    for _ in range(MOST_FOLDS):
        try:
            return store()
        except FoldDue as due:
            if not writing.wait(due.order.chat_id, until - the_engine().now()):
                making.make(due.order)
    raise Conflict(CHAT_CHANGED)


def _stored(
    engine: Engine, store: Callable[[Session], list[PendingGeneration]], person: str, draft: str | None
) -> list[CommittedGeneration]:
    # Autoflush is off because no query in between depends on the new rows, and fewer statements are fewer round trips.
    with write(keeps_loaded=True) as session, session.no_autoflush:
        _lock_person(session, person, draft)
        return [_stored_one(engine, session, pending, person, draft) for pending in store(session)]


def _stored_one(
    engine: Engine, session: Session, pending: PendingGeneration, person: str, draft: str | None
) -> CommittedGeneration:
    generation = pending.generation
    # A visitor's chat belongs to no account.
    generation.user_id = generation.user_id and person
    generations.store_within_limits(engine, session, generation, pending.request, character_id=pending.speaker_id)
    store_uses(session, generation.id, generation.message_id, pending.prompt.facts)
    if pending.variables and person == pending.chat.owner_id:
        store_variables(session, person, pending.variables.shared)
    if not generation.continues_id:
        arms = pending.prompt.versions.arms
        for key, version in arm_choice.store_exposures(session, arms, generation.id, unit_of(pending.chat)):
            engine.emit(Exposed(key, version))
    # Only a message typed on a page ends a draft.
    beats = 1.0 if draft is None else generations.page_beats(engine, generation.lane)
    chat, ladder = pending.chat, partial(generations.source, engine, person=person, beats=beats)
    source = pending.source(with_pictures(ladder, engine, chat.id, generation.user_id or ""), pending.request)
    list_owners = announcements.list_owners(chat.id, chat.owner_id, is_shared=pending.is_shared)
    return CommittedGeneration(generation, source, chat.id, list_owners)


def _lock_person(session: Session, person: str, draft: str | None) -> None:
    """Reads the person's row and deletes the draft; locks the row if concurrent answers are limited.

    The lock serializes a person's requests, so that their answers are counted correctly. A visitor has no row.
    """
    statement = LOCK_PERSON if the_engine().admission.requester.allowances(person)[0].at_once else PERSON
    row = statement.first(session, {"person": person, "draft": draft})
    if not row:
        return
    *values, has_draft = row
    rows.read(session, User, dict(zip(rows.names(User), values, strict=True)))
    if has_draft:
        drafts.drop(session, person, draft or "")


def _person_statement() -> Select[*tuple[Any, ...]]:
    """Selects a person, and whether they have a draft in this chat."""
    user = rows.table(User)
    draft = select(Draft.user_id).where(Draft.user_id == user.c.id, Draft.chat_id == bindparam("draft", type_=String))
    return select(user, draft.correlate(user).exists()).where(user.c.id == bindparam("person"))


PERSON = Prepared(_person_statement())
LOCK_PERSON = Prepared(_person_statement().with_for_update(key_share=True, of=rows.table(User)))
