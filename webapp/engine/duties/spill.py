"""Spill files: text that the database didn't accept before shutdown, kept until the next start."""

import json
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

from webapp.base.db import db
from webapp.base.heavy.threads import offload_expecting
from webapp.engine.duties import ends, journal
from webapp.engine.engine import Engine, Live
from webapp.engine.state.reserve import FOLDER, SUFFIX, lines_in
from webapp.engine.tables import Generation
from webapp.streaming.events import Status, from_json, to_json
from webapp.streaming.loops import supervise
from webapp.streaming.outcome import Outcome, requested
from webapp.streaming.topics import Entry, joined

log = logging.getLogger("generation:spill")

ENDS = get_args(Status)
# How often unsaved text is written: a kill loses what came since.
UNSAVED_SECONDS = 1.0


def write(engine: Engine, live: Live) -> None:
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
        if new := engine.topics.read(live.run.topic, after):
            part = {
                "id": live.id,
                "after": after,
                **_end_of(live),
                "said": [to_json(entry.event) for entry in new],
                "is_part": True,
            }
            try:
                offload_expecting(OSError, engine.reserve.put, json.dumps(part).encode())
            except OSError as error:
                log.warning("unsaved text of %s could not be reserved: %s", live.id, error.strerror)
                return
            live.reserved = after + len(new)


def _into_reserve(engine: Engine, live: Live) -> None:
    after = max(live.journalled, live.reserved)
    new = [to_json(entry.event) for entry in joined(engine.topics.read(live.run.topic, after))]
    line = {"id": live.id, "after": after, **_end_of(live), "said": new}
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
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for raw in lines_in(file):
        if line := _line(raw):
            found[line["id"]].append(line)
    left = {id for id, lines in found.items() if not _is_done(engine, id, partial(_save_lines, engine, id, lines))}
    if not left:
        _put_away(engine, file, list(found))
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


def _save_lines(engine: Engine, id: str, lines: Sequence[dict[str, Any]]) -> None:
    """Saves an answer from its journal, the parts that were written while it ran, and the line of its end, if there is one."""
    with engine.in_app():
        generation = db.session.get(Generation, id)
        if generation and generation.is_active:
            known = {entry.seq: entry for entry in journal.entries_of(db.session(), id)}
            for line in lines:
                if not line.get("is_part"):
                    # Its entries are joined, so their numbers are lower than those of the same text in the journal.
                    known = {seq: entry for seq, entry in known.items() if seq <= line["after"]}
                known |= {entry.seq: entry for entry in _entries(line["said"], line["after"] + 1)}
            outcome = Outcome(lines[-1]["status"], lines[-1]["reason"])
            ends.settle_orphan(engine, generation, [known[seq] for seq in sorted(known)], outcome)


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
