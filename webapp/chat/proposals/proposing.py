"""Proposes facts after an answer: a model reads what the person wrote, and what it finds there waits for them, or is kept.

The material is the person's own message alone, without what they attached or quoted, so that no text of others becomes a fact.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base import changes, topic_names
from webapp.base.db import db
from webapp.base.errors import AppError
from webapp.base.heavy.turns import wait_for_turn
from webapp.base.visible_text import one_line
from webapp.chat.facts import scopes, service
from webapp.chat.facts.service import MOST_CHARS, FoundFact
from webapp.chat.facts.tables import Fact
from webapp.chat.prompt.builder import PromptBuilder
from webapp.chat.prompt.built_in import FACTS_KEY
from webapp.chat.proposals.said import REMEMBER, is_private_to_others, may_hold_fact, written
from webapp.chat.record.post_answer import PostAnswer
from webapp.chat.record.tables import Chat, Message
from webapp.engine import side_requests
from webapp.engine.engine import Engine
from webapp.engine.tables import Generation
from webapp.models.connections.models import the_models
from webapp.models.connections.naming import DEMO
from webapp.models.providers.base import ModelRequest, RequestParameters
from webapp.models.upstream.bounded_json import UnreadableJson, load
from webapp.people.accounts.tables import User
from webapp.prompts import active_prompts
from webapp.settings.service import setting
from webapp.streaming.transcript import Transcript

PURPOSE, KEEP = "facts", "keep"
MOST_FACTS, MOST_LISTED, MOST_TOKENS, MOST_REPLY, MOST_PARTS = 3, 50, 600, 20_000, 200
log = logging.getLogger("chat:proposals")
# By generation id. Only in memory, because requests contain text of the chat.
_jobs: dict[str, "ProposalJob"] = {}


@dataclass(slots=True)
class ProposalJob:
    """A request for facts: what the person said, and the facts by whose numbers it can be a contradiction."""

    chat_id: str
    answer_id: str
    said_id: str
    said: str
    person_id: str
    character_id: str | None
    known: Sequence[str]
    has_found: bool = False


def propose_later(engine: Engine, generation: Generation, after: PostAnswer) -> None:
    """Looks for facts in a greenlet of its own, if the message can hold one and its person wants that; without a query."""
    is_meant = generation.status == "completed" and not (generation.is_demo or generation.gateway_id or engine.is_closing)
    is_theirs = after.said_facts and not after.is_shared and generation.user_id == after.owner_id
    if is_meant and is_theirs and after.said and after.said_id and may_hold_fact(said := written(after.said)):
        answer_id, said_id, asked = generation.message_id or "", after.said_id, generation.model_asked
        engine.spawn(lambda: _look(engine, answer_id, said_id, said, asked))


def _look(engine: Engine, answer_id: str, said_id: str, said: str, asked: str) -> None:
    """Requests the facts; errors are only logged, since the answer has ended and nothing is lost."""
    wait_for_turn()
    with engine.in_app():
        try:
            _request(answer_id, said_id, said, asked)
        except (AppError, SQLAlchemyError) as error:
            log.info("no facts from %s: %s", said_id, type(error).__name__)


def _request(answer_id: str, said_id: str, said: str, asked: str) -> None:
    message = db.session.get_one(Message, said_id)
    chat, person = db.session.get_one(Chat, message.chat_id), db.session.get_one(User, message.author_id)
    prompt = active_prompts.render(FACTS_KEY)
    model = the_models().writer(str(setting("memory.model")).strip() or prompt.version.model or asked, person.id)
    # What a person says in a scene is their character's, unless they ask for it.
    is_played = bool(chat.character_id) and not REMEMBER.search(said)
    if model.startswith(DEMO) or chat.is_group or is_played or scopes.is_read_elsewhere(chat, person):
        return
    if db.session.scalar(select(Fact.id).where(Fact.message_id == said_id).limit(1)):
        # Another answer to the same message.
        return
    here = Fact.character_id.is_(None) | (Fact.character_id == chat.character_id)
    kept = select(Fact).where(Fact.owner_id == person.id, Fact.project_id.is_(None), Fact.state == "kept", here)
    known = db.session.scalars(kept.order_by(Fact.id.desc()).limit(MOST_LISTED)).all()
    listed = "\n".join(f"{number}. {fact.text}" for number, fact in enumerate(known, 1)) or "Nothing yet."
    text = f"What is remembered:\n{listed}\n\nThe person's message:\n{said.strip()}\n\nJSON:"
    ids = [fact.id for fact in known]
    job = ProposalJob(chat.id, answer_id, said_id, said, person.id, chat.character_id, ids)
    _start(job, _model_request(prompt, model, text))


def _model_request(prompt: active_prompts.RenderedPrompt, model: str, text: str) -> ModelRequest:
    parameters: RequestParameters = {"max_tokens": MOST_TOKENS, **prompt.parameters}
    return PromptBuilder(prompt.sections).build(model, [("user", text)], **parameters)


def _start(job: ProposalJob, request: ModelRequest) -> None:
    side_request = side_requests.SideRequest(PURPOSE, f"{PURPOSE}:{job.chat_id}", job.person_id, request)
    with side_requests.registered(_jobs, side_request.id, job):
        side_requests.request(side_request)


def found_in(reply: str, said: str, known: Sequence[str]) -> Iterator[FoundFact]:
    """Yields what a model's reply proposes, as far as its quotes stand in what was said and it is no one else's matter. Pure."""
    begin, end = reply.find("{"), reply.rfind("}")
    try:
        replied = load(reply[begin : end + 1] if 0 <= begin < end < MOST_REPLY else "", most_parts=MOST_PARTS)
    except UnreadableJson:
        return
    entries = replied.get("facts") if isinstance(replied, dict) else None
    for entry in entries[:MOST_FACTS] if isinstance(entries, list) else ():
        if isinstance(entry, dict) and (fact := _found(entry, said, known)):
            yield fact


def _found(entry: dict[str, Any], said: str, known: Sequence[str]) -> FoundFact | None:
    text, quote, number = entry.get("text"), entry.get("quote"), entry.get("contradicts")
    if not isinstance(text, str) or not isinstance(quote, str) or not quote.strip() or not 0 < len(text.strip()) <= MOST_CHARS:
        return None
    start, sentence = said.find(quote := quote.strip()), one_line(text, MOST_CHARS)
    if start < 0 or not sentence or is_private_to_others(sentence) or is_private_to_others(quote):
        return None
    contradicts = known[number - 1] if isinstance(number, int) and 1 <= number <= len(known) else None
    return FoundFact(sentence, quote, start, contradicts)


def _finish(session: Session, generation: Generation, transcript: Transcript, _projection: object) -> None:
    """Stores what was found with the end of the request, unless the chat or its person's wish has changed since."""
    job = _jobs.get(generation.id)
    if not job or generation.status != "completed":
        return
    facts = list(found_in(transcript.text, job.said, job.known))
    wish = _wish(session, job) if facts else ""
    if not wish:
        return
    count = service.propose(
        session,
        list(_with_facts_there(session, facts)),
        owner_id=job.person_id,
        character_id=job.character_id,
        is_kept=wish == KEEP,
        source_kind="message",
        message_id=job.said_id,
    )
    if count:
        counted = update(Message).where(Message.id == job.answer_id).values(proposal_count=count)
        session.execute(counted.execution_options(synchronize_session=False))
        job.has_found = True


def _with_facts_there(session: Session, facts: Sequence[FoundFact]) -> Iterator[FoundFact]:
    """Yields what was found; what contradicts a fact that was forgotten since contradicts nothing."""
    ids = {fact.contradicts_id for fact in facts if fact.contradicts_id}
    # None of them is deleted before this transaction ends.
    locked = select(Fact.id).where(Fact.id.in_(ids)).with_for_update(read=True, key_share=True)
    there = set(session.scalars(locked)) if ids else set[str]()
    yield from (fact if fact.contradicts_id in there else replace(fact, contradicts_id=None) for fact in facts)


def _wish(session: Session, job: ProposalJob) -> str:
    """Returns how the person wants facts to be proposed, empty if the message or the chat is no longer theirs as it was."""
    query = select(User.facts, Message.content).join(Chat, Chat.owner_id == User.id).join(Message, Message.chat_id == Chat.id)
    query = query.where(Message.id == job.said_id, Message.deleted_at.is_(None), Chat.deleted_at.is_(None))
    query = query.where(Chat.character_id.is_not_distinct_from(job.character_id))
    row = session.execute(query.where(Chat.is_forgotten.is_(False), User.id == job.person_id, User.facts != "off")).first()
    return row.facts if row and written(row.content).startswith(job.said) else ""


def _changed(generation: Generation) -> None:
    job = _jobs.pop(generation.id, None)
    if job and job.has_found:
        changes.notify(topic_names.of_chat(job.chat_id), "message", job.answer_id)


FACTS = side_requests.kind(PURPOSE, "Facts", _finish, _changed)
