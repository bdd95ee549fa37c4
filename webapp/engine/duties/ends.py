"""Saves the end of a generation in one transaction, including the projection that its watchers have seen."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from webapp.base.db import utc_now, write
from webapp.base.heavy.turns import give_way, wait_for_turn
from webapp.engine import costs
from webapp.engine.duties import journal
from webapp.engine.engine import Engine
from webapp.engine.kinds import GenerationFacts, Kind
from webapp.engine.live import LiveGeneration
from webapp.engine.state import ownership
from webapp.engine.tables import WAITING, Generation
from webapp.streaming.broadcaster import Projection
from webapp.streaming.events import ATTEMPT_NOTICE, Saved, Usage
from webapp.streaming.failure import MISTAKES
from webapp.streaming.outcome import PARKED_OUTCOME, Outcome
from webapp.streaming.run import Abandoned, Run
from webapp.streaming.topics import Entry, merged_entries
from webapp.streaming.transcript import Transcript

# From this length on, saving an end takes some hundredths of a second.
LONG_CHARS = 200_000
log = logging.getLogger("generation:end")


def settle_orphan(engine: Engine, generation: Generation, entries: list[Entry], outcome: Outcome) -> list[Saved]:
    """Saves the end of a generation that no worker runs any longer, from the entries that are known.

    If that fails repeatedly although the database works, it saves less: first without the projection, then only the end.
    """
    id, transcript, keeps = generation.id, Transcript.of(entries), engine.recovery_state.keeps(generation.id)
    with _trying(engine, id, SQLAlchemyError, *MISTAKES):
        projection = _made(id, lambda: _folded(engine, generation, entries)) if keeps == "all" else None
        return _settle(
            engine, generation, generation.owner, transcript, projection, _end(engine.kinds[generation.kind], transcript, outcome)
        )


def save(engine: Engine, id: str, run: Run, outcome: Outcome) -> list[Saved]:
    """Saves the end of a generation that runs in this process, with the projection that its watchers have seen.

    If the generation was deleted with its chat, it saves nothing.
    """
    wait_for_turn()
    live = engine.live[id]
    if outcome is PARKED_OUTCOME:
        return _park(engine, live)
    with engine.in_app(), _trying(engine, id, *MISTAKES):
        projection = _made(id, lambda: _shared(engine, live)) if engine.recovery_state.keeps(id) == "all" else None
        _rest_if_long(run.transcript)
        values = {**_end(engine.kinds[live.kind], run.transcript, outcome), **_times(engine, live)}
        if engine.shared and engine.is_closing:
            # Without an owner, another worker can continue it immediately.
            values["owner"] = ""
        return _settle(engine, live, engine.worker.id, run.transcript, projection, values)


def _park(engine: Engine, live: LiveGeneration) -> list[Saved]:
    """Stores the whole log of a run that waits for a person, with the limit that it has reached, if that is why it waits.

    The generation has no owner until they have decided.
    """
    kind, transcript = engine.kinds[live.kind], live.run.transcript
    with engine.in_app(), write(keeps_loaded=True, skips_queue=True) as session:
        kind.lock(session, live)
        waits = {"status": WAITING, "reason": "", "ended_at": None, "owner": ""}
        values = {**_end(kind, transcript, PARKED_OUTCOME), **_times(engine, live), **waits}
        if not ownership.change_owned(session, live.id, engine.worker.id, values):
            raise Abandoned(live.id)
        if live.run.limit:
            kind.limited(session, live, live.run.limit)
        # What budgets have reserved for it stays so until it ends.
        journal.keep_rest(engine, session, live.id)
    return []


@contextmanager
def _trying(engine: Engine, id: str, *faults: type[Exception]) -> Iterator[None]:
    """Counts attempts to save an end that fail through these exceptions, but not through an unavailable database."""
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except faults:
        engine.recovery_state.tries[id] += 1
        raise


def _made(id: str, make: Callable[[], Projection | None]) -> Projection | None:
    """Returns the finished projection; None if making it fails, as a bug in it must not prevent saving the text."""
    try:
        return make()
    except MISTAKES:
        log.exception("%s is saved without its projection", id)
        return None


def _shared(engine: Engine, live: LiveGeneration) -> Projection | None:
    """Returns the watchers' projection, or a new one for an unwatched answer, unless that is rendered when it is shown."""
    if not engine.logs.is_watched(live.id):
        most_chars = engine.kinds[live.kind].drawn_later_chars
        if not live.text_offset and len(live.run.transcript.text) < most_chars:
            return None
        return _folded(engine, live, merged_entries(engine.logs.topics.read(live.run.topic, 0)))
    if not (broadcast := engine.logs.broadcast(live)):
        raise Abandoned(live.id)
    broadcast.catch_up()
    return None if broadcast.has_failed else _finished(broadcast.projection)


def _folded(engine: Engine, generation: GenerationFacts, entries: Iterable[Entry]) -> Projection:
    projection = engine.logs.projection_of(generation)
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
    facts: GenerationFacts,
    owner: str,
    transcript: Transcript,
    projection: Projection | None,
    values: dict[str, Any],
) -> list[Saved]:
    id, kind = facts.id, engine.kinds[facts.kind]
    has_text = engine.recovery_state.keeps(id) != "end"
    with write(keeps_loaded=True, skips_queue=True) as session:
        kind.lock(session, facts)
        generation = ownership.change_owned(session, id, owner, values)
        is_new = generation is not None
        # An earlier attempt committed it, but failed afterwards or lost the reply: it only has to be announced.
        generation = generation or ownership.ended_row(session, id, values.get("owner", owner))
        if not generation:
            raise Abandoned(id)
        if is_new and has_text:
            kind.finish(session, generation, transcript, projection)
        if has_text:
            journal.forget(engine, session, id)
        else:
            journal.keep_rest(engine, session, id)
            log.error("%s could not be saved and locked its place: what it said is left in the journal", id)
        if is_new:
            # Last, as other transactions can be waiting for the rows that the gate locks.
            engine.admission.gate.settle(session, generation, transcript)
    _rest_if_long(transcript)
    kind.changed(generation)
    costs.settle_later(engine, generation)
    return kind.saved(generation)


def _rest_if_long(transcript: Transcript) -> None:
    """Yields to other greenlets for a long text: finishing, storing and showing it each take a turn of the event loop."""
    if len(transcript.text) + len(transcript.reasoning) > LONG_CHARS:
        give_way()


def _end(kind: Kind, transcript: Transcript, outcome: Outcome) -> dict[str, Any]:
    usage = transcript.usage or Usage()
    # The record of a side request outlives its subject, so it contains no text.
    words = {} if kind.is_side_request else _words(transcript, outcome)
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
        "notices": [asdict(notice) for notice in transcript.notices if notice.code != ATTEMPT_NOTICE],
        "attempts": transcript.attempts,
    }


def _times(engine: Engine, live: LiveGeneration) -> dict[str, Any]:
    # Durations are measured by the monotonic clock and subtracted from the end, so that a jump of the wall clock does not
    # distort them.
    now, wall, run = engine.now(), utc_now(), live.run
    if live.has_waited:
        return {"ended_at": wall}
    first = run.first_text_at
    return {
        "ended_at": wall,
        "started_at": wall - timedelta(seconds=now - run.started_at),
        "first_text_at": wall - timedelta(seconds=now - first) if first is not None else None,
    }
