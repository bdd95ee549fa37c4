"""Reads values from the JSON of servers with validation: objects, counts, costs, names and text. Pure."""

from decimal import Decimal, DecimalException
from typing import Any

from webapp.base.untrusted_json import JsonObject, dict_of, list_of
from webapp.models.upstream.bounded_json import MOST_PARTS, UnreadableJson, load
from webapp.streaming.events import Delta, Reasoning, Text, Usage

LONGEST_NAME = 200
LONGEST_ID = 120
LONGEST_NUMBER = 60
MOST = 2**31 - 1


class TextCleaner:
    """Joins surrogate pairs that are split between pieces of text, and drops NUL, which no database accepts."""

    def __init__(self) -> None:
        self._half = ""

    def take(self, text: str) -> str:
        if not self._half and text.isascii() and "\0" not in text:
            return text
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        whole = text[: len(text) - len(self._half)].replace("\0", "")
        if whole.isascii():
            return whole
        return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def only(text: str, thought: str) -> Text | None:
    """Returns the text or the reasoning if exactly one of them is not empty, else None."""
    if bool(text) == bool(thought):
        return None
    return Delta(text) if text else Reasoning(thought)


def parsed(text: str | bytes, *, most_parts: int = MOST_PARTS) -> JsonObject | None:
    """Parses a JSON object; returns None for anything else that can arrive in its place."""
    try:
        value = load(text, most_parts=most_parts)
    except UnreadableJson:
        return None
    # Gemini wraps its errors in a list of one item.
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return value if isinstance(value, dict) else None


def dicts_of(value: Any) -> list[JsonObject]:
    return [entry for entry in list_of(value) if isinstance(entry, dict)]


def count_of(value: Any) -> int | None:
    """Returns a count that a database can store; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST else None


def cost_of(value: Any, *, times: int = 1) -> str | None:
    """Returns the cost as decimal text without an exponent; None if it is not a plausible amount."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, str) and len(value) > LONGEST_NUMBER:
        return None
    try:
        cost = Decimal(value if isinstance(value, int | Decimal) else str(value)) * times
        if not cost.is_finite() or cost < 0 or cost.adjusted() > 8:
            return None
        return f"{cost.quantize(Decimal('1e-15')).normalize():f}"
    except (DecimalException, ValueError):
        return None


def charged(cost: Any, elsewhere: Any, *, is_own_key: Any) -> str | None:
    """Returns the cost of an answer at OpenRouter; with the customer's own key, includes the charge by the model's provider."""
    here, there = cost_of(cost), cost_of(elsewhere) if is_own_key is True else None
    return cost_of(Decimal(here) + Decimal(there)) if here and there else here


def name_of(value: Any) -> str:
    """Returns a name from a server in a form that can be stored."""
    # Truncated first, because each character is checked.
    return "".join(char for char in value[:LONGEST_NAME] if char.isprintable()) if isinstance(value, str) else ""


def id_of(value: Any) -> str:
    """Returns an id from a server; empty if it can't be one to query later."""
    is_id = isinstance(value, str) and len(value) <= LONGEST_ID and value.isascii() and value.isprintable()
    return value if is_id else ""


def openai_usage(value: Any) -> Usage | None:
    """Returns the counts and the cost as OpenAI-compatible servers report them, with answers and with embeddings."""
    if not (reported := dict_of(value)):
        return None
    elsewhere = dict_of(reported.get("cost_details")).get("upstream_inference_cost")
    cost = charged(reported.get("cost"), elsewhere, is_own_key=reported.get("is_byok"))
    usage = Usage(count_of(reported.get("prompt_tokens")), count_of(reported.get("completion_tokens")), cost)
    return None if usage == Usage() else usage
