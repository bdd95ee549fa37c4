"""Spill files: text that the database didn't accept before shutdown, kept until the next start."""

import json
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_args

from webapp.db import db
from webapp.engine import ends, journal
from webapp.engine.engine import Engine, Live
from webapp.engine.reserve import FOLDER, SUFFIX, lines_in
from webapp.engine.tables import Generation
from webapp.streaming.events import Status, from_json, to_json
from webapp.streaming.loops import supervise
from webapp.streaming.outcome import Outcome, requested
from webapp.streaming.topics import Entry, joined

log = logging.getLogger("generation:spill")

ENDS = get_args(Status)


def write(engine: Engine, live: Live) -> None:
    """Writes all entries of a run into its own file or, if the disk is full, the unsaved ones into the reserve."""
    try:
        _write(engine, live)
    except OSError as error:
        log.error("the disk could not save %s: %s", live.id, error.strerror)
        _into_reserve(engine, live)


def _into_reserve(engine: Engine, live: Live) -> None:
    new = [to_json(entry.event) for entry in joined(engine.topics.read(live.run.topic, live.journalled))]
    line = {"id": live.id, "after": live.journalled, **_end_of(live), "said": new}
    try:
        engine.reserve.put(json.dumps(line).encode())
    except OSError:
        log.exception("nothing could save %s: anything not in the journal is lost", live.id)


def _end_of(live: Live) -> dict[str, str]:
    outcome = live.run.outcome or requested("server_restart", has_text=True)
    return {"status": outcome.status, "reason": outcome.reason}


def _write(engine: Engine, live: Live) -> None:
    spilled = _folder(engine)
    spilled.mkdir(parents=True, exist_ok=True)
    entries = [to_json(entry.event) for entry in engine.topics.read(live.run.topic, 0)]
    unfinished = spilled / f"{live.id}.part"
    text = json.dumps({**_end_of(live), "said": entries}, ensure_ascii=False)
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


def read_back(engine: Engine) -> set[str]:
    """Saves spilled text to the database; returns the ids of the generations for which that failed.

    A file is removed only when its text is committed, or was saved in another way.
    """
    files = sorted(_folder(engine).glob("*.json"))
    left = {file.stem for file in files if not _is_done(engine, file.name, partial(_take, engine, file))}
    for file in (engine.data_dir / FOLDER).glob(f"*{SUFFIX}"):
        if engine.worker.has_gone(file.stem):
            left |= _take_reserve(engine, file)
    return left


def _is_done(engine: Engine, name: str, work: Callable[[], None]) -> bool:
    return supervise(f"reading of {name}", work, engine.pause, tries=1)


def _take_reserve(engine: Engine, file: Path) -> set[str]:
    lines = [line for raw in lines_in(file) if (line := _line(raw))]
    left = {line["id"] for line in lines if not _is_done(engine, line["id"], partial(_save_line, engine, line))}
    if not left:
        _put_away(engine, file, [line["id"] for line in lines])
    return left


def _put_away(engine: Engine, file: Path, ids: list[str]) -> None:
    """Removes a file whose text is saved; one with text that could never be saved is renamed, and not read again."""
    if any(engine.recovery_state.keeps(id) == "end" for id in ids):
        file.rename(file.with_suffix(".unsaved"))
    else:
        file.unlink(missing_ok=True)


def _line(raw: bytes) -> dict[str, Any] | None:
    try:
        line: dict[str, Any] = json.loads(raw)
        if (type(line["id"]), type(line["after"]), type(line["said"])) != (str, int, list) or line["status"] not in ENDS:
            raise TypeError("unexpected entry")
    except (ValueError, LookupError, TypeError):
        log.exception("an entry of the disk reserve can't be read: the answer is saved from the journal")
        return None
    return line


def _save_line(engine: Engine, line: dict[str, Any]) -> None:
    with engine.in_app():
        generation = db.session.get(Generation, line["id"])
        if generation and generation.is_active:
            before = [entry for entry in journal.entries_of(db.session(), generation.id) if entry.seq <= line["after"]]
            new = _entries(line["said"], line["after"] + 1)
            ends.settle_orphan(engine, generation, [*before, *new], Outcome(line["status"], line["reason"]))


def _take(engine: Engine, file: Path) -> None:
    try:
        with engine.in_app():
            _save(engine, file)
    except (ValueError, LookupError, TypeError, RecursionError, OSError):
        log.exception("%s can't be read: the answer is saved from the journal", file)
        file.rename(file.with_suffix(".unreadable"))
    else:
        _put_away(engine, file, [file.stem])


def _save(engine: Engine, file: Path) -> None:
    generation = db.session.get(Generation, file.stem)
    if generation and generation.is_active:
        spilled = json.loads(file.read_text("utf-8"))
        entries = _entries(spilled["said"], 1)
        ends.settle_orphan(engine, generation, entries, Outcome(spilled["status"], spilled["reason"]))


def _entries(entries: list[Any], first: int) -> list[Entry]:
    return [Entry(place, from_json(journal.storable(value))) for place, value in enumerate(entries, first)]


def _folder(engine: Engine) -> Path:
    return engine.data_dir / "spilled"
