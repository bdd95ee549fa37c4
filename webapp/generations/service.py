"""What can be done with generations: queue, start, stop, and write their end."""

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.accounts.tables import User
from webapp.errors import Busy, TooMany, Unavailable
from webapp.extensions import db, utc_now, write
from webapp.generations import costs, fence
from webapp.generations.figures import Limited
from webapp.generations.ladder import Ladder, Limits, Rung
from webapp.generations.models import providers
from webapp.generations.tables import ACTIVE, WHILE_ACTIVE, Generation, JournalRow
from webapp.providers.base import ModelRequest
from webapp.settings.service import setting
from webapp.streaming.broadcaster import Projection
from webapp.streaming.events import TRIED, Saved
from webapp.streaming.outcome import Outcome
from webapp.streaming.run import Abandoned, Run
from webapp.streaming.topics import Entry
from webapp.streaming.transcript import Transcript

if TYPE_CHECKING:
    from webapp.generations.engine import Engine, Source

# Made once, as every question asks: to put them together costs more than to run them.
SENT_AS = select(Generation).where(Generation.sent_as == bindparam("name"))
RUNNING_IN = select(Generation).where(Generation.lane == bindparam("lane"), WHILE_ACTIVE)
AT_ONCE = "{} answers are being written for you already. Wait for one to end, or stop it."


def sent_as(sender: str, key: str, body: str) -> str | None:
    """One sending, named: the same person, key and text give the same name; without a key there is none."""
    return hashlib.sha256("\0".join((sender, key, body)).encode()).hexdigest() if key else None


def sent_before(name: str | None) -> Generation | None:
    """The generation that this very sending has already begun."""
    return db.session.scalar(SENT_AS, {"name": name}) if name else None


def running_in(lane: str) -> Generation | None:
    """The one active generation of a lane."""
    return db.session.scalar(RUNNING_IN, {"lane": lane})


def refuse_if_busy(lane: str) -> None:
    if running := running_in(lane):
        raise Busy("An answer is already being written here. Wait for its end, or stop it.", generation=running.id)


def refuse_if_too_many(engine: "Engine", person: str) -> None:
    """Refuses what is too much for this server, or for one person, and says how long to wait."""
    if engine.max_streams and len(engine.live) >= engine.max_streams:
        engine.tell(Limited("server_full"))
        raise Unavailable("All places for answers are taken at the moment. Please try again in a few seconds.", retry_after=5)
    most = int(setting("limits.concurrent_streams"))
    if most and sum(live.person == person for live in engine.live.values()) >= most:
        engine.tell(Limited("concurrent"))
        raise TooMany(AT_ONCE.format(most), retry_after=5)
    if wait_seconds := _wait_seconds(engine, person):
        engine.tell(Limited("per_minute"))
        raise TooMany(f"That is too fast. Please try again in {wait_seconds} s.", retry_after=wait_seconds)


def refuse_one_too_many(engine: "Engine", session: Session, generation: Generation) -> None:
    """The same inside the transaction that begins it: of two that come in the same moment, the second sees the first."""
    most, person = int(setting("limits.concurrent_streams")), generation.user_id
    if not most or not person:
        return
    session.flush()
    # Held until the end; whoever else is about to begin something for this person waits here.
    session.execute(select(User.id).where(User.id == person).with_for_update(key_share=True))
    others = select(func.count()).where(WHILE_ACTIVE, Generation.user_id == person, Generation.id != generation.id)
    if (session.scalar(others) or 0) >= most:
        engine.tell(Limited("concurrent"))
        raise TooMany(AT_ONCE.format(most), retry_after=5)


def ladder(engine: "Engine", request: ModelRequest, *, is_whole: bool = False) -> Ladder:
    """The request with everything that is tried when its model fails; `is_whole` asks for the answer in one piece."""
    known = providers()
    limits = Limits(
        first_byte=float(setting("stream.first_byte_seconds")),
        ladder=float(setting("stream.ladder_seconds")),
        total=float(setting("stream.total_seconds")),
        is_streaming=bool(setting("stream.enabled")) and not is_whole,
    )
    chain = known.chain(request.model)
    # Whether this person may have the demo answer was asked before it was queued.
    provided = ((model, known.of(model, for_visitor=True)) for model in chain)
    rungs = [Rung(model, each, known.name_of(model), known.takes_schema(model)) for model, each in provided]
    return Ladder(
        request,
        rungs,
        limits,
        circuits=engine.circuits,
        signal=engine.signal,
        now=engine.now,
        jitter=random.random,
        tell=engine.tell,
    )


def start(
    engine: "Engine",
    generation: Generation,
    request: ModelRequest,
    *,
    wrap: "Callable[[Source], Source]" = lambda source: source,
    is_whole: bool = False,
) -> None:
    """Sets a committed generation going; returns at once. `wrap` may change what the ladder gives on its way."""
    id = generation.id
    engine.begin()
    source = wrap(ladder(engine, request, is_whole=is_whole))
    engine.start(generation, source, lambda run, outcome: _save(engine, id, run, outcome))


def stop(engine: "Engine", generation: Generation) -> None:
    """Stores the wish to end it, and acts on it at once where it runs here; asking twice changes nothing."""
    id = generation.id
    if live := engine.live.get(id):
        # First: nothing more is paid for, though the database may take nothing at the moment.
        live.run.stop.ask("user")
    try:
        with write() as session:
            session.execute(
                update(Generation)
                .where(Generation.id == id, Generation.status.in_(ACTIVE), Generation.stop_requested_at.is_(None))
                .values(stop_requested_at=utc_now())
                .execution_options(synchronize_session=False)
            )
    except (Unavailable, SQLAlchemyError):
        # Its own end is saved as soon as anything can be.
        if not live:
            raise


def settle_orphan(engine: "Engine", generation: Generation, entries: list[Entry], outcome: Outcome) -> None:
    """Writes the end of a generation that no longer runs anywhere, from what it is known to have said."""
    transcript, projection = Transcript(), engine.projection_of(generation)
    for entry in entries:
        transcript.fold(entry.event)
        for _ in projection.fold(entry):
            engine.pause(0)
    _settle(engine, generation.id, generation.owner, transcript, projection, outcome, {})


def _wait_seconds(engine: "Engine", person: str) -> int:
    if not (per_minute := int(setting("limits.streams_per_minute"))):
        return 0
    engine.rates.burst, engine.rates.seconds = int(setting("limits.streams_burst")), 60 / per_minute
    return ceil(engine.rates.take(person))


def _save(engine: "Engine", id: str, run: Run, outcome: Outcome) -> list[Saved]:
    with engine.in_app():
        generation = db.session.get(Generation, id)
        # It is gone with its chat when that was deleted meanwhile: there is nothing left to save it in.
        if not generation or not (broadcast := engine.broadcast(generation)):
            raise Abandoned(id)
        broadcast.catch_up()
        return _settle(engine, id, engine.worker.id, run.transcript, broadcast.projection, outcome, _times(engine, run))


def _settle(
    engine: "Engine",
    id: str,
    owner: str,
    transcript: Transcript,
    projection: Projection,
    outcome: Outcome,
    times: dict[str, Any],
) -> list[Saved]:
    for _ in projection.finish():
        engine.pause(0)
    with write(keeps=True) as session:
        generation = fence.settle(session, id, owner, {**_end(transcript, outcome), **times})
        is_new = generation is not None
        # What failed behind the commit of an earlier try, or lost its answer, is saved: it has only to be announced.
        generation = generation or fence.settled(session, id, owner)
        if not generation:
            raise Abandoned(id)
        kind = engine.kinds[generation.kind]
        if is_new:
            kind.finish(session, generation, transcript, projection)
        session.execute(delete(JournalRow).where(JournalRow.generation_id == id))
    kind.changed(generation)
    costs.settle_later(engine, generation)
    return kind.saved(generation)


def _end(transcript: Transcript, outcome: Outcome) -> dict[str, Any]:
    usage, started = transcript.usage, transcript.started
    return {
        "status": outcome.status,
        "reason": outcome.reason,
        "error": outcome.failure.message if outcome.failure else "",
        "ended_at": utc_now(),
        "notices": [asdict(notice) for notice in transcript.notices if notice.code != TRIED],
        "attempts": [json.loads(notice.detail) for notice in transcript.notices if notice.code == TRIED],
        "provider": started.provider if started else "",
        "model_used": _served(transcript),
        "is_demo": bool(started and started.demo) or any(notice.code == "demo_fallback" for notice in transcript.notices),
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cost": usage.cost if usage else None,
        "upstream_id": usage.upstream_id if usage else "",
    }


def _served(transcript: Transcript) -> str:
    served = transcript.usage.model if transcript.usage else ""
    return served or (transcript.started.model if transcript.started else "")


def _times(engine: "Engine", run: Run) -> dict[str, Any]:
    # Durations are measured by the monotonic clock and laid back from now, so a clock that jumps does not spoil them.
    now, wall = engine.now(), utc_now()
    first = run.first_text_at
    return {
        "started_at": wall - timedelta(seconds=now - run.started_at),
        "first_text_at": wall - timedelta(seconds=now - first) if first is not None else None,
    }


def queue(session: Session, **values: Any) -> Generation:
    """A generation to be started when the transaction is committed."""
    generation = Generation(**values)
    session.add(generation)
    return generation
