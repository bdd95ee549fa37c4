"""Spill files: text that the database didn't accept before shutdown, kept until the next start."""

import json
import logging
import os
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from webapp.base.heavy.threads import offload_expecting
from webapp.engine.engine import Engine
from webapp.engine.live import LiveGeneration
from webapp.streaming.events import Status, to_json
from webapp.streaming.outcome import Outcome, stopped_outcome
from webapp.streaming.topics import merged_entries

log = logging.getLogger("generation:spill")

# How often unsaved text is written: a kill loses what came since.
UNSAVED_SECONDS = 1.0


class SpilledText(TypedDict):
    """The text of a run and its end: the content of its file."""

    status: Status
    reason: str
    said: list[Any]


class ReserveLine(TypedDict):
    """A line of the reserve: what a run said after the entry with the number `after`; a part was written while it ran."""

    id: str
    after: int
    status: Status
    reason: str
    said: list[Any]
    is_part: NotRequired[bool]


def write(engine: Engine, live: LiveGeneration) -> None:
    """Writes all entries of a run into its own file or, if the disk is full, the unsaved ones into the reserve."""
    try:
        _write(engine, live)
    except OSError as error:
        log.error("the disk could not save %s: %s", live.id, error.strerror)
        _into_reserve(engine, live)


def keep_unsaved(engine: Engine) -> None:
    """Writes what the journal can't take into the reserve, in parts, in case the server is killed before it can."""
    if engine.now() - engine.reserve.written_at < UNSAVED_SECONDS:
        return
    engine.reserve.written_at = engine.now()
    for live in list(engine.live.values()):
        after = max(live.journalled, live.reserved)
        if new := engine.logs.topics.read(live.run.topic, after):
            outcome, said = _outcome_of(live), [to_json(entry.event) for entry in new]
            part = ReserveLine(id=live.id, after=after, status=outcome.status, reason=outcome.reason, said=said, is_part=True)
            try:
                offload_expecting(OSError, engine.reserve.put, json.dumps(part).encode())
            except OSError as error:
                log.warning("unsaved text of %s could not be reserved: %s", live.id, error.strerror)
                return
            live.reserved = after + len(new)


def _into_reserve(engine: Engine, live: LiveGeneration) -> None:
    after = max(live.journalled, live.reserved)
    outcome = _outcome_of(live)
    said = [to_json(entry.event) for entry in merged_entries(engine.logs.topics.read(live.run.topic, after))]
    line = ReserveLine(id=live.id, after=after, status=outcome.status, reason=outcome.reason, said=said)
    try:
        engine.reserve.put(json.dumps(line).encode())
    except OSError:
        log.exception("nothing could save %s: anything not in the journal is lost", live.id)


def _outcome_of(live: LiveGeneration) -> Outcome:
    return live.run.outcome or stopped_outcome("server_restart", has_text=True)


def _write(engine: Engine, live: LiveGeneration) -> None:
    spilled = folder_of(engine)
    spilled.mkdir(parents=True, exist_ok=True)
    entries = [to_json(entry.event) for entry in engine.logs.topics.read(live.run.topic, 0)]
    unfinished = spilled / f"{live.id}.part"
    outcome = _outcome_of(live)
    text = json.dumps(SpilledText(status=outcome.status, reason=outcome.reason, said=entries), ensure_ascii=False)
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            # Before the rename: after a power cut, the final name must not exist without its content.
            os.fsync(file.fileno())
        unfinished.rename(spilled / f"{live.id}.json")
    finally:
        # A half-written file would only take disk space from the next one.
        unfinished.unlink(missing_ok=True)
    log.error("the database could not save %s; its text is in %s and will be restored at the next start", live.id, spilled)


def folder_of(engine: Engine) -> Path:
    return engine.data_dir / "spilled"
