"""What can be done with generations: queue, start, stop, and write their end."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp.errors import Busy, TooMany
from webapp.extensions import db, utc_now, write
from webapp.generations import fence
from webapp.generations.tables import ACTIVE, Generation, JournalRow
from webapp.streaming.broadcaster import Projection
from webapp.streaming.events import Event, Saved
from webapp.streaming.outcome import Outcome
from webapp.streaming.run import Abandoned, Run
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Entry
from webapp.streaming.transcript import Transcript

if TYPE_CHECKING:
    from webapp.generations.engine import Engine


def sent_as(sender: str, key: str, body: str) -> str | None:
    """One sending, named: the same person, key and text give the same name; without a key there is none."""
    return hashlib.sha256("\0".join((sender, key, body)).encode()).hexdigest() if key else None


def sent_before(name: str | None) -> Generation | None:
    """The generation that this very sending has already begun."""
    return db.session.scalar(select(Generation).where(Generation.sent_as == name)) if name else None


def running_in(lane: str) -> Generation | None:
    """The one active generation of a lane."""
    return db.session.scalar(select(Generation).where(Generation.lane == lane, Generation.status.in_(ACTIVE)))


def refuse_if_busy(lane: str) -> None:
    if running := running_in(lane):
        raise Busy("An answer is already being written here. Wait for its end, or stop it.", generation=running.id)


def refuse_if_full(engine: "Engine") -> None:
    if engine.max_streams and len(engine.live) >= engine.max_streams:
        raise TooMany("All places for answers are taken at the moment. Please try again in a few seconds.", retry_after=5)


def start(engine: "Engine", generation: Generation, events: Callable[[Stop], Iterator[Event]]) -> None:
    """Sets a committed generation going; returns at once."""
    id = generation.id
    engine.begin()
    engine.start(generation, events, lambda run, outcome: _save(engine, id, run, outcome))


def stop(engine: "Engine", generation: Generation) -> None:
    """Stores the wish to end it, and acts on it at once where it runs here; asking twice changes nothing."""
    with write() as session:
        session.execute(
            update(Generation)
            .where(Generation.id == generation.id, Generation.status.in_(ACTIVE), Generation.stop_requested_at.is_(None))
            .values(stop_requested_at=utc_now())
            .execution_options(synchronize_session=False)
        )
    if live := engine.live.get(generation.id):
        live.run.stop.ask("user")


def settle_orphan(engine: "Engine", generation: Generation, entries: list[Entry], outcome: Outcome) -> None:
    """Writes the end of a generation that no longer runs anywhere, from what it is known to have said."""
    transcript, projection = Transcript(), engine.projection_of(generation)
    for entry in entries:
        transcript.fold(entry.event)
        for _ in projection.fold(entry):
            engine.pause(0)
    _settle(engine, generation.id, generation.owner, transcript, projection, outcome, {})


def _save(engine: "Engine", id: str, run: Run, outcome: Outcome) -> list[Saved]:
    with engine.in_app():
        generation = db.session.get_one(Generation, id)
        if not (broadcast := engine.broadcast(generation)):
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
    projection.finish()
    with write() as session:
        if not fence.settle(session, id, owner, {**_end(transcript, outcome), **times}):
            raise Abandoned(id)
        generation = session.get_one(Generation, id, populate_existing=True)
        kind = engine.kinds[generation.kind]
        saved = kind.finish(session, generation, transcript, projection)
        session.execute(delete(JournalRow).where(JournalRow.generation_id == id))
    kind.changed(generation)
    return saved


def _end(transcript: Transcript, outcome: Outcome) -> dict[str, Any]:
    usage, started = transcript.usage, transcript.started
    return {
        "status": outcome.status,
        "reason": outcome.reason,
        "error": outcome.failure.message if outcome.failure else "",
        "ended_at": utc_now(),
        "notices": [{"code": notice.code, "message": notice.message, "detail": notice.detail} for notice in transcript.notices],
        "provider": started.provider if started else "",
        "model_used": started.model if started else "",
        "is_demo": bool(started and started.demo),
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cost": usage.cost if usage else None,
    }


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
