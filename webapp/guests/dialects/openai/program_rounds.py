"""What belongs to calls that programs make, and has no place in OpenAI's format: signatures and reasoning that the provider wants
back, and the calls of tools of Millrace before and beside them, with what they returned.

A program sends its calls again with their results, unchanged. By these, what belongs to them is found again: for a day, and for
its person alone.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ForeignKey, String, Text, delete, exists, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, db, utc_now, write
from webapp.base.errors import Unavailable
from webapp.engine.chores import Chore
from webapp.engine.engine import Engine
from webapp.models.providers.base import ToolCall, Turn
from webapp.models.providers.calls import object_in
from webapp.streaming.events import SourceRecord
from webapp.tools.calls import CallRecord, turns_of
from webapp.tools.ledger import Ledger
from webapp.tools.offers import Offer

log = logging.getLogger("api:rounds")
KEPT_FOR = timedelta(days=1)
# Of one round, in characters, and how many rounds a person has; earlier ones in a conversation are not looked up.
MOST_CHARS, MOST_ROUNDS, MOST_LOOKED_UP = 256_000, 200, 100
EXPIRE_SECONDS = 900.0
# What is kept of a call of a tool of Millrace.
NAMES = ("round", "number", "upstream_id", "tool", "arguments", "state", "note", "text", "error", "text_at", "kept")
LISTS = ("sources", "outside")


class ProgramRound(Base):
    """What belongs to a round of calls, as JSON; the id is a hash of the person and the calls."""

    __tablename__ = "program_rounds"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kept: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of a program with what belongs to its calls: the sources of earlier calls, and where outside text came from."""

    turns: tuple[Turn, ...]
    sources: tuple[SourceRecord, ...] = ()
    outside: tuple[str, ...] = ()


def keep(engine: Engine, user_id: str, ledger: Ledger, calls: Sequence[ToolCall], kept: str) -> None:
    """Keeps what belongs to these calls. Without it, models answer worse or call again, so a failure is none."""
    own = [{name: getattr(call, name) for name in (*NAMES, *LISTS)} for call in ledger]
    records = (json.dumps([kept, ledger.programs_round, own]), json.dumps([kept, 0, []]))
    record = next((record for record in records if len(record) <= MOST_CHARS), "")
    if not record or not (kept or own):
        return
    newest = select(ProgramRound.id).where(ProgramRound.user_id == user_id).order_by(ProgramRound.created_at.desc())
    try:
        with engine.in_app(), write(skips_queue=True) as session:
            session.merge(ProgramRound(id=_id(user_id, calls), user_id=user_id, kept=record, created_at=utc_now()))
            session.flush()
            older = newest.offset(MOST_ROUNDS).limit(MOST_ROUNDS)
            session.execute(delete(ProgramRound).where(ProgramRound.id.in_(session.scalars(older).all())))
        with engine.in_app():
            wake()
    except (SQLAlchemyError, Unavailable) as error:
        log.warning("what belongs to calls of a program could not be kept: %s", type(error).__name__)


def restored(user_id: str, turns: Sequence[Turn], offers: Sequence[Offer] = ()) -> Conversation:
    """Returns the conversation with what belongs to its calls, as far as it is kept.

    Calls of tools of Millrace are left out for a program that is offered none.
    """
    ids = {place: _id(user_id, turn.calls) for place, turn in enumerate(turns) if turn.calls}
    if not ids:
        return Conversation(tuple(turns))
    looked_up = list(ids.values())[-MOST_LOOKED_UP:]
    query = select(ProgramRound.id, ProgramRound.kept).where(ProgramRound.id.in_(looked_up))
    rounds = dict(iter(db.session.execute(query.where(ProgramRound.created_at > utc_now() - KEPT_FOR))))
    names, whole, own = {offer.tool.key: offer.name for offer in offers}, list[Turn](), list[CallRecord]()
    beside = Turn("tool", "")
    for place, turn in enumerate(turns):
        if turn.role == "tool":
            whole.append(replace(turn, results=(*beside.results, *turn.results)))
            beside = Turn("tool", "")
            continue
        kept, programs_round, calls = _read(rounds.get(ids.get(place, ""), ""))
        if calls and offers:
            own += calls
            *before, turn, beside = _with_own(turn, calls, programs_round, names)
            whole += before
        whole.append(replace(turn, kept=kept) if turn.calls else turn)
    sources = {source["number"]: source for call in own for source in call.sources}
    return Conversation(tuple(whole), tuple(sources.values()), tuple(place for call in own for place in call.outside))


def _read(record: str) -> tuple[str, int, list[CallRecord]]:
    value = json.loads(record or "[]")
    if not isinstance(value, list):
        # From before an upgrade, when only this was kept.
        return record, 0, []
    kept, programs_round, calls = value or ("", 0, [])
    known = [CallRecord(id="", message_id="", generation_id=None, title="", policy="", **call) for call in calls]
    return kept, programs_round, known


def _with_own(turn: Turn, calls: Sequence[CallRecord], programs_round: int, names: dict[str, str]) -> Iterator[Turn]:
    """Yields the rounds before a program's, then this with the calls beside it, in their order, and their results."""
    rounds, rest = turns_of(calls, turn.content, names)
    if not programs_round:
        yield from (*rounds, replace(turn, content=rest), Turn("tool", ""))
        return
    *before, asked, returned = rounds
    merged = list(turn.calls)
    for call, sent in zip([call for call in calls if call.round == programs_round], asked.calls, strict=True):
        merged.insert(call.number, sent)
    yield from (*before, replace(turn, content=asked.content + rest, calls=tuple(merged)), returned)


def expire() -> bool:
    """Deletes what is older than a day; returns whether anything is left."""
    with write() as session:
        session.execute(delete(ProgramRound).where(ProgramRound.created_at <= utc_now() - KEPT_FOR))
        return bool(session.scalar(select(exists().select_from(ProgramRound))))


def _id(user_id: str, calls: Sequence[ToolCall]) -> str:
    """Returns a hash of calls that is the same if a program writes their arguments with other spaces, or in another order."""
    said = [(call.id, call.tool, object_in(call.arguments or "{}") or call.arguments) for call in calls]
    return sha256(json.dumps([user_id, said], sort_keys=True).encode()).hexdigest()


wake = Chore("rounds of programs", expire, every_seconds=EXPIRE_SECONDS).wake
