"""Builds requests for OpenAI-compatible servers. Pure."""

import json
import re
from collections.abc import Sequence
from typing import Any

from webapp.models.providers.base import SAMPLERS, Continuation, ModelRequest, Turn

# From least to most; OpenRouter supports all of them.
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# The sampling parameters that OpenAI accepts; it rejects the others.
OPENAIS = ("frequency_penalty", "presence_penalty")
# Models with an adjustable reasoning effort, by the names that every server uses.
REASONS = re.compile(r"(?:^|/)(?:o[1-9]|gpt-[5-9]|gpt-oss)(?![a-z])(?!.*-chat)")


def body(request: ModelRequest, continuation: Continuation, *, is_streamed: bool, is_openai: bool = False) -> dict[str, Any]:
    """Builds the body of a chat completion, with only the parameters that were set and that this server accepts."""
    payload: dict[str, Any] = {"model": request.model, "messages": messages(request, continuation), "stream": is_streamed}
    if is_streamed:
        payload["stream_options"] = {"include_usage": True}
    # OpenAI's reasoning models reject every temperature but their default, and the other sampling parameters.
    if not (is_openai and efforts_of(request.model)):
        wanted = {"temperature": request.temperature, "top_p": request.top_p, "stop": list(request.stop) or None}
        payload |= {name: value for name, value in wanted.items() if value is not None}
        payload |= _samplers(request, OPENAIS if is_openai else SAMPLERS)
    if request.max_tokens:
        # OpenAI's reasoning models also reject `max_tokens`, while most other servers know only that.
        payload["max_completion_tokens" if is_openai else "max_tokens"] = request.max_tokens
    if request.effort in efforts_of(request.model):
        payload["reasoning_effort"] = request.effort
    if request.is_json:
        payload["response_format"] = {"type": "json_object"}
    if request.schema:
        schema_format = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
        payload["response_format"] = {"type": "json_schema", "json_schema": schema_format}
    return payload


def _samplers(request: ModelRequest, known: Sequence[str]) -> dict[str, float]:
    samplers = {name: value for name, value in request.samplers.items() if name in known}
    # The name that llama.cpp and programs built on it use.
    return {**samplers, "repeat_penalty": samplers["repetition_penalty"]} if "repetition_penalty" in samplers else samplers


def efforts_of(model: str) -> tuple[str, ...]:
    """Returns the reasoning efforts that a model accepts, judging by its name; other models reject the parameter."""
    return ("low", "medium", "high") if REASONS.search(model) else ()


def messages(request: ModelRequest, continuation: Continuation) -> list[dict[str, Any]]:
    """Returns the messages; the start of an answer to be continued is sent in the form that this server supports."""
    turns: list[dict[str, Any]] = [{"role": turn.role, "content": _content(turn)} for turn in request.turns]
    if not request.is_continuation:
        return turns
    if continuation == "instruct":
        return [*turns, {"role": "user", "content": request.continue_instruction}]
    if continuation == "prefix":
        return [*turns[:-1], {**turns[-1], "prefix": True}]
    return turns


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    """Returns plain text if there are no pictures, as not every server accepts a list of parts."""
    if not turn.pictures:
        return turn.content
    urls = [f"data:{each.media_type};base64,{each.base64}" for each in turn.pictures]
    words = [{"type": "text", "text": turn.content}] if turn.content.strip() else []
    return [*words, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]
