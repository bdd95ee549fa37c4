"""The journal: saves the text of all running generations in one transaction, several times a second."""

import json
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, LargeBinary, Text, bindparam, cast, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.db import db, is_sqlite, write_rows
from webapp.base.errors import Unavailable
from webapp.engine.duties import spill
from webapp.engine.engine import Engine
from webapp.engine.kinds import GenerationFacts
from webapp.engine.live import LiveGeneration
from webapp.engine.state import ownership
from webapp.engine.tables import Generation, JournalRow
from webapp.streaming.characters import Characters
from webapp.streaming.events import from_json, to_json
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Entry

log = logging.getLogger("generation:journal")
TABLE = rows.table(JournalRow)
# How many rows are decoded between two pauses: each holds the text of a quarter of a second, about six entries.
PIECE = 200
CATCH_UP_SECONDS = 0.1
# How often the text so far is saved by kinds that do so. All of it is written each time, so a longer text is saved less often:
# at this rate, writing 16 KB a second takes less than a thousandth of the time.
TEXT_SECONDS, TEXT_CHARS_PER_SECOND = 1.0, 16_384
# One encoder for all: `json.dumps` creates a new one for every value if it gets any options.
AS_JSON = json.JSONEncoder(ensure_ascii=False).encode
ADD, FORGET = Prepared(insert(TABLE)), Prepared(delete(TABLE).where(TABLE.c.generation_id == bindparam("id")))


def write(engine: Engine) -> bool:
    """Writes new entries as long as something runs."""
    if engine.live:
        commit(engine)
    return bool(engine.live)


def commit(engine: Engine) -> None:
    """Writes new entries, and stops the runs that were asked to stop or that this worker no longer owns.

    If the database fails, nothing changes: the same entries are written with the next commit.
    """
    with engine.journalling:
        _commit(engine)


def catch_up(engine: Engine, id: str, stop: Stop) -> None:
    """Returns once all that a run has said so far is written, or it is stopped."""
    while (live := engine.live.get(id)) and not stop:
        live.run.flush()
        commit(engine)
        if live.journalled >= engine.logs.topics.last(live.run.topic) or stop.wait(CATCH_UP_SECONDS):
            return


def _commit(engine: Engine) -> None:
    live = [answer for answer in engine.live.values() if not answer.run.is_saving]
    new = {answer.id: engine.logs.topics.read(answer.run.topic, answer.journalled) for answer in live}
    for answer in live:
        answer.may_have_rows |= bool(new[answer.id])
    try:
        with engine.in_app(), write_rows() as connection:
            ours = ownership.renew(connection, engine.worker.id)
            # Entries of locked rows are written as soon as the lock is released.
            owned_ids = ours.keys() if ours.keys() >= new.keys() else ownership.owned(connection, engine.worker.id)
            if written := [_row(id, entries) for id, entries in new.items() if entries and id in ours]:
                ADD.run(connection, *written)
            saved = _save_texts(engine, connection, [answer for answer in live if answer.id in ours])
    except (SQLAlchemyError, Unavailable) as error:
        log.warning("the journal could not be written, trying again: %s", type(error).__name__)
        spill.keep_unsaved(engine)
        return
    for answer in live:
        if answer.id in saved:
            answer.saved_chars, answer.saved_at = saved[answer.id], engine.now()
        if answer.id in ours:
            _heed(answer, new[answer.id], ours[answer.id])
        elif answer.id not in owned_ids and not answer.run.is_saving:
            # Another worker has taken it over or ended it: it stops, and its own save will find that out and write nothing.
            answer.run.stop.request("taken")
    if engine.reserve.is_used and not engine.is_closing and not any(answer.run.is_saving for answer in engine.live.values()):
        engine.reserve.clear()
        for answer in live:
            answer.reserved = 0
    if ours.keys() - engine.live.keys():
        # A generation was committed but never started, or its run ended without saving an end.
        engine.duties.recovery.wake()


def keep_rest(engine: Engine, session: Session, id: str) -> None:
    """Writes a run's entries since its last row, as its text cannot be saved anywhere else."""
    live = engine.live.get(id)
    if live and (entries := engine.logs.topics.read(live.run.topic, live.journalled)):
        ADD.run(session, _row(id, entries))


def forget(engine: Engine, session: Session, id: str) -> None:
    """Deletes the journal of a generation whose text is saved; skips the statement if this run never wrote any."""
    live = engine.live.get(id)
    if not live or live.may_have_rows:
        FORGET.run(session, {"id": id})


def entries_of(
    session: Session, generation_id: str, *, after: int = 0, pause: Callable[[], object] = lambda: None
) -> list[Entry]:
    """Returns all journalled entries of a generation, in order; a row that cannot be decoded is logged and skipped.

    With `after`, it reads from the row that contains the entry after that position. `pause` is called between pieces while
    decoding, when the session is no longer used.
    """
    # SQLite stores any type in any column: one row of a wrong type must not make the others unreadable.
    type = LargeBinary if is_sqlite() else Text
    query = select(cast(TABLE.c.first_seq, Text), cast(TABLE.c.entries, type)).where(TABLE.c.generation_id == generation_id)
    if after:
        own = select(func.max(TABLE.c.first_seq)).where(TABLE.c.generation_id == generation_id, TABLE.c.first_seq <= after + 1)
        query = query.where(TABLE.c.first_seq >= func.coalesce(own.scalar_subquery(), 0))
    entry_rows: Sequence[Any] = session.execute(query).all()
    by_seq: dict[int, Entry] = {}
    for number, (first, raw) in enumerate(entry_rows, 1):
        for entry in _read(generation_id, first, raw):
            by_seq.setdefault(entry.seq, entry)
        if number % PIECE == 0:
            pause()
    return [by_seq[seq] for seq in sorted(by_seq)]


def _read(id: str, first: str, raw: str | bytes) -> list[Entry]:
    try:
        text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
        start, values = int(first), json.loads(text)
        if not isinstance(values, list):
            raise TypeError("a row is a list")
    except (ValueError, TypeError, RecursionError) as error:
        log.error("a journal row of %s at %.20s can't be read and is skipped: %s", id, first, type(error).__name__)
        return []
    return [Entry(start + index, from_json(storable(value))) for index, value in enumerate(values)]


def revive(engine: Engine, generation: GenerationFacts) -> None:
    """Reads the log of a parked generation back for its readers."""
    if isinstance(generation, Generation) and generation.is_parked and not engine.logs.has_log(generation.id):
        engine.logs.park(generation.id, entries_of(db.session(), generation.id))


def storable(value: Any) -> Any:
    """Returns an event's JSON without characters that a database rejects."""
    if not isinstance(value, dict):
        return value
    return {name: Characters().clean(field) if isinstance(field, str) else field for name, field in value.items()}


def _row(id: str, entries: list[Entry]) -> dict[str, Any]:
    values = [to_json(entry.event) for entry in entries]
    return {"generation_id": id, "first_seq": entries[0].seq, "entries": AS_JSON(values)}


def is_text_due(chars: int, *, saved_chars: int, seconds: float) -> bool:
    """Returns whether to save a text again, of which so many characters were saved so many seconds ago."""
    return chars > saved_chars and seconds >= max(TEXT_SECONDS, chars / TEXT_CHARS_PER_SECOND)


def _save_texts(engine: Engine, connection: Connection, live: list[LiveGeneration]) -> dict[str, int]:
    """Has the kinds that do so save the texts so far, if it is time; returns the lengths of those that were saved."""
    saved = {}
    for answer in live:
        save, seconds = engine.kinds[answer.kind].save_text, engine.now() - answer.saved_at
        if save and is_text_due(answer.run.transcript.chars, saved_chars=answer.saved_chars, seconds=seconds):
            text = answer.run.transcript.text
            save(connection, answer, text)
            saved[answer.id] = len(text)
    return saved


def _heed(live: LiveGeneration, written: list[Entry], stop_requested_at: datetime | None) -> None:
    live.journalled += len(written)
    if stop_requested_at:
        live.run.stop.request("user")
