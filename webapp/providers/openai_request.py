"""Builds requests for OpenAI-compatible servers. Pure."""

import json
import re
from collections.abc import Sequence
from typing import Any

from webapp.providers.base import SAMPLERS, Continuation, ModelRequest, Turn

# From least to most; OpenRouter knows them all.
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# OpenAI refuses the others.
OPENAIS = ("frequency_penalty", "presence_penalty")
# Models that reason as hard as they are told, by the names that they have everywhere.
REASONS = re.compile(r"(?:^|/)(?:o[1-9]|gpt-[5-9]|gpt-oss)(?![a-z])(?!.*-chat)")


def body(request: ModelRequest, continuation: Continuation, *, is_streamed: bool, is_openai: bool = False) -> dict[str, Any]:
    """The body of a chat completion; only what was set is in it, and only what this server takes."""
    asked: dict[str, Any] = {"model": request.model, "messages": messages(request, continuation), "stream": is_streamed}
    if is_streamed:
        asked["stream_options"] = {"include_usage": True}
    # OpenAI's reasoning models refuse every temperature but their own, and the like.
    if not (is_openai and efforts_of(request.model)):
        wanted = {"temperature": request.temperature, "top_p": request.top_p, "stop": list(request.stop) or None}
        asked |= {name: value for name, value in wanted.items() if value is not None}
        asked |= _samplers(request, OPENAIS if is_openai else SAMPLERS)
    if request.max_tokens:
        # And the old name of the limit, while most other servers do not know the new one.
        asked["max_completion_tokens" if is_openai else "max_tokens"] = request.max_tokens
    if request.effort in efforts_of(request.model):
        asked["reasoning_effort"] = request.effort
    if request.is_json:
        asked["response_format"] = {"type": "json_object"}
    if request.schema:
        held = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
        asked["response_format"] = {"type": "json_schema", "json_schema": held}
    return asked


def _samplers(request: ModelRequest, known: Sequence[str]) -> dict[str, float]:
    asked = {name: value for name, value in request.samplers.items() if name in known}
    # What llama.cpp and the programs around it call the same.
    return {**asked, "repeat_penalty": asked["repetition_penalty"]} if "repetition_penalty" in asked else asked


def efforts_of(model: str) -> tuple[str, ...]:
    """The reasoning efforts that a model accepts, judging by its name; other models refuse the parameter."""
    return ("low", "medium", "high") if REASONS.search(model) else ()


def messages(request: ModelRequest, continuation: Continuation) -> list[dict[str, Any]]:
    """The turns; the beginning of an answer that goes on is put the way this server can take it up."""
    turns: list[dict[str, Any]] = [{"role": turn.role, "content": _content(turn)} for turn in request.turns]
    if not request.goes_on:
        return turns
    if continuation == "instruct":
        return [*turns, {"role": "user", "content": request.go_on}]
    if continuation == "prefix":
        return [*turns[:-1], {**turns[-1], "prefix": True}]
    return turns


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    """The text alone where there is nothing else, as not every server takes parts."""
    if not turn.pictures:
        return turn.content
    urls = [f"data:{each.media_type};base64,{each.base64}" for each in turn.pictures]
    words = [{"type": "text", "text": turn.content}] if turn.content.strip() else []
    return [*words, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]
