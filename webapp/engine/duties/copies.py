"""Copies of answers that other workers write: updated by Redis, and from the database where Redis lacks something."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, case, func, select
from sqlalchemy.exc import SQLAlchemyError

from webapp.base import topic_names
from webapp.base.db import db
from webapp.base.heavy.turns import give_way
from webapp.engine.duties import journal
from webapp.engine.engine import Engine
from webapp.engine.generation_text import PIECE, end_of, missing_events, state_of_copy
from webapp.engine.kinds import GenerationFacts
from webapp.engine.state.generation_logs import AnswerCopy
from webapp.engine.tables import ACTIVE, WHILE_ACTIVE, Generation
from webapp.streaming.events import Ended, Event
from webapp.streaming.topics import Entry

if TYPE_CHECKING:
    from webapp.streaming.redis_topics import RedisTopics

log = logging.getLogger("generation:copies")

# How often the owner is notified that its answer is read here, and for how long after a single read it counts as read.
NOTIFY_SECONDS = 3.0
READ_RECENTLY_SECONDS = 5.0
# A copy is kept up to date this long after its last reader.
LINGER_SECONDS = 30.0


def follow(engine: Engine, generation: GenerationFacts) -> None:
    """Copies a generation's log from now on, beginning with its journal; one that has ended is copied as a whole immediately."""
    if answer_copy := engine.logs.copied.get(generation.id):
        answer_copy.asked_at = engine.now()
        return
    engine.logs.copied[generation.id] = AnswerCopy(generation.id, generation.lane, engine.now())
    engine.duties.copier.wake()
    _update(engine, [generation.id])


def update_all(engine: Engine) -> bool:
    """Runs once a second: updates every copy and completes those that have ended; returns whether to run again."""
    shared = _shared(engine)
    try:
        if engine.logs.copied:
            _update(engine, list(engine.logs.copied))
        if shared.is_connected:
            engine.logs.seen_lanes.clear()
        else:
            _check_lanes(engine, shared)
    except SQLAlchemyError as error:
        log.warning("what other workers write could not be read, trying again: %s", type(error).__name__)
    return bool(engine.logs.copied) or (not shared.is_connected and not engine.is_closed)


def _shared(engine: Engine) -> "RedisTopics":
    assert engine.shared
    return engine.shared


def _update(engine: Engine, ids: list[str]) -> None:
    with engine.in_app():
        columns = Generation.id, Generation.owner, Generation.status
        rows_by_id = {row.id: row for row in db.session.execute(select(*columns).where(Generation.id.in_(ids)))}
        to_notify = [
            copied for id in ids if (copied := engine.logs.copied.get(id)) and _renew(engine, copied, rows_by_id.get(id))
        ]
        db.session.rollback()
    # After the transaction: Redis can be slow, and no database connection must be held while waiting for it.
    for copied in to_notify:
        copied.notified_at = engine.now()
        _shared(engine).copy(topic_names.of_generation(copied.id), rows_by_id[copied.id].owner, copied.lane)


def _renew(engine: Engine, copied: AnswerCopy, row: Row[str, str, str] | None) -> bool:
    """Updates a copy from the database; returns whether its owner has to be notified that it is read here."""
    shared, topic = _shared(engine), topic_names.of_generation(copied.id)
    if copied.id in engine.live:
        engine.logs.copied.pop(copied.id, None)
        return False
    if row is None or row.status not in ACTIVE:
        _complete(engine, copied.id, topic)
        shared.drop(topic)
        engine.logs.forget_copy(copied.id)
        return False
    is_read = shared.is_watched(topic) or engine.now() - copied.asked_at < READ_RECENTLY_SECONDS
    if not is_read and engine.now() - copied.asked_at > LINGER_SECONDS:
        shared.drop(topic)
        engine.logs.forget_copy(copied.id)
        return False
    before, copied.length = copied.length, shared.last(topic)
    if before in (-1, copied.length):
        # Redis has sent nothing since the last update.
        entries = journal.entries_of(db.session(), copied.id, after=copied.length, pause=_yield_to_others)
        for start in range(0, len(entries), PIECE):
            shared.extend(topic, entries[start : start + PIECE])
            _yield_to_others()
    return is_read and row.owner not in ("", engine.worker.id) and engine.now() - copied.notified_at >= NOTIFY_SECONDS


def _complete(engine: Engine, id: str, topic: str) -> None:
    """Appends to the copy of an ended answer what it lacks compared with the saved one."""
    shared, generation = _shared(engine), db.session.get(Generation, id, populate_existing=True)
    kind = engine.kinds.get(generation.kind) if generation else None
    text = kind.text(generation) if generation and kind else None
    end: list[Event] = end_of(generation, kind.saved(generation)) if generation and kind else [Ended("stopped", "user")]
    copy_state = state_of_copy(shared, topic, _yield_to_others)
    # Nothing may yield from here on: entries that Redis delivers in between would be appended twice or not at all.
    if not shared.has_ended(topic):
        events = missing_events(copy_state, text, end)
        shared.extend(topic, [Entry(seq, event) for seq, event in enumerate(events, shared.last(topic) + 1)])


def _yield_to_others() -> None:
    # No database connection is held while other greenlets run.
    db.session.rollback()
    give_way()


def _check_lanes(engine: Engine, shared: "RedisTopics") -> None:
    """Without Redis, detects generations that began or ended in other workers, and makes their open pages reload."""
    watched = shared.watched()
    now = _signs(engine, watched)
    # At the first check it is unknown what was missed, so every topic counts as changed.
    changed = [topic for topic in watched if engine.logs.seen_lanes.get(topic, "unknown") != now.get(topic)]
    engine.logs.seen_lanes = {topic: now.get(topic) for topic in watched}
    shared.renew(changed)


def _signs(engine: Engine, topics: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    people = [topic.removeprefix(topic_names.of_person("")) for topic in topics if topic.startswith(topic_names.of_person(""))]
    newest, running = func.max(Generation.id), func.count(case((WHILE_ACTIVE, 1)))
    of_lanes = select(Generation.lane, newest, running).where(Generation.lane.in_(topics)).group_by(Generation.lane)
    of_people = select(Generation.user_id, newest, running).where(Generation.user_id.in_(people)).group_by(Generation.user_id)
    with engine.in_app():
        lanes = {lane: tuple(sign) for lane, *sign in db.session.execute(of_lanes)}
        persons = {topic_names.of_person(id or ""): tuple(sign) for id, *sign in db.session.execute(of_people)}
        db.session.rollback()
    return lanes | persons
