"""Text that no database would take before the shutdown, kept in files until the next start."""

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from webapp.extensions import db
from webapp.generations import service
from webapp.generations.tables import Generation
from webapp.streaming.events import from_json, to_json
from webapp.streaming.outcome import Outcome, wished
from webapp.streaming.topics import Entry

if TYPE_CHECKING:
    from webapp.generations.engine import Engine, Live

log = logging.getLogger("generation:spill")


def write(engine: "Engine", live: "Live") -> None:
    """Puts everything that a run has said into a file of its own; where there is no room, others may still find some."""
    try:
        _write(engine, live)
    except OSError:
        log.exception("neither the database nor the disk would take %s: what was not in the journal is lost", live.id)


def _write(engine: "Engine", live: "Live") -> None:
    folder = _folder(engine)
    folder.mkdir(parents=True, exist_ok=True)
    outcome = live.run.outcome or wished("server_restart", has_text=True)
    said = [to_json(entry.event) for entry in engine.topics.read(live.run.topic, 0)]
    unfinished = folder / f"{live.id}.part"
    text = json.dumps({"status": outcome.status, "reason": outcome.reason, "said": said}, ensure_ascii=False)
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            # The name must not outlive what it stands for: a power cut may come next.
            os.fsync(file.fileno())
        unfinished.rename(folder / f"{live.id}.json")
    finally:
        # Half a text would only take the room of the next.
        unfinished.unlink(missing_ok=True)
    log.error("the database would not save %s; its text is in %s and is read back at the next start", live.id, folder)


def read_back(engine: "Engine") -> None:
    """Saves what was spilled; a file goes only when its text is committed, or was saved by another way."""
    for file in sorted(_folder(engine).glob("*.json")):
        try:
            with engine.in_app():
                _save(engine, file)
        except (ValueError, LookupError, TypeError, OSError):
            log.exception("%s cannot be read: the answer is saved as the journal has it", file)
            file.rename(file.with_suffix(".unreadable"))
        else:
            file.unlink()


def _save(engine: "Engine", file: Path) -> None:
    generation = db.session.get(Generation, file.stem)
    if generation and generation.is_active:
        spilled = json.loads(file.read_text("utf-8"))
        entries = [Entry(place, from_json(value)) for place, value in enumerate(spilled["said"], 1)]
        service.settle_orphan(engine, generation, entries, Outcome(spilled["status"], spilled["reason"]))


def _folder(engine: "Engine") -> Path:
    return engine.data_dir / "spilled"
