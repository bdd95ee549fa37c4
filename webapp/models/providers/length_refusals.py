"""Recognizes refusals of requests that are longer than a model's context, in the forms that servers give them. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from webapp.base.untrusted_json import dict_of
from webapp.models.providers.values import count_of
from webapp.streaming.failure import TooLong

# Codes and types of errors that mean nothing else: of OpenAI, llama.cpp, Anthropic and the gateways that pass them on.
CODES = {
    "context_length_exceeded",
    "context_window_exceeded",
    "exceed_context_size_error",
    "input_too_long",
    "model_context_window_exceeded",
    "prompt_too_long",
    "token_limit_exceeded",
}
# A number of tokens, also as 128,000.
NUMBER = r"(\d[\d,]*)"
# What servers say with the limit. A rate limit, a limit on the answer alone and one on bytes are none.
LIMITS = (
    # OpenAI, OpenRouter, vLLM, SGLang, DeepSeek and llama-cpp-python; Mistral; xAI; Fireworks.
    rf"maximum context length (?:is|of) {NUMBER}",
    rf"with {NUMBER} maximum context length",
    rf"maximum prompt length is {NUMBER}",
    rf"maximum context length: {NUMBER}",
    rf"maximum model length of {NUMBER}",
    # llama.cpp, SGLang and LM Studio.
    rf"available context size \({NUMBER}",
    rf"context length \({NUMBER}",
    rf"context length of (?:only )?{NUMBER}",
    # Anthropic.
    rf"prompt is too long: [\d,]+ tokens > {NUMBER}",
    rf"exceeds? context limit: [\d,]+ \+ [\d,]+ > {NUMBER}",
    # Google; Cohere; Text Generation Inference.
    rf"exceeds the maximum number of tokens allowed \({NUMBER}",
    rf"tokens in the prompt cannot exceed {NUMBER}",
    rf"`max_new_tokens` must be <= {NUMBER}",
)
# And without it.
UNLIMITED = (
    r"available context size",
    r"exceed(?:s|ed)? (?:the |your |this model's )?(?:model's )?(?:max(?:imum)? )?context (?:length|window|limit|size)",
    r"(?:greater|longer|larger) than the (?:model's )?(?:maximum )?context (?:length|window|size)",
    r"prompt (?:is )?too long",
    r"input is too long for requested model",
    r"reduce the length of the (?:input )?(?:messages|prompt)",
)
# How many tokens the prompt had; after these, how many were asked for together with the answer.
PROMPTS = (
    rf"{NUMBER} (?:in the messages|of text input|tokens from the input)",
    rf"prompt is too long: {NUMBER}",
    rf"context limit: {NUMBER}",
    rf"request \({NUMBER} tokens",
    rf"(?:request|prompt) (?:has|contains) {NUMBER}",
    rf"(?:token count|input|prompt) \((?:length )?{NUMBER}",
    rf"messages resulted in {NUMBER}",
    rf"received {NUMBER}",
)
TOTALS = (rf"requested (?:about )?{NUMBER} tokens",)


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


LIMIT, REFUSAL, PROMPT, TOTAL = _any_of(LIMITS), _any_of(UNLIMITED), _any_of(PROMPTS), _any_of(TOTALS)
# No model has less, or more: any other number is not a context's.
LEAST_TOKENS, MOST_TOKENS = 256, 100_000_000


def too_long_of(error: Mapping[str, Any], words: str) -> TooLong | None:
    """Returns what an error says of the context, with its message `words`; None if it is about something else."""
    limit = LIMIT.search(words)
    inner = dict_of(error.get("details") or error.get("metadata"))
    codes = (error.get("code"), error.get("type"), inner.get("error_type"), inner.get("error_code"))
    is_named = any(isinstance(code, str) and code in CODES for code in codes)
    if not (is_named or limit or REFUSAL.search(words)):
        return None
    sent = PROMPT.search(words) or TOTAL.search(words)
    return TooLong(
        _tokens(error.get("n_ctx")) or _tokens(_number(limit)),
        _tokens(error.get("n_prompt_tokens")) or _tokens(_number(sent)),
    )


def _number(match: re.Match[str] | None) -> int | None:
    text = next(filter(None, match.groups()), "") if match else ""
    return int(text.replace(",", "")[:12]) if text else None


def _tokens(value: Any) -> int | None:
    size = count_of(value)
    return size if size is not None and LEAST_TOKENS <= size <= MOST_TOKENS else None
