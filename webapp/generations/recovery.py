"""What a dead worker left behind: folded from the journal, saved as interrupted, and continued if that is wished."""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased

from webapp import ids
from webapp.errors import AppError
from webapp.extensions import db, utc_now, write
from webapp.generations import fence, journal, service
from webapp.generations.tables import Generation
from webapp.settings.service import setting
from webapp.streaming.outcome import wished

if TYPE_CHECKING:
    from webapp.generations.engine import Engine

log = logging.getLogger("generation:recovery")

WITHIN = timedelta(minutes=10)
AT_MOST = 2
AT_ONCE = 4
# A graceful replacement overlaps with the worker that it replaces, which has ten seconds to go.
LOOK_AGAIN_SECONDS = (1.0, 2.0, 4.0, 8.0)


def begin(engine: "Engine") -> None:
    """Takes care of what dead workers left, and looks again while others, perhaps on their way out, are still alive."""
    look(engine)
    if engine.worker.others():
        engine.spawn(lambda: _look_again(engine))
    engine.spawn(lambda: _recover(engine))


def _recover(engine: "Engine") -> None:
    for kind in engine.kinds.values():
        if kind.recover and not engine.is_closing:
            with engine.in_app():
                kind.recover()


def _look_again(engine: "Engine") -> None:
    for seconds in LOOK_AGAIN_SECONDS:
        engine.pause(seconds)
        if engine.is_closing:
            return
        look(engine)


def look(engine: "Engine") -> None:
    """Settles every orphan now, and continues in the background what may be continued."""
    with engine.in_app():
        # A clock that was set back while nothing ran must not put new generations before old ones.
        ids.continue_after(db.session.scalar(select(func.max(Generation.id))) or "")
        for generation in fence.orphans(db.session(), engine.worker):
            settle(engine, generation)
        engine.worker.bury_the_dead()
        waiting = to_continue() if setting("restart.policy") == "continue" else []
    if waiting:
        engine.spawn(lambda: _continue_all(engine, waiting))


def settle(engine: "Engine", generation: Generation) -> None:
    """Takes an orphan and saves what it is known to have said; a wish to stop it is honoured."""
    with write() as session:
        generation = session.get_one(Generation, generation.id)
        is_ours = fence.take(session, generation, engine.worker.id)
        entries = journal.entries_of(session, generation.id)
    if is_ours:
        reason = "user" if generation.stop_requested_at else "server_restart"
        service.settle_orphan(engine, generation, entries, wished(reason, has_text=True))
        log.info("%s was cut by a restart; %d entries were saved", generation.id, len(entries))


def to_continue() -> list[str]:
    """What a restart has cut within the last minutes and nobody has continued since, oldest first."""
    later = aliased(Generation)
    query = (
        select(Generation)
        .outerjoin(later, (later.message_id == Generation.message_id) & (later.id > Generation.id))
        .where(
            Generation.reason == "server_restart",
            Generation.status == "interrupted",
            Generation.heartbeat_at > utc_now() - WITHIN,
            later.id.is_(None),
        )
        .order_by(Generation.id)
    )
    return [generation.id for generation in db.session.scalars(query) if _restarts(generation) <= AT_MOST]


def _restarts(generation: Generation) -> int:
    cut = select(Generation.id).where(Generation.message_id == generation.message_id, Generation.reason == "server_restart")
    return len(db.session.scalars(cut).all())


def _continue_all(engine: "Engine", waiting: list[str]) -> None:
    for id in waiting:
        while len(engine.live) >= AT_ONCE:
            engine.pause(0.25)
        if engine.is_closing:
            return
        with engine.in_app():
            _go_on(engine, id)


def _go_on(engine: "Engine", id: str) -> None:
    try:
        generation = db.session.get_one(Generation, id)
        if go_on := engine.kinds[generation.kind].go_on:
            go_on(generation)
    except (AppError, SQLAlchemyError) as error:
        # Somebody continued or deleted it meanwhile, or every place is taken: it stays as it is and offers Continue.
        # An error of the database would tell what was to be written.
        log.info("%s is not continued: %s", id, error.message if isinstance(error, AppError) else type(error).__name__)
