"""Answers of a chat that can call tools: what they are offered, and the source that they are read from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from webapp.base.db import db
from webapp.chat.calls.choosing import allowed_in, are_offered
from webapp.chat.calls.files import CallFiles
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.live import Source
from webapp.engine.tables import Generation
from webapp.knowledge.tables import Document
from webapp.models.providers.base import ModelRequest
from webapp.people.accounts.tables import User
from webapp.streaming.transcript import Transcript
from webapp.tools import loop
from webapp.tools.built_in.documents import outside_among
from webapp.tools.calls import calls_of
from webapp.tools.fuse import Allowed, Limits, allowed_for
from webapp.tools.ledger import StoredLedger
from webapp.tools.offers import Offer, offers_for

MakeSource = Callable[[ModelRequest], Source]


@dataclass(frozen=True, slots=True)
class AnswerTools:
    """The keys of the tools that one answer is offered; `outside` names where outside text in its prompt came from."""

    keys: Sequence[str] = ()
    outside: tuple[str, ...] = ()


def _offers_in(chat: Chat, person: str, keys: Sequence[str]) -> Sequence[Offer]:
    """Returns those of the tools that an answer for this person can use in the chat."""
    user = db.session.get(User, person) if keys and person and are_offered(chat) else None
    return offers_for(user, keys, allowed_in(chat.id, person)) if user else ()


def _outside_in(request: ModelRequest, person: str) -> tuple[str, ...]:
    """Returns whose passages in the prompt are outside text: those of documents that aren't the person's own."""
    ids = {source["document_id"] for source in request.sources}
    user = db.session.get(User, person) if ids else None
    return tuple(outside_among(user, db.session.scalars(select(Document).where(Document.id.in_(ids))))) if user else ()


def source_with_tools(
    engine: Engine,
    chat: Chat,
    message: Message,
    generation: Generation,
    request: ModelRequest,
    ladder: MakeSource,
    *,
    transcript: Transcript | None = None,
    tools: AnswerTools | None = None,
) -> Source:
    """Returns the source of an answer that is offered tools, or has calls already; any other is read from one ladder.

    The tools are those of the chat unless `tools` says otherwise.
    """
    tools = tools or AnswerTools(chat.tools)
    offers = _offers_in(chat, generation.user_id or "", tools.keys)
    if not (offers or message.call_count):
        return ladder(request)
    calls = calls_of(db.session(), message.id) if message.call_count else ()
    ledger = StoredLedger(engine, message.id, generation.id, calls, request.sources)
    answer = loop.Answer(
        generation.user_id or "",
        chat.id,
        text=message.content,
        collection_ids=tuple(chat.collection_ids),
        outside=(*tools.outside, *_outside_in(request, generation.user_id or "")),
        allowed=allowed_for(db.session(), message.id) if message.call_count else Allowed(),
        files=CallFiles(chat.id, generation.user_id or ""),
    )
    limits = Limits.set(can_wait=engine.kinds[generation.kind].resume is not None)
    turns = request.turns[:-1] if request.is_continuation else request.turns
    prompt = replace(request, turns=turns, is_continuation=False)

    def of_round(request: ModelRequest) -> Source:
        # A round after the first begins outside of the application's context.
        with engine.in_app():
            return ladder(request)

    return loop.ToolRun(engine, answer, prompt, offers, of_round, limits, ledger=ledger, transcript=transcript)
