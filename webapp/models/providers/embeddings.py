"""Embeddings in OpenAI's format: splits requests into batches and parses the replies. Pure."""

import math
import struct
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from webapp.base.untrusted_json import JsonObject
from webapp.models.providers.base import Embedded
from webapp.models.providers.values import count_of, dicts_of, name_of, openai_usage
from webapp.streaming.events import Usage

PATH = "/embeddings"
# A reply has a number for each dimension of each text, all of them parsed in one step.
MOST_TEXTS = 16
Vector = tuple[float, ...]


def embedded(model: str, texts: Sequence[str], ask: Callable[[JsonObject], Embedded]) -> Embedded:
    """Embeds all texts, in batches; the usage is unknown if that of any batch is."""
    parts = [ask({"model": model, "input": list(piece)}) for piece in _pieces(texts)]
    vectors = tuple(vector for part in parts for vector in part.vectors)
    return Embedded(vectors, _together([part.usage for part in parts]))


def embedded_in(value: Mapping[str, Any], count: int) -> Embedded | None:
    """Parses one reply; returns None if it does not have a vector for each text."""
    rows = dicts_of(value.get("data"))
    # Most servers number the rows, and not all keep the order of the texts.
    ordered = sorted(rows, key=lambda row: count_of(row.get("index")) or 0)
    vectors = tuple(vector for row in ordered if (vector := _vector(row.get("embedding"))))
    if len(vectors) != count or len({len(vector) for vector in vectors}) != 1:
        return None
    usage, model = openai_usage(value.get("usage")) or Usage(), name_of(value.get("model"))
    return Embedded(vectors, Usage(usage.input_tokens, None, usage.cost, model))


def _pieces(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (texts[start : start + MOST_TEXTS] for start in range(0, len(texts), MOST_TEXTS))


def _vector(value: Any) -> Vector:
    """Returns a text's vector; of a model that has one for each token, as llama.cpp sends them, their mean. Empty for neither."""
    if not (isinstance(value, list) and value and isinstance(value[0], list)):
        return _numbers(value)
    vectors = [_numbers(one) for one in value]
    if len({len(vector) for vector in vectors}) != 1:
        return ()
    return tuple(sum(column) / len(vectors) for column in zip(*vectors, strict=True))


def _numbers(value: Any) -> Vector:
    """Returns a vector from numbers or base64-encoded floats, which some servers send; empty if it is neither."""
    if isinstance(value, str):
        value = _unpacked(value)
    if not isinstance(value, list) or not all(isinstance(number, int | float | Decimal) for number in value):
        return ()
    try:
        vector = tuple(map(float, value))
    except OverflowError:
        return ()
    return vector if all(map(math.isfinite, vector)) else ()


def _unpacked(text: str) -> list[float]:
    try:
        content = b64decode(text, validate=True)
        return list(struct.unpack(f"<{len(content) // 4}f", content))
    except (ValueError, struct.error):
        return []


def _together(usages: list[Usage]) -> Usage:
    if not usages:
        return Usage()
    tokens = [usage.input_tokens for usage in usages]
    costs = [usage.cost for usage in usages]
    return Usage(
        None if None in tokens else sum(token or 0 for token in tokens),
        None,
        None if None in costs else f"{sum(Decimal(cost or 0) for cost in costs):f}",
        usages[-1].model,
    )
