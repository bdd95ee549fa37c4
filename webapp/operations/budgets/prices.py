"""Estimates for a request to a model: its price, and the usual length of its answers."""

import time
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.base.current import PerApp
from webapp.engine.tables import Generation
from webapp.models.connections.models import DEMO, providers
from webapp.operations.budgets.amounts import FREE, Price, per_million
from webapp.settings.service import setting

# For a model without answers yet.
USUAL_TOKENS = 1_000
LATEST_ANSWERS, FRESH_SECONDS = 200, 60.0


@dataclass
class _Memory:
    """A cache of the median answer length by model; as an estimate, it can be a minute old."""

    medians: dict[str, int] = field(default_factory=dict)
    read_at: float = float("-inf")


MEMORY = PerApp(_Memory)


def price_of(model: str) -> Price:
    """Returns the token price of this model, or of the most expensive one among its fallbacks."""
    prices = [_price(each) for each in providers().chain(model)]
    return Price(max(each.input for each in prices), max(each.output for each in prices))


def usual_tokens(session: Session, model: str) -> int:
    """Returns the usual length of this model's answers in tokens, from recent ones."""
    memory = MEMORY.get()
    if time.monotonic() - memory.read_at >= FRESH_SECONDS:
        memory.read_at = time.monotonic()
        memory.medians = _read(session)
    return memory.medians.get(model, USUAL_TOKENS)


def _price(model: str) -> Price:
    known = providers()
    if model.startswith(DEMO):
        return FREE
    listed = known.model(model)
    if listed and (price := per_million(listed.prompt_price, listed.completion_price)):
        return price
    assumed = Decimal(str(setting("budgets.unknown_price"))) * 1000
    return Price(assumed, assumed) if known.is_priced(known.connection_of(model)) else FREE


def _read(session: Session) -> dict[str, int]:
    last = select(Generation.model_asked, Generation.output_tokens).order_by(Generation.id.desc()).limit(LATEST_ANSWERS)
    lengths: dict[str, list[int]] = {}
    for model, tokens in session.execute(last):
        if tokens:
            lengths.setdefault(model, []).append(tokens)
    return {model: sorted(each)[len(each) // 2] for model, each in lengths.items()}
