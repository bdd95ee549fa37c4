"""View models of connections and models for pages."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.models import providers
from webapp.models.providers.base import Model
from webapp.web.filters import number, plural

SOURCES = {"stored": "key stored", "environment": "key from the environment"}


@dataclass(frozen=True)
class ShownConnection:
    """A row in the list; `tone` is ok, bad or empty if unknown, and `trouble` is the error message of a failed test."""

    slug: str
    name: str
    source: str
    how: str
    tone: str
    state: str
    at: datetime | None
    trouble: str


def connection(live: LiveConnection) -> ShownConnection:
    tone, state, at = _state(live)
    trouble = live.check_result if tone == "bad" and at else ""
    return ShownConnection(live.slug, live.name, _source(live), _how(live), tone, state, at, trouble)


def key_words(live: LiveConnection) -> str:
    """Returns the source of the key and the part of it that can be shown."""
    if live.key.source == "none":
        return "no key"
    ending = f", ends in {live.key.last_four}" if live.key.last_four else ""
    return f"{SOURCES[live.key.source]}{ending}"


def price(text: str) -> str:
    """Formats dollars per million tokens: `$3`, `$0.15`, `free`; empty if the price is unknown."""
    try:
        dollars = Decimal(text)
    except InvalidOperation:
        return ""
    if not dollars:
        return "free"
    return f"${dollars.normalize():f}" if dollars == dollars.to_integral() or dollars < Decimal("0.1") else f"${dollars:.2f}"


def model_line(model: Model) -> str:
    """Returns a line about a model: its price and its context length."""
    costs = (price(model.prompt_price), price(model.completion_price))
    prices = f"{costs[0]} in, {costs[1]} out per million tokens" if all(costs) else ""
    takes = f"{number(model.context_length)} tokens of context" if model.context_length else ""
    return " · ".join(filter(None, (prices, takes)))


def _source(live: LiveConnection) -> str:
    if live.key.source == "none":
        return "no key needed" if live.kind == "openai" else "no key"
    return SOURCES[live.key.source]


def _how(live: LiveConnection) -> str:
    ending = f"key ends in {live.key.last_four}" if live.key.last_four else ""
    address = "" if live.is_built_in and not live.own_address else live.base_url
    count = plural(len(live.models), "model") if live.models else ""
    left_out = f"{number(live.left_out)} left out" if live.left_out else ""
    default = f"default {live.default_model}" if live.default_model else ""
    return " · ".join(filter(None, (address, ending, count, left_out, default)))


def _state(live: LiveConnection) -> tuple[str, str, datetime | None]:
    if not live.is_enabled:
        return "", "turned off", None
    if live.key.trouble:
        return "bad", "key can't be read", None
    if not live.is_usable:
        return "", "not connected", None
    if live.refused_at:
        return "bad", "not working", live.refused_at
    if live.is_working is None:
        return "", "not tested yet", None
    return ("ok", "works", live.checked_at) if live.is_working else ("bad", "not working", live.checked_at)


def refused_connections() -> list[LiveConnection]:
    """Returns the connections in use whose server refuses the key."""
    return [live for live in providers().connections() if live.is_usable and live.refused_at]
