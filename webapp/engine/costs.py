"""The cost of answers: as text, settled later with the provider, and kept when their text is deleted."""

import logging
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, case, delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.languages import gettext as _
from webapp.engine.engine import Engine
from webapp.engine.tables import NOT_HERE, WHILE_ACTIVE, Generation, JournalRow
from webapp.models.connections.cache import the_connections
from webapp.models.connections.keys import BUILT_IN
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ProviderError
from webapp.streaming.events import Usage
from webapp.streaming.stop import Stop

log = logging.getLogger("generation:costs")

# Providers finish counting only some time after the connection was closed.
ASK_AFTER_SECONDS = (1.0, 3.0, 10.0, 30.0, 120.0)
LEAST = Decimal("0.0001")
# After these failures, the server can have generated text that never arrived, or reasoning alone.
SILENT = {"stall", "cut", "total_time", "no_text"}
# Values that replace everything that can contain text of the chat or the plan.
WORDLESS: dict[str, Any] = {"message_id": None, "prompt": {}, "notices": [], "attempts": [], "error": "", "sent_as": None}
# How many generations are detached from their user per transaction.
AT_ONCE = 500


def cost(generations: Sequence[Generation]) -> str:
    """Returns the sum of the costs; empty if no model generated anything."""
    accepted = [generation for generation in generations if not was_refused(generation)]
    priced = [generation for generation in accepted if not (generation.is_demo or generation.model_asked.startswith("demo/"))]
    if not priced:
        return "demo" if accepted else ""
    with_cost = [generation for generation in priced if generation.cost is not None]
    if any(_is_priced(generation.connection) for generation in priced if generation.cost is None):
        return _("cost unknown")
    return in_dollars(sum((Decimal(generation.cost or 0) for generation in with_cost), Decimal())) if with_cost else ""


def in_dollars(total: Decimal) -> str:
    """Formats dollars to a hundredth of a cent; a positive amount is never shown as zero."""
    if not total:
        return _("free")
    return f"${total:,.4f}" if total >= LEAST else _("under %(cost)s", cost="$" + str(LEAST))


def sum_in_dollars(total: Decimal) -> str:
    """Formats a sum of costs; `$0` if nothing was paid."""
    return in_dollars(total) if total else "$0"


def _is_priced(slug: str) -> bool:
    """Returns whether this connection costs money; for a deleted connection, that is unknown."""
    return slug in ("", BUILT_IN) or the_connections().is_priced(slug)


def was_refused(generation: Generation) -> bool:
    """Returns whether no model can have generated anything; also accepts a row with the same columns."""
    is_silent = generation.reason in SILENT or bool(generation.upstream_id)
    return generation.status == "failed" and generation.cost is None and generation.output_tokens is None and not is_silent


def settle_later(engine: Engine, generation: Generation) -> None:
    """Queries an unknown cost in a greenlet of its own, if the provider supports that; otherwise it stays unknown."""
    if generation.cost is None and generation.upstream_id:
        engine.in_background(partial(_settle, engine, generation.id))


def _settle(engine: Engine, id: str, stop: Stop) -> None:
    for seconds in ASK_AFTER_SECONDS:
        if stop.wait(seconds) or _is_settled(engine, id):
            return


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
    provider = providers().for_model(model, person=generation.user_id or "")
    # No database connection is held while waiting for the provider.
    db.session.rollback()
    return provider.settle(upstream_id)


def _store(engine: Engine, id: str, usage: Usage) -> None:
    columns: dict[str, Any] = {
        name: value
        for name, value in (("cost", usage.cost), ("input_tokens", usage.input_tokens), ("output_tokens", usage.output_tokens))
        if value is not None
    }
    if not columns:
        return
    with write() as session:
        session.execute(update(Generation).where(Generation.id == id).values(**columns))
        if generation := session.get(Generation, id, populate_existing=True):
            engine.admission.gate.correct(session, generation)
    generation = db.session.get_one(Generation, id)
    engine.kinds[generation.kind].priced(generation)


def of_messages(messages: Select[str]) -> ColumnElement[bool]:
    """Selects the messages' generations that count as a user's usage: no imported ones, and none of visitors."""
    return Generation.message_id.in_(messages) & (Generation.kind != NOT_HERE) & Generation.user_id.is_not(None)


def keep_costs_alone(session: Session, condition: ColumnElement[bool]) -> None:
    """Removes all text from these generations and detaches them from their messages, so that no cascade deletes them."""
    session.execute(delete(JournalRow).where(JournalRow.generation_id.in_(select(Generation.id).where(condition))))
    # Requests a stop: a generation that another page has just begun could no longer be found, and so not be stopped.
    stop_at = case((WHILE_ACTIVE, utc_now()), else_=Generation.stop_requested_at)
    loose = update(Generation).where(condition).values(**WORDLESS, stop_requested_at=stop_at)
    session.execute(loose.execution_options(synchronize_session=False))


def forget_asker(person_id: str) -> None:
    """Removes the user from their generations, in batches: an account being deleted can have any number."""
    while _forget_some(person_id):
        queue_for_turn()


def _forget_some(person_id: str) -> bool:
    with write() as session:
        theirs = select(Generation.id).where(Generation.user_id == person_id).limit(AT_ONCE)
        if ids := session.scalars(theirs).all():
            loose = update(Generation).where(Generation.id.in_(ids)).values(user_id=None)
            session.execute(loose.execution_options(synchronize_session=False))
    return bool(ids)
