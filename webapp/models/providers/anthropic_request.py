"""Builds requests for Anthropic's Messages API. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from webapp.models.providers.base import Continuation, ModelRequest, Turn

# The protocol requires a user message first; some chats begin with the character's greeting.
OPENING = "(The conversation begins.)"
LEAST_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Traits:
    """The parameters that a family of models accepts: `longest` is its longest answer, thinking included."""

    named: re.Pattern[str]
    longest: int = LEAST_TOKENS
    thinking: Literal["", "budget", "adaptive"] = ""
    has_temperature: bool = True


# The first matching row counts; a newer family is treated like the newest known one.
FAMILIES = (
    Traits(re.compile(r"claude-(?:instant|2|3-(?:haiku|sonnet|opus))")),
    Traits(re.compile(r"claude-3-5-"), 8192),
    Traits(re.compile(r"claude-(?:3-7-sonnet|[a-z]+-4(?:-[0-5])?(?:-20\d{6}|-latest|$))"), 32_000, "budget"),
    Traits(re.compile(r"claude-[a-z]+-4-6"), 64_000, "adaptive"),
    Traits(re.compile(r"claude-"), 64_000, "adaptive", has_temperature=False),
    Traits(re.compile(r"")),
)
BUDGETS = {"low": 2048, "medium": 8192, "high": 16_384}
EFFORTS = {"": (), "budget": tuple(BUDGETS), "adaptive": ("low", "medium", "high", "max")}


def body(request: ModelRequest, continuation: Continuation, *, is_streamed: bool) -> dict[str, Any]:
    """Builds the request body; it contains only what was set, and the token limit, which is required."""
    traits = traits_of(request.model)
    system, turns = parted(request.turns)
    if request.is_continuation and continuation != "prefill":
        turns = [*turns, Turn("user", request.continue_instruction)]
    payload: dict[str, Any] = {
        "model": request.model,
        "messages": alternating(turns),
        "max_tokens": request.max_tokens or traits.longest,
        "stream": is_streamed,
    }
    if system:
        payload["system"] = system
    if request.temperature is not None and traits.has_temperature:
        # Other servers allow up to 2.
        payload["temperature"] = min(request.temperature, 1.0)
    elif request.top_p is not None and traits.has_temperature:
        # Newer families reject both together.
        payload["top_p"] = request.top_p
    if "top_k" in request.samplers and traits.has_temperature:
        payload["top_k"] = request.samplers["top_k"]
    if request.stop:
        payload["stop_sequences"] = list(request.stop)
    if request.effort in EFFORTS[traits.thinking]:
        _think(payload, request.effort, traits)
    return payload


def traits_of(model: str) -> Traits:
    return next(traits for traits in FAMILIES if traits.named.match(model))


def parted(turns: Sequence[Turn]) -> tuple[str, list[Turn]]:
    """Splits off the system messages at the start; later ones keep their places as user messages."""
    first = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    system = "\n\n".join(turn.content for turn in turns[:first] if turn.content.strip())
    return system, [Turn("user", turn.content) if turn.role == "system" else turn for turn in turns[first:]]


def alternating(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Makes the dialogue valid: roles alternate, the user begins, and no message is empty."""
    merged: list[Turn] = []
    for turn in turns:
        if not turn.content.strip() and not turn.pictures:
            continue
        if merged and merged[-1].role == turn.role:
            words = "\n\n".join(each for each in (merged[-1].content, turn.content) if each)
            merged[-1] = replace(merged[-1], content=words, pictures=merged[-1].pictures + turn.pictures)
        else:
            merged.append(turn)
    if not merged or merged[0].role != "user":
        merged.insert(0, Turn("user", OPENING))
    if merged[-1].role == "assistant":
        # A prefilled answer that ends in white space is rejected.
        merged[-1] = replace(merged[-1], content=merged[-1].content.rstrip())
    return [{"role": turn.role, "content": _content(turn)} for turn in merged]


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    if not turn.pictures:
        return turn.content
    blocks = [
        {"type": "image", "source": {"type": "base64", "media_type": each.media_type, "data": each.base64}}
        for each in turn.pictures
    ]
    # An empty text block is rejected.
    return [*blocks, {"type": "text", "text": turn.content}] if turn.content.strip() else blocks


def _think(payload: dict[str, Any], effort: str, traits: Traits) -> None:
    for name in ("temperature", "top_p", "top_k"):
        payload.pop(name, None)
    if traits.thinking == "adaptive":
        payload["thinking"] = {"type": "adaptive", "display": "summarized"}
        payload["output_config"] = {"effort": effort}
        return
    # The API's limit includes thinking, but ours was set for the answer alone.
    payload["max_tokens"] = min(payload["max_tokens"] + BUDGETS[effort], traits.longest)
    payload["thinking"] = {"type": "enabled", "budget_tokens": min(BUDGETS[effort], payload["max_tokens"] - 1)}
