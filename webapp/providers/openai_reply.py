"""What an OpenAI-compatible server answers, read with forgiveness. Pure."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from webapp.providers.base import Model, Reply
from webapp.streaming.events import Delta, Event, Reasoning, Usage

# What servers call their ends; every other word means that the model was done.
LENGTH = {"length", "max_tokens", "model_length", "max_output_tokens"}
FILTERED = {"content_filter", "content_filtered", "safety", "refusal"}


class Reading:
    """Folds the chunks of one streamed reply: `finish` is empty until the terminal marker has been seen."""

    def __init__(self) -> None:
        self.finish = ""
        self.usage: Usage | None = None
        self._index: Any = None
        self._text, self._thought = Unbroken(), Unbroken()

    def take(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        """What the chunk adds; the last usage and the first finish count."""
        self.usage = usage_of(chunk.get("usage")) or self.usage
        choice = self._ours(chunk)
        said = choice.get("delta") or choice.get("message")
        if isinstance(said, dict):
            if thought := self._thought.take(thought_of(said)):
                yield Reasoning(thought)
            if text := self._text.take(words_of(said)):
                yield Delta(text)
        self.finish = self.finish or reason_of(choice)

    def _ours(self, chunk: Mapping[str, Any]) -> Mapping[str, Any]:
        # One answer was asked for. A server may number it as it likes, but it is the one that spoke first.
        for choice in choices_of(chunk):
            index = choice.get("index", self._index or 0)
            if self._index is None:
                self._index = index
            if index == self._index:
                return choice
        return {}


class Unbroken:
    """Text whose characters may come in halves: joins surrogates over cuts, and drops NUL, which no database takes."""

    def __init__(self) -> None:
        self._half = ""

    def take(self, text: str) -> str:
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        whole = text[: len(text) - len(self._half)].replace("\0", "")
        if whole.isascii():
            return whole
        return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def parsed(text: str | bytes) -> dict[str, Any] | None:
    """A JSON object, or None for everything else that may come in its place."""
    try:
        value = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError, InvalidOperation):
        return None
    # Gemini wraps its errors in a list of one.
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return value if isinstance(value, dict) else None


def error_of(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """The error that a reply or a chunk of one reports, wherever the server puts it."""
    if value.get("error"):
        return _fields(value["error"])
    if value.get("object") == "error":
        return dict(value)
    for choice in choices_of(value):
        if choice.get("error") or choice.get("finish_reason") == "error":
            return _fields(choice.get("error") or {})
    return None


def reply_of(value: Mapping[str, Any]) -> Reply | None:
    """A whole reply; None when there is no choice in it."""
    for choice in choices_of(value):
        said = choice.get("message") or choice.get("delta") or {}
        if isinstance(said, dict):
            text, thought = Unbroken().take(words_of(said)), Unbroken().take(thought_of(said))
            return Reply(text, thought, usage_of(value.get("usage")), reason_of(choice) or "stop", str(value.get("model") or ""))
    return None


def models_of(value: Any) -> tuple[Model, ...]:
    """The models of a list, which is bare with some servers."""
    listed = value.get("data") or value.get("models") if isinstance(value, dict) else value
    return tuple(
        Model(model["id"], str(model.get("name") or model["id"]), context_of(model))
        for model in (listed if isinstance(listed, list) else [])
        if isinstance(model, dict) and isinstance(model.get("id"), str)
    )


def context_of(model: Mapping[str, Any]) -> int | None:
    """How many tokens the model takes, in the words of OpenRouter, vLLM and others."""
    names = ("context_length", "max_model_len", "context_window")
    return next((size for name in names if (size := _count(model.get(name)))), None)


def usage_of(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None
    usage = Usage(_count(value.get("prompt_tokens")), _count(value.get("completion_tokens")), cost_of(value.get("cost")))
    return None if usage == Usage() else usage


def cost_of(value: Any) -> str | None:
    """Decimal text without an exponent; None when it is not a sum that anybody could have been charged."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        cost = Decimal(str(value))
        if not cost.is_finite() or cost < 0 or cost.adjusted() > 8:
            return None
        return f"{cost.quantize(Decimal('1e-15')).normalize():f}"
    except InvalidOperation:
        return None


def reason_of(choice: Mapping[str, Any]) -> str:
    finish = choice.get("finish_reason")
    if not isinstance(finish, str) or not finish or finish == "error":
        return ""
    word = finish.lower()
    return "length" if word in LENGTH else "content_filter" if word in FILTERED else "stop"


def choices_of(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    choices = value.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def words_of(said: Mapping[str, Any]) -> str:
    """What the person is told: the content, and a refusal, which some servers put beside it."""
    return _joined(said.get("content"), "text") + _joined(said.get("refusal"), "text")


def thought_of(said: Mapping[str, Any]) -> str:
    """The reasoning, once: servers in transition send it under both names."""
    return (
        _joined(said.get("reasoning"), "text")
        or _joined(said.get("reasoning_content"), "text")
        or _joined(said.get("content"), "thinking")
    )


def _joined(content: Any, kind: str) -> str:
    if isinstance(content, str):
        return content if kind == "text" else ""
    if not isinstance(content, list):
        return ""
    parts = [part for part in content if isinstance(part, dict) and part.get("type", "text") == kind]
    return "".join(_joined(part.get(kind), "text") for part in parts)


def _fields(error: Any) -> dict[str, Any]:
    return error if isinstance(error, dict) else {"message": str(error)}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
