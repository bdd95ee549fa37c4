"""What running generations have said, written down for all of them in one transaction every quarter of a second."""

import json
import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.errors import Unavailable
from webapp.extensions import write
from webapp.generations import fence
from webapp.generations.tables import JournalRow
from webapp.streaming.events import from_json, to_json
from webapp.streaming.topics import Entry

if TYPE_CHECKING:
    from webapp.generations.engine import Engine, Live

log = logging.getLogger("generation:journal")


def commit(engine: "Engine") -> None:
    """Writes what is new, and hears which runs were asked to stop and which are no longer ours.

    A database that refuses changes nothing: the same entries are written with the next commit.
    """
    live = [each for each in engine.live.values() if not each.run.is_saving]
    new = {each.id: engine.topics.read(each.run.topic, each.journalled) for each in live}
    try:
        with engine.in_app(), write() as session:
            ours = fence.hold(session, engine.worker.id)
            if rows := [_row(id, entries) for id, entries in new.items() if entries and id in ours]:
                session.execute(insert(JournalRow), rows)
    except (SQLAlchemyError, Unavailable) as error:
        log.warning("the journal could not be written, trying again: %s", type(error).__name__)
        return
    for each in live:
        _heed(each, new[each.id], ours)


def entries_of(session: Session, generation_id: str) -> list[Entry]:
    """Everything that a generation is known to have said, in order."""
    rows = session.scalars(
        select(JournalRow).where(JournalRow.generation_id == generation_id).order_by(JournalRow.first_seq)
    ).all()
    return [Entry(row.first_seq + place, from_json(value)) for row in rows for place, value in enumerate(json.loads(row.entries))]


def _row(id: str, entries: list[Entry]) -> dict[str, Any]:
    values = [to_json(entry.event) for entry in entries]
    return {"generation_id": id, "first_seq": entries[0].seq, "entries": json.dumps(values, ensure_ascii=False)}


def _heed(each: "Live", written: list[Entry], ours: dict[str, Any]) -> None:
    if each.id in ours:
        each.journalled += len(written)
        if ours[each.id]:
            each.run.stop.ask("user")
    elif not each.run.is_saving:
        # Somebody has taken it or ended it: it stops here, and its own save will find that out and write nothing.
        each.run.stop.ask("taken")
