"""Recovery after a worker died: folds the journal, saves the answer as interrupted, and continues it if configured."""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import Row, Select, func, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import aliased

from webapp.base import ids, topic_names
from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, TooMany
from webapp.base.heavy.turns import queue_for_turn
from webapp.engine.duties import ends, journal, spill
from webapp.engine.engine import Engine
from webapp.engine.state import ownership, recovery_state
from webapp.engine.state.reserve import FOLDER, SUFFIX, lines_in
from webapp.engine.tables import Generation
from webapp.settings.service import setting
from webapp.streaming.events import Delta, Ended, Failed, Status, from_json
from webapp.streaming.loops import supervise
from webapp.streaming.outcome import Outcome, failed_outcome, stopped_outcome
from webapp.streaming.topics import Entry

log = logging.getLogger("generation:recovery")

WITHIN, LONGEST = timedelta(minutes=10), timedelta(days=2)
AT_MOST = 2
AT_ONCE = 4
# How long the next one waits for one of these to end: with long answers, or many new ones, it would wait for ever.
PLACE_SECONDS = 1.0
# By then, a generation committed by this worker has started, unless it never will.
STRAY_SECONDS = 2.0
RECOVER_KINDS_SECONDS = 30.0
TURN_SECONDS = 1.0
ENDS = get_args(Status)
NEVER_RAN = Failed("error", "Something went wrong on the server before this answer was finished.", retryable=True)


def settle_orphans(engine: Engine) -> bool:
    """Settles every orphan it can, continues those that can be continued, and returns whether to run again.

    The failure of one does not prevent settling the others, and is tried again in the next pass.
    """
    if engine.is_closing:
        return False
    if engine.shared and engine.recovery_state.passes and engine.recovery_state.pauses.was_paused():
        # After this process was suspended: others can have been, too, and get time to update their heartbeats.
        return True
    state = engine.recovery_state
    try:
        is_left = _settle_all(engine)
    except SQLAlchemyError as error:
        # While the database was unavailable, no worker could update its heartbeat, so the time measured so far is discarded.
        state.keep_only(set())
        if not isinstance(error, OperationalError):
            raise
        if not state.is_database_unavailable:
            log.warning("interrupted answers can't be looked for until the database is available: %s", type(error).__name__)
        state.is_database_unavailable = True
        return True
    state.is_database_unavailable = False
    return is_left


def _settle_all(engine: Engine) -> bool:
    spilled = read_spilled(engine)
    with engine.in_app():
        # If the clock was set back while the server was down, ids of new generations must not sort before old ones.
        ids.continue_after(db.session.scalar(select(func.max(Generation.id))) or "")
        others = [
            row for row in ownership.active_generations(db.session()) if row.kind in engine.kinds and row.id not in engine.live
        ]
        orphans = [row.id for row in others if _is_orphan(engine, row)]
        db.session.rollback()
    engine.recovery_state.keep_only({row.id for row in others})
    settled = {id for id in orphans if id not in spilled and _is_settled(engine, id)}
    with engine.in_app():
        if settled >= set(orphans):
            engine.worker.remove_dead(engine.now(), ownership.LEASE.total_seconds() if engine.shared else 0.0)
        waiting = generations_to_continue(engine) if setting("restart.policy") == "continue" else []
    continue_later(engine, waiting)
    if not engine.recovery_state.passes:
        engine.reserve.allocate()
    if not engine.recovery_state.passes or (settled and engine.shared):
        # A dead worker can have ended an answer without starting the follow-up work.
        _recover_kinds(engine)
    engine.recovery_state.passes += 1
    is_overlapping = bool(engine.worker.others()) and engine.recovery_state.passes < len(recovery_state.NEXT_PASS_SECONDS)
    if is_left := bool(spilled) or len(settled) < len(others) or is_overlapping or engine.shared is not None:
        return is_left
    engine.recovery_state.passes = 1
    return False


def _is_orphan(engine: Engine, row: Row[str, str, str, datetime]) -> bool:
    is_ours = row.owner == engine.worker.id
    # The journal updates the heartbeats of all that this worker owns, running or not, so they prove nothing: with None, the
    # time counts since a pass first found it not running.
    seconds = engine.recovery_state.seconds_unchanged(row.id, None if is_ours else row.heartbeat_at, engine.now())
    if is_ours:
        return row.id in engine.given_up or seconds > STRAY_SECONDS
    is_silent, has_file = seconds > ownership.LEASE.total_seconds(), engine.worker.has_file(row.owner)
    if engine.shared:
        # A frozen worker keeps its file, so its silence counts nevertheless; that of another host is measured by our own clock.
        return is_silent or engine.worker.is_dead(row.owner, row.heartbeat_at if not row.owner or has_file else utc_now())
    return (is_silent and not has_file) or engine.worker.is_dead(row.owner, row.heartbeat_at)


def _is_settled(engine: Engine, id: str) -> bool:
    locked = []

    def settle_it() -> None:
        # Each has its own turn of the event loop.
        queue_for_turn()
        with engine.in_app():
            if not settle(engine, id):
                locked.append(id)

    return supervise(f"recovery of {id}", settle_it, engine.pause, tries=1) and not locked


def _recover_kinds(engine: Engine) -> None:
    for kind in engine.kinds.values():
        if kind.recover:
            work = partial(_recover, engine, kind.recover)
            engine.spawn(partial(supervise, f"start of {kind.name}", work, engine.pause, most_seconds=RECOVER_KINDS_SECONDS))


def _recover(engine: Engine, recover: Callable[[], None]) -> None:
    # Each has its own turn of the event loop: they all start just as the first pages reconnect.
    queue_for_turn()
    if not engine.is_closing:
        with engine.in_app():
            recover()


def settle(engine: Engine, id: str) -> bool:
    """Takes over an orphan and saves the entries that are known; a requested stop is respected.

    Returns False for one that another transaction is changing, which the next pass looks at again.
    """
    with write(keeps_loaded=True, skips_queue=True) as session:
        generation = session.get(Generation, id)
        was_ours = generation is not None and generation.owner == engine.worker.id and id not in engine.recovery_state.taken
        if not generation or not generation.is_active:
            return True
        if ownership.is_locked(session, generation):
            return False
        if not ownership.take_over(session, generation, engine.worker.id):
            return True
        entries = journal.entries_of(session, id)
        # This worker now owns it, and can retry to write its end in any later pass.
        engine.given_up.add(id)
        if not was_ours:
            engine.recovery_state.taken.add(id)
    queue_for_turn()
    topic = topic_names.of_generation(id)
    if engine.shared:
        engine.shared.close_for_others(topic)
        engine.shared.extend(topic, entries)
    log_entries = engine.logs.topics.read(topic, 0) or entries
    outcome = _outcome(generation, log_entries, was_ours=was_ours)
    saved_events = ends.settle_orphan(engine, generation, log_entries, outcome)
    if engine.logs.topics.last(topic):
        engine.logs.end(id, [*saved_events, Ended(outcome.status, outcome.reason)])
    log.info("%s had no end, and has one now: %d entries were known", id, len(log_entries))
    return True


def _outcome(generation: Generation, entries: list[Entry], *, was_ours: bool) -> Outcome:
    has_text = any(isinstance(entry.event, Delta) for entry in entries)
    if generation.stop_requested_at:
        return stopped_outcome(generation.reason or "user", has_text=has_text)
    # One that this worker took over in an earlier pass was nevertheless interrupted by a restart.
    return failed_outcome(NEVER_RAN, has_text=has_text) if was_ours else stopped_outcome("server_restart", has_text=has_text)


@cache
def cut_by_restart() -> Select[Generation]:
    """Selects generations that a restart interrupted and that were not continued since, oldest first."""
    later = aliased(Generation)
    return (
        select(Generation)
        .outerjoin(later, (later.message_id == Generation.message_id) & (later.id > Generation.id))
        .where(Generation.reason == "server_restart", Generation.status == "interrupted", later.id.is_(None))
        # Side requests have no message and are never continued.
        .where(Generation.message_id.is_not(None))
        .order_by(Generation.id)
    )


def generations_to_continue(engine: Engine) -> list[str]:
    """Returns the ids of recently interrupted generations, unless interrupted too often or owned by another living worker."""
    # `created_at` narrows the query by its index, as several workers run it all the time.
    recent = Generation.heartbeat_at > utc_now() - WITHIN, Generation.created_at > utc_now() - LONGEST
    query = cut_by_restart().where(*recent)
    cut = [generation for generation in db.session.scalars(query) if _restarts(generation) <= AT_MOST]
    return [generation.id for generation in cut if not engine.shared or _is_free(engine, generation)]


def _is_free(engine: Engine, generation: Generation) -> bool:
    # The owner was alive when it wrote the end, whenever its last heartbeat was.
    lived_at = max(generation.heartbeat_at, generation.ended_at or generation.heartbeat_at)
    return generation.owner == engine.worker.id or engine.worker.is_dead(generation.owner, lived_at)


def _restarts(generation: Generation) -> int:
    cut = select(Generation.id).where(Generation.message_id == generation.message_id, Generation.reason == "server_restart")
    return len(db.session.scalars(cut).all())


def continue_later(engine: Engine, waiting: list[str]) -> None:
    """Continues generations in the background, a few at a time, each once."""
    new = [id for id in waiting if id not in engine.recovery_state.continued]
    engine.recovery_state.continued.update(new)
    if new:
        engine.spawn(lambda: _continue_all(engine, new))


def _continue_all(engine: Engine, waiting: list[str]) -> None:
    for id in waiting:
        engine.wait(lambda: len(engine.live) < AT_ONCE or engine.is_closing, PLACE_SECONDS)
        if engine.is_closing:
            return
        supervise(f"continuation of {id}", partial(_continue_in_turn, engine, id), engine.pause, tries=1)


def _continue_in_turn(engine: Engine, id: str) -> None:
    until = engine.now() + WITHIN.total_seconds()
    queue_for_turn()
    while not _tried_to_continue(engine, id) and not engine.is_closing and engine.now() < until:
        engine.pause(TURN_SECONDS)


def _is_claimed(engine: Engine, generation: Generation) -> bool:
    """Claims a generation for this worker to continue: of several workers that find it simultaneously, one succeeds."""
    with write(keeps_loaded=True) as session:
        # Checked again inside the transaction: another worker can have claimed it since.
        return _is_free(engine, generation) and ownership.claim(session, generation, engine.worker.id)


def _tried_to_continue(engine: Engine, id: str) -> bool:
    """Returns whether it is settled, continued or not; False while its person has too many answers in progress."""
    try:
        with engine.in_app():
            generation = db.session.get_one(Generation, id)
            if engine.shared and not _is_claimed(engine, generation):
                return True
            if (kind := engine.kinds.get(generation.kind)) and kind.continue_interrupted:
                kind.continue_interrupted(generation)
    except TooMany:
        return False
    except (AppError, SQLAlchemyError) as error:
        # It was continued or deleted in the meantime, or all places are taken: it stays as it is and offers Continue. Only the
        # type of a database error is logged, as its message contains the values to be written.
        log.info("%s was not continued: %s", id, error.message if isinstance(error, AppError) else type(error).__name__)
    return True


def read_spilled(engine: Engine) -> set[str]:
    """Saves spilled text to the database; returns the ids of the generations for which that failed.

    A file is removed only when its text is committed, or was saved in another way.
    """
    files = sorted(spill.folder_of(engine).glob("*.json"))
    left = {file.stem for file in files if not _is_read(engine, file.name, partial(_take_file, engine, file))}
    for file in (engine.data_dir / FOLDER).glob(f"*{SUFFIX}"):
        if engine.worker.has_gone(file.stem):
            left |= _take_reserve(engine, file)
    return left


def _is_read(engine: Engine, name: str, work: Callable[[], None]) -> bool:
    return supervise(f"reading of {name}", work, engine.pause, tries=1)


def _take_reserve(engine: Engine, file: Path) -> set[str]:
    lines_by_generation: defaultdict[str, list[spill.ReserveLine]] = defaultdict(list)
    for raw in lines_in(file):
        if line := _line(raw):
            lines_by_generation[line["id"]].append(line)
    unread = {
        id for id, lines in lines_by_generation.items() if not _is_read(engine, id, partial(_save_lines, engine, id, lines))
    }
    if not unread:
        _put_away(engine, file, list(lines_by_generation))
    return unread


def _put_away(engine: Engine, file: Path, ids: list[str]) -> None:
    """Removes a file whose text is saved; one with text that could never be saved is renamed, and not read again."""
    if any(engine.recovery_state.keeps(id) == "end" for id in ids):
        file.rename(file.with_suffix(".unsaved"))
    else:
        file.unlink(missing_ok=True)


def _line(raw: bytes) -> spill.ReserveLine | None:
    try:
        line: spill.ReserveLine = json.loads(raw)
        if (type(line["id"]), type(line["after"]), type(line["said"])) != (str, int, list) or line["status"] not in ENDS:
            raise TypeError("unexpected entry")
    except (ValueError, LookupError, TypeError):
        log.exception("an entry of the disk reserve can't be read: the answer is saved from the journal")
        return None
    return line


def _save_lines(engine: Engine, id: str, lines: Sequence[spill.ReserveLine]) -> None:
    """Saves an answer from its journal, the parts that were written while it ran, and the line of its end, if there is one."""
    with engine.in_app():
        generation = db.session.get(Generation, id)
        if generation and generation.is_active:
            entries_by_seq = {entry.seq: entry for entry in journal.entries_of(db.session(), id)}
            for line in lines:
                if not line.get("is_part"):
                    # Its entries are joined, so their numbers are lower than those of the same text in the journal.
                    entries_by_seq = {seq: entry for seq, entry in entries_by_seq.items() if seq <= line["after"]}
                entries_by_seq |= {entry.seq: entry for entry in _entries(line["said"], line["after"] + 1)}
            outcome = Outcome(lines[-1]["status"], lines[-1]["reason"])
            ends.settle_orphan(engine, generation, [entries_by_seq[seq] for seq in sorted(entries_by_seq)], outcome)


def _take_file(engine: Engine, file: Path) -> None:
    try:
        with engine.in_app():
            _save_file(engine, file)
    except (ValueError, LookupError, TypeError, RecursionError, OSError):
        log.exception("%s can't be read: the answer is saved from the journal", file)
        file.rename(file.with_suffix(".unreadable"))
    else:
        _put_away(engine, file, [file.stem])


def _save_file(engine: Engine, file: Path) -> None:
    generation = db.session.get(Generation, file.stem)
    if generation and generation.is_active:
        spilled: spill.SpilledText = json.loads(file.read_text("utf-8"))
        entries = _entries(spilled["said"], 1)
        ends.settle_orphan(engine, generation, entries, Outcome(spilled["status"], spilled["reason"]))


def _entries(entries: list[Any], first: int) -> list[Entry]:
    return [Entry(index, from_json(journal.storable(value))) for index, value in enumerate(entries, first)]
