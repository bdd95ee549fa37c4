"""What local servers say of their models' contexts besides the list: llama.cpp, LM Studio and Ollama. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from webapp.base.untrusted_json import dict_of
from webapp.models.providers.base import Model
from webapp.models.providers.values import count_of, dicts_of, name_of

Lengths = Iterator[tuple[str, Any]]


def _llama_cpp(value: Any) -> Lengths:
    # One model, with what it was started with rather than trained for.
    yield "", dict_of(dict_of(value).get("default_generation_settings")).get("n_ctx")


def _lm_studio(value: Any) -> Lengths:
    for model in dicts_of(dict_of(value).get("data")):
        yield name_of(model.get("id")), model.get("loaded_context_length") or model.get("max_context_length")


def _ollama(value: Any) -> Lengths:
    for model in dicts_of(dict_of(value).get("models")):
        yield name_of(model.get("name")), model.get("context_length")


# By what a server's list names as the owner: where it tells more, beside `/v1`, and how to read that.
ASKED: Mapping[str, tuple[str, Callable[[Any], Lengths]]] = {
    "llamacpp": ("/props", _llama_cpp),
    "organization_owner": ("/api/v0/models", _lm_studio),
    "library": ("/api/ps", _ollama),
}


def with_lengths(models: Sequence[Model], listed: Any, beside: Callable[[str], Any]) -> tuple[Model, ...]:
    """Returns the models with what their server tells beside the list; `beside` asks it, and returns None if it can't say."""
    owners = {str(model.get("owned_by")) for model in dicts_of(dict_of(listed).get("data"))}
    if not (asked := next((ASKED[owner] for owner in ASKED if owner in owners), None)):
        return tuple(models)
    path, read = asked
    lengths = {id: size for id, value in read(beside(path)) if (size := count_of(value))}
    return tuple(replace(model, context_length=_length(model, lengths)) for model in models)


def _length(model: Model, lengths: Mapping[str, int]) -> int | None:
    return lengths.get(model.id) or lengths.get("") or model.context_length
