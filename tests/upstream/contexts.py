"""Refuses requests that are longer than a context, as each engine does. Pure."""

import re
from collections.abc import Callable
from typing import Any

TOKEN = re.compile(r"\w+|[^\w\s]")
# What a message has besides its text.
PER_MESSAGE = 4
Refusal = dict[str, Any]


def _openai(most: int, sent: int) -> Refusal:
    parts = f"{sent} in the messages, 256 in the completion"
    words = f"This model's maximum context length is {most} tokens. However, you requested {sent + 256} tokens ({parts})."
    error = {"message": words, "type": "invalid_request_error", "code": "context_length_exceeded"}
    return {"status": 400, "json": {"error": error}}


def _llama_cpp(most: int, sent: int) -> Refusal:
    words = f"request ({sent} tokens) exceeds the available context size ({most} tokens), try increasing it"
    error = {"code": 400, "message": words, "type": "exceed_context_size_error", "n_prompt_tokens": sent, "n_ctx": most}
    return {"status": 400, "json": {"error": error}}


def _vllm(most: int, sent: int) -> Refusal:
    words = f"This model's maximum context length is {most} tokens. However, your request has {sent} input tokens."
    return {"status": 400, "json": {"object": "error", "message": words, "type": "BadRequestError", "code": 400}}


def _anthropic(most: int, sent: int) -> Refusal:
    error = {"type": "invalid_request_error", "message": f"prompt is too long: {sent} tokens > {most} maximum"}
    return {"status": 400, "json": {"type": "error", "error": error}}


def _ollama(most: int, sent: int) -> Refusal:
    return {"status": 400, "json": {"error": f"prompt too long; exceeded max context length by {sent - most} tokens"}}


def _openrouter(most: int, sent: int) -> Refusal:
    words = f"This endpoint's maximum context length is {most} tokens. However, you requested about {sent} tokens."
    return {"status": 400, "json": {"error": {"message": words, "code": 400}}}


def _inside(most: int, sent: int) -> Refusal:
    error = _openai(most, sent)["json"]["error"]
    return {"says": "x", "error_after": 0, "error": error}


ENGINES: dict[str, Callable[[int, int], Refusal]] = {
    "openai": _openai,
    "llama.cpp": _llama_cpp,
    "vllm": _vllm,
    "anthropic": _anthropic,
    "ollama": _ollama,
    "openrouter": _openrouter,
    # Within a stream that has begun.
    "inside": _inside,
}


def refusal(context: dict[str, Any], request: dict[str, Any]) -> Refusal | None:
    """Returns the refusal of a request that doesn't fit a context of so many `tokens`, in the words of the engine `as`."""
    sent = tokens_of(request)
    return ENGINES[context["as"]](context["tokens"], sent) if sent > context["tokens"] else None


def tokens_of(request: dict[str, Any]) -> int:
    """Counts the tokens of a request's messages and their calls."""
    messages = [*request.get("messages", []), {"content": request.get("system", "")}]
    calls = [call["function"]["arguments"] for message in messages for call in message.get("tool_calls") or ()]
    texts = [*calls, *(str(message.get("content") or "") for message in messages)]
    return sum(len(TOKEN.findall(text)) for text in texts) + PER_MESSAGE * len(messages)
