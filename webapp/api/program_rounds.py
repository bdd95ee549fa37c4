"""What providers want back with calls that programs make: signatures and reasoning, for which OpenAI's format has no place.

A program sends its calls again with their results, unchanged. By these, what the provider wants back is found again: for a day,
and for its person alone.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
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

log = logging.getLogger("api:rounds")
KEPT_FOR = timedelta(days=1)
# Of one round, in characters, and how many rounds a person has; earlier ones in a conversation are not looked up.
MOST_CHARS, MOST_ROUNDS, MOST_LOOKED_UP = 256_000, 200, 100
EXPIRE_SECONDS = 900.0


class ProgramRound(Base):
    """What a provider wants back with a round of calls; the id is a hash of the person and the calls."""

    __tablename__ = "program_rounds"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kept: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


def keep(engine: Engine, user_id: str, calls: Sequence[ToolCall], kept: str) -> None:
    """Keeps what the provider wants back with these calls; without it, some models only answer worse, so a failure is none."""
    if not kept or len(kept) > MOST_CHARS:
        return
    newest = select(ProgramRound.id).where(ProgramRound.user_id == user_id).order_by(ProgramRound.created_at.desc())
    try:
        with engine.in_app(), write(skips_queue=True) as session:
            session.merge(ProgramRound(id=_id(user_id, calls), user_id=user_id, kept=kept, created_at=utc_now()))
            session.flush()
            older = newest.offset(MOST_ROUNDS).limit(MOST_ROUNDS)
            session.execute(delete(ProgramRound).where(ProgramRound.id.in_(session.scalars(older).all())))
        with engine.in_app():
            wake()
    except (SQLAlchemyError, Unavailable) as error:
        log.warning("what belongs to calls of a program could not be kept: %s", type(error).__name__)


def restored(user_id: str, turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Returns the turns with what their providers want back, as far as it is kept."""
    ids = {place: _id(user_id, turn.calls) for place, turn in enumerate(turns) if turn.calls}
    if not ids:
        return tuple(turns)
    looked_up = list(ids.values())[-MOST_LOOKED_UP:]
    query = select(ProgramRound.id, ProgramRound.kept).where(ProgramRound.id.in_(looked_up))
    kept = dict(iter(db.session.execute(query.where(ProgramRound.created_at > utc_now() - KEPT_FOR))))
    return tuple(replace(turn, kept=kept.get(ids.get(place, ""), "")) for place, turn in enumerate(turns))


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
