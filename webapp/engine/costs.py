"""Settles the cost of stopped and broken answers by querying the provider later."""

import logging
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from webapp.base.db import db, write
from webapp.base.errors import AppError
from webapp.engine.engine import Engine
from webapp.engine.tables import Generation
from webapp.models.connections.models import providers
from webapp.models.providers.base import ProviderError
from webapp.streaming.events import Usage
from webapp.streaming.stop import Stop

log = logging.getLogger("generation:costs")

# Providers finish counting only some time after the connection was closed.
ASK_AFTER_SECONDS = (1.0, 3.0, 10.0, 30.0, 120.0)


def settle_later(engine: Engine, generation: Generation) -> None:
    """Queries an unknown cost in a greenlet of its own, if the provider supports that; otherwise it stays unknown."""
    if generation.cost is None and generation.upstream_id:
        id, stop = generation.id, Stop(engine.signal)
        engine.other_requests.add(stop)
        engine.spawn(lambda: _settle(engine, id, stop))


def _settle(engine: Engine, id: str, stop: Stop) -> None:
    try:
        for seconds in ASK_AFTER_SECONDS:
            if stop.wait(seconds) or _is_settled(engine, id):
                return
    finally:
        engine.other_requests.discard(stop)


def _is_settled(engine: Engine, id: str) -> bool:
    with engine.in_app():
        try:
            if usage := _requested_usage(id):
                _store(engine, id, usage)
                return True
        except (ProviderError, AppError, SQLAlchemyError) as error:
            log.info("the cost of %s is not known yet: %s", id, type(error).__name__)
    return False


def _requested_usage(id: str) -> Usage | None:
    generation = db.session.get_one(Generation, id)
    model, upstream_id = generation.model_asked, generation.upstream_id
    provider = providers().of(model)
    # No database connection is held while waiting for the provider.
    db.session.rollback()
    return provider.settle(upstream_id)


def _store(engine: Engine, id: str, usage: Usage) -> None:
    known: dict[str, Any] = {
        name: value
        for name, value in (("cost", usage.cost), ("input_tokens", usage.input_tokens), ("output_tokens", usage.output_tokens))
        if value is not None
    }
    if not known:
        return
    with write() as session:
        session.execute(update(Generation).where(Generation.id == id).values(**known))
        if generation := session.get(Generation, id, populate_existing=True):
            engine.gate.correct(session, generation)
    generation = db.session.get_one(Generation, id)
    engine.kinds[generation.kind].priced(generation)
