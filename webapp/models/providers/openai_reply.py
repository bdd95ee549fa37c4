"""Parses replies of OpenAI-compatible servers, tolerating their deviations. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from webapp.models.providers.base import ABILITIES, Model, Reply
from webapp.models.providers.openai_request import EFFORTS, efforts_of
from webapp.models.providers.values import (
    TextCleaner,
    charged,
    cost_of,
    count_of,
    dict_of,
    dicts_of,
    id_of,
    list_of,
    name_of,
    only,
)
from webapp.streaming.events import Delta, Event, Reasoning, Text, Usage

# The values of `finish_reason` that servers use for a reached limit; every value that is not in these sets means that the model
# finished.
LENGTH = {"length", "max_tokens", "model_length", "max_output_tokens"}
# OpenRouter lists 500.
MOST_MODELS = 3000
FILTERED = {"content_filter", "content_filtered", "safety", "refusal"}


class OpenAIReader:
    """Parses the chunks of one streamed reply; `finish` is empty until the terminal marker has been seen.

    With `keeps_id`, the answer's id is kept, for a server that can report the cost of an answer later.
    """

    # Chunks can follow the terminal marker, until [DONE].
    is_over = False

    def __init__(self, known: Usage, *, keeps_id: bool = False) -> None:
        self.finish = ""
        self._known, self._keeps_id = known, keeps_id
        self._counted: Usage | None = None
        self._index: Any = None
        self._cleaners: dict[type[Text], TextCleaner] = {Delta: TextCleaner(), Reasoning: TextCleaner()}

    @property
    def usage(self) -> Usage | None:
        return self._known.updated(self._counted) if self._counted else None

    def take(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        """Yields what the chunk adds; the last usage and the first finish reason count."""
        if (known := identified(chunk, self._known, keeps_id=self._keeps_id)) != self._known:
            self._known = known
            yield known
        self._counted = usage_of(chunk.get("usage")) or self._counted
        choice = self._ours(chunk)
        message = dict_of(choice.get("delta") or choice.get("message"))
        yield from self.text_events(Reasoning, thought_of(message))
        yield from self.text_events(Delta, words_of(message))
        self.finish = self.finish or reason_of(choice)

    def plain(self, chunk: Mapping[str, Any]) -> Text | None:
        choice = self._ours(chunk)
        message = dict_of(choice.get("delta") or choice.get("message"))
        is_known = identified(chunk, self._known, keeps_id=self._keeps_id) == self._known
        if not is_known or usage_of(chunk.get("usage")) or reason_of(choice):
            return None
        return only(words_of(message), thought_of(message))

    def text_events(self, kind: type[Text], text: str) -> Iterator[Event]:
        if text := self._cleaners[kind].take(text):
            yield kind(text)

    def _ours(self, chunk: Mapping[str, Any]) -> Mapping[str, Any]:
        # One answer was requested. A server can number it in any way, so the first one seen is used.
        for choice in dicts_of(chunk.get("choices")):
            index = choice.get("index", self._index or 0)
            if self._index is None:
                self._index = index
            if index == self._index:
                return choice
        return {}


def identified(chunk: Mapping[str, Any], known: Usage, *, keeps_id: bool) -> Usage:
    """Returns the usage with the model and the id of the answer; the first values count."""
    if known.model and (known.upstream_id or not keeps_id):
        return known
    id = id_of(chunk.get("id")) if keeps_id else ""
    return Usage(model=known.model or name_of(chunk.get("model")), upstream_id=known.upstream_id or id)


def reply_of(value: Mapping[str, Any], known: Usage, *, keeps_id: bool = False) -> Reply | None:
    """Parses a whole reply; returns None if it has no choice."""
    for choice in dicts_of(value.get("choices")):
        message = dict_of(choice.get("message") or choice.get("delta"))
        text, thought = TextCleaner().take(words_of(message)), TextCleaner().take(thought_of(message))
        known = identified(value, known, keeps_id=keeps_id)
        usage = known.updated(usage_of(value.get("usage")) or Usage())
        return Reply(text, thought, usage if usage != Usage() else None, reason_of(choice) or "stop", known.model)
    return None


def models_of(value: Any) -> tuple[Model, ...]:
    """Parses a list of models, which some servers send as a bare array."""
    listed = value.get("data") or value.get("models") if isinstance(value, dict) else value
    return tuple(_model(model) for model in dicts_of(listed)[:MOST_MODELS] if name_of(model.get("id")))


def _model(model: Mapping[str, Any]) -> Model:
    price = dict_of(model.get("pricing"))
    return Model(
        name_of(model["id"]),
        name_of(model.get("name")) or name_of(model["id"]),
        context_of(model),
        prompt_price=price_of(price.get("prompt")),
        completion_price=price_of(price.get("completion")),
        efforts=_efforts(model),
        takes_schema="structured_outputs" in list_of(model.get("supported_parameters")),
        abilities=_abilities(model),
    )


def context_of(model: Mapping[str, Any]) -> int | None:
    """Returns the context length in tokens, from the fields of OpenRouter, vLLM, others and llama.cpp."""
    named = [model.get(name) for name in ("context_length", "max_model_len", "context_window")]
    meta = dict_of(model.get("meta"))
    return next((size for value in (*named, meta.get("n_ctx"), meta.get("n_ctx_train")) if (size := count_of(value))), None)


def price_of(per_token: Any) -> str:
    """Returns the price of a million tokens; OpenRouter reports that of one, and -1 if it varies."""
    return cost_of(per_token, times=1_000_000) or ""


def _abilities(model: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Returns a model's abilities; OpenRouter reports them, most others don't."""
    parameters = model.get("supported_parameters")
    if not isinstance(parameters, list):
        return None
    seen = list_of(dict_of(model.get("architecture")).get("input_modalities"))
    names = {"vision": "image" in seen, "json": "response_format" in parameters or "structured_outputs" in parameters}
    return tuple(each for each in ABILITIES if names.get(each, each in parameters))


def _efforts(model: Mapping[str, Any]) -> tuple[str, ...]:
    reasoning, parameters = dict_of(model.get("reasoning")), model.get("supported_parameters")
    if isinstance(supported := reasoning.get("supported_efforts"), list):
        return tuple(
            effort for effort in EFFORTS if effort in supported and not (effort == "none" and reasoning.get("mandatory"))
        )
    if isinstance(parameters, list):
        return ("low", "medium", "high") if "reasoning" in parameters or "reasoning_effort" in parameters else ()
    return efforts_of(str(model["id"]))


def usage_of(value: Any) -> Usage | None:
    if not (reported := dict_of(value)):
        return None
    elsewhere = dict_of(reported.get("cost_details")).get("upstream_inference_cost")
    cost = charged(reported.get("cost"), elsewhere, is_own_key=reported.get("is_byok"))
    usage = Usage(count_of(reported.get("prompt_tokens")), count_of(reported.get("completion_tokens")), cost)
    return None if usage == Usage() else usage


def reason_of(choice: Mapping[str, Any]) -> str:
    finish = choice.get("finish_reason")
    if not isinstance(finish, str) or not finish or finish == "error":
        return ""
    word = finish.lower()
    return "length" if word in LENGTH else "content_filter" if word in FILTERED else "stop"


def words_of(message: Mapping[str, Any]) -> str:
    """Returns the text for the person: the content, and a refusal, which some servers send in a separate field."""
    return _joined(message.get("content"), "text") + _joined(message.get("refusal"), "text")


def thought_of(message: Mapping[str, Any]) -> str:
    """Returns the reasoning once: servers in transition send it under two names, OpenRouter also as details."""
    return (
        _joined(message.get("reasoning"), "text")
        or _joined(message.get("reasoning_content"), "text")
        or _joined(message.get("content"), "thinking")
        or _detailed(message.get("reasoning_details"))
    )


def _joined(content: Any, kind: str) -> str:
    if not content:
        return ""
    if isinstance(content, str):
        return content if kind == "text" else ""
    return "".join(_inner(part.get(kind)) for part in dicts_of(content) if part.get("type", "text") == kind)


def _inner(content: Any) -> str:
    """Returns the text of a part, which Mistral splits into parts again; no server nests deeper."""
    if isinstance(content, str):
        return content
    return "".join(text for part in dicts_of(content) if isinstance(text := part.get("text"), str))


def _detailed(details: Any) -> str:
    return "".join(_joined(part.get("text") or part.get("summary"), "text") for part in dicts_of(details))
