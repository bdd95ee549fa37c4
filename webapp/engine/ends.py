"""How a generation ends in the database: in one transaction, with the picture that its watchers have seen."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from webapp.db import utc_now, write
from webapp.engine import costs, fence, journal
from webapp.engine.engine import Engine, Live
from webapp.engine.kinds import Begun, Kind
from webapp.engine.tables import Generation
from webapp.heavy.turns import give_way, wait_for_turn
from webapp.streaming.broadcaster import Projection
from webapp.streaming.events import TRIED, Saved, Usage
from webapp.streaming.failure import MISTAKES
from webapp.streaming.outcome import Outcome
from webapp.streaming.run import Abandoned, Run
from webapp.streaming.topics import Entry, joined
from webapp.streaming.transcript import Transcript

# From here on an end takes some hundredths of a second.
LONG_CHARS = 200_000
log = logging.getLogger("generation:end")


def settle_orphan(engine: Engine, generation: Generation, entries: list[Entry], outcome: Outcome) -> list[Saved]:
    """Writes the end of a generation that no longer runs anywhere, from what it is known to have said.

    When that fails again and again though the database works, it saves less: first without a picture, then the end alone.
    """
    id, transcript, keeps = generation.id, Transcript(), engine.found.keeps(generation.id)
    for entry in entries:
        transcript.fold(entry.event)
    with _trying(engine, id, SQLAlchemyError, *MISTAKES):
        picture = _made(id, lambda: _folded(engine, generation, entries)) if keeps == "all" else None
        return _settle(
            engine, generation, generation.owner, transcript, picture, _end(engine.kinds[generation.kind], transcript, outcome)
        )


def save(engine: Engine, id: str, run: Run, outcome: Outcome) -> list[Saved]:
    """Writes the end of a generation that runs here, with what its watchers have seen.

    When it is gone with its chat, there is nothing left to save it in.
    """
    wait_for_turn()
    live = engine.live[id]
    with engine.in_app(), _trying(engine, id, *MISTAKES):
        picture = _made(id, lambda: _shared(engine, live)) if engine.found.keeps(id) == "all" else None
        _rest_if_long(run.transcript)
        values = {**_end(engine.kinds[live.kind], run.transcript, outcome), **_times(engine, run)}
        if engine.shared and engine.is_closing:
            # Another worker may go on with it at once.
            values["owner"] = ""
        return _settle(engine, live, engine.worker.id, run.transcript, picture, values)


@contextmanager
def _trying(engine: Engine, id: str, *faults: type[Exception]) -> Iterator[None]:
    """Counts the tries to write an end that fail by a fault of its own, not by that of the database."""
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except faults:
        engine.found.tries[id] += 1
        raise


def _made(id: str, make: Callable[[], Projection | None]) -> Projection | None:
    """A finished picture; nothing where a mistake is in the way, as the text is saved whatever happens to its picture."""
    try:
        return make()
    except MISTAKES:
        log.exception("%s is saved without its picture", id)
        return None


def _shared(engine: Engine, live: Live) -> Projection | None:
    """The picture that its watchers see, or one that nobody has seen grow, unless that is drawn when it is shown."""
    if not engine.is_watched(live.id):
        most_chars = engine.kinds[live.kind].drawn_later_chars
        if not live.text_offset and len(live.run.transcript.text) < most_chars:
            return None
        return _folded(engine, live, joined(engine.topics.read(live.run.topic, 0)))
    if not (broadcast := engine.broadcast(live)):
        raise Abandoned(live.id)
    broadcast.catch_up()
    return None if broadcast.has_failed else _finished(broadcast.projection)


def _folded(engine: Engine, generation: Begun, entries: Iterable[Entry]) -> Projection:
    projection = engine.projection_of(generation)
    for entry in entries:
        for _ in projection.fold(entry):
            give_way()
    return _finished(projection)


def _finished(projection: Projection) -> Projection:
    for _ in projection.finish():
        give_way()
    return projection


def _settle(
    engine: Engine,
    begun: Begun,
    owner: str,
    transcript: Transcript,
    picture: Projection | None,
    values: dict[str, Any],
) -> list[Saved]:
    id, kind = begun.id, engine.kinds[begun.kind]
    has_text = engine.found.keeps(id) != "end"
    with write(keeps=True, has_been_said=True) as session:
        kind.hold(session, begun)
        generation = fence.settle(session, id, owner, values)
        is_new = generation is not None
        # What failed behind the commit of an earlier try, or lost its answer, is saved: it has only to be announced.
        generation = generation or fence.settled(session, id, values.get("owner", owner))
        if not generation:
            raise Abandoned(id)
        if is_new and has_text:
            kind.finish(session, generation, transcript, picture)
        if has_text:
            journal.forget(engine, session, id)
        else:
            journal.keep_rest(engine, session, id)
            log.error("%s could not be saved and locked its place: what it said is left in the journal", id)
        if is_new:
            # Last, as others may wait for what it holds.
            engine.gate.settle(session, generation, transcript)
    _rest_if_long(transcript)
    kind.changed(generation)
    costs.settle_later(engine, generation)
    return kind.saved(generation)


def _rest_if_long(transcript: Transcript) -> None:
    """To finish a long text takes a turn of the loop, to store it another, and to show it a third."""
    if len(transcript.text) + len(transcript.reasoning) > LONG_CHARS:
        give_way()


def _end(kind: Kind, transcript: Transcript, outcome: Outcome) -> dict[str, Any]:
    usage = transcript.usage or Usage()
    # The record of an aside stays when what it is about is gone, so it holds no words.
    words = {} if kind.is_aside else _words(transcript, outcome)
    return {
        "status": outcome.status,
        "reason": outcome.reason,
        "ended_at": utc_now(),
        "provider": transcript.provider,
        "model_used": transcript.served,
        "is_demo": transcript.is_demo,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost": usage.cost,
        "upstream_id": usage.upstream_id,
        **words,
    }


def _words(transcript: Transcript, outcome: Outcome) -> dict[str, Any]:
    return {
        "error": outcome.failure.message if outcome.failure else "",
        "notices": [asdict(notice) for notice in transcript.notices if notice.code != TRIED],
        "attempts": transcript.attempts,
    }


def _times(engine: Engine, run: Run) -> dict[str, Any]:
    # Durations are measured by the monotonic clock and laid back from the end, so a clock that jumps does not spoil them.
    now, wall = engine.now(), utc_now()
    first = run.first_text_at
    return {
        "ended_at": wall,
        "started_at": wall - timedelta(seconds=now - run.started_at),
        "first_text_at": wall - timedelta(seconds=now - first) if first is not None else None,
    }
