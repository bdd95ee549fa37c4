"""View models of connections and models for pages."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from urllib.parse import urlsplit

from webapp.base.languages import gettext as _
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import LiveConnection
from webapp.models.providers.base import Model
from webapp.web.filters import number, plural

# A usual answer, for prices in words: a short chat's prompt and a few paragraphs.
TYPICAL_PROMPT, TYPICAL_TEXT = 1500, 500
ABILITIES = {"vision": "Pictures", "makes": "Creates pictures", "reasoning": "Reasoning", "tools": "Tools"}
FINER_ABILITIES = {"json": "JSON", "top_p": "top-p", "stop": "stop sequences"}
# What a field of one model can have in its place, with the words for it, by the name of the field.
NO_MODEL: Mapping[str, Mapping[str, str]] = {
    "models.titles": {"": "The chat's own model", "off": "No model: the first words"},
    "model": {"": "All models"},
}
SOURCES = {"stored": "key stored", "environment": "key from the environment"}
SOURCES_WITH_ENDING = {
    "stored": "key stored, ends in %(characters)s",
    "environment": "key from the environment, ends in %(characters)s",
}


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
        return _("no key")
    if live.key.last_four:
        return _(SOURCES_WITH_ENDING[live.key.source], characters=live.key.last_four)
    return _(SOURCES[live.key.source])


def price(text: str) -> str:
    """Formats dollars per million tokens: `$3`, `$0.15`, `free`; empty if the price is unknown."""
    try:
        dollars = Decimal(text)
    except InvalidOperation:
        return ""
    if not dollars:
        return _("free")
    return f"${dollars.normalize():f}" if dollars == dollars.to_integral() or dollars < Decimal("0.1") else f"${dollars:.2f}"


def price_words(model: Model, server: LiveConnection | None) -> str:
    """Says what an answer costs, in words: of about 1,500 tokens of prompt and 500 of text."""
    if not model.prompt_price or not model.completion_price:
        return _("free") if server is None else runs_on(server)
    cents = (TYPICAL_PROMPT * Decimal(model.prompt_price) + TYPICAL_TEXT * Decimal(model.completion_price)) / 10_000
    if not cents:
        return _("free")
    if cents >= 100:
        dollars = f"${cents / 100:.2f}"
        return _("about %(cost)s an answer", cost=dollars)
    answers = next((answers for answers in (1, 10, 100, 1000) if answers * cents >= Decimal("0.75")), 0)
    if not answers:
        return _("less than 1 cent for 1,000 answers")
    amount = plural(round(answers * cents), "cent")
    if answers == 1:
        return _("about %(cost)s an answer", cost=amount)
    return _("about %(cost)s for %(answers)s answers", cost=amount, answers=number(answers))


def runs_on(server: LiveConnection) -> str:
    """Says whether a server is this machine or in its network; empty for any other."""
    host = urlsplit(server.base_url).hostname or ""
    with suppress(ValueError):
        address = ip_address(host)
        return _("runs on your machine") if address.is_loopback else _("runs on your network") if address.is_private else ""
    if host in ("localhost", "host.docker.internal"):
        return _("runs on your machine")
    return _("runs on your network") if host and ("." not in host or host.endswith((".local", ".lan", ".internal"))) else ""


def abilities(model: Model) -> list[str]:
    """Returns what a model can do besides writing, in words, as far as its server says so."""
    makes = ("makes",) if model.modalities or model.draws else ()
    able = {*(model.abilities or ()), *(("reasoning",) if model.efforts else ()), *makes}
    return [_(words) for ability, words in ABILITIES.items() if ability in able]


def context(tokens: int) -> str:
    """Formats a context length: 128K, 1M."""
    if tokens < 1000:
        return number(tokens)
    # Powers of two are called by their thousands, too: 131,072 tokens are 128K.
    thousand = 1024 if tokens & (tokens - 1) == 0 else 1000
    thousands = tokens / thousand
    return f"{thousands / thousand:.3g}M" if thousands >= thousand else f"{round(thousands)}K"


def exact(model: Model, server: LiveConnection | None) -> list[tuple[str, str]]:
    """Returns the details of a model by their names: its id, and what words round off."""
    prices = _prices(model)
    more = [_(words) for ability, words in FINER_ABILITIES.items() if ability in (model.abilities or ())]
    return [
        (_("Id"), model.id),
        *([(_("Maker"), model.maker)] if model.maker else []),
        *([(_("Connection"), server.name)] if server else []),
        *([(_("Price"), prices)] if prices else []),
        *([(_("Context"), plural(model.context_length, "token"))] if model.context_length else []),
        *([(_("Also supports"), ", ".join(more))] if more else []),
    ]


def model_line(model: Model) -> str:
    """Returns a line about a model: its price and its context length."""
    tokens = number(model.context_length) if model.context_length else ""
    takes = _("%(tokens)s tokens of context", tokens=tokens) if tokens else ""
    return " · ".join(filter(None, (_prices(model), takes)))


def _prices(model: Model) -> str:
    prompt, answer = price(model.prompt_price), price(model.completion_price)
    return _("%(prompt)s in, %(answer)s out per million tokens", prompt=prompt, answer=answer) if prompt and answer else ""


def _source(live: LiveConnection) -> str:
    if live.key.source == "none":
        return _("no key needed") if live.kind == "openai" else _("no key")
    return _(SOURCES[live.key.source])


def _how(live: LiveConnection) -> str:
    last_four = live.key.last_four
    ending = _("key ends in %(characters)s", characters=last_four) if last_four else ""
    address = "" if live.is_built_in and not live.own_address else live.base_url
    count = plural(len(live.models), "model") if live.models else ""
    left_out = _("%(count)s left out", count=number(live.left_out)) if live.left_out else ""
    default = _("default %(model)s", model=live.default_model) if live.default_model else ""
    return " · ".join(filter(None, (address, ending, count, left_out, default)))


def _state(live: LiveConnection) -> tuple[str, str, datetime | None]:
    if not live.is_enabled:
        return "", _("turned off"), None
    if live.key.trouble:
        return "bad", _("key can't be read"), None
    if not live.is_usable:
        return "", _("not connected"), None
    if live.refused_at:
        return "bad", _("not working"), live.refused_at
    if live.is_working is None:
        return "", _("not tested yet"), None
    return ("ok", _("works"), live.checked_at) if live.is_working else ("bad", _("not working"), live.checked_at)


def refused_connections() -> list[LiveConnection]:
    """Returns the connections in use whose server refuses the key."""
    return [live for live in the_connections().usable() if live.refused_at]
