"""What an OpenAI-compatible server is asked, as JSON. Pure."""

from typing import Any

from webapp.providers.base import Continuation, ModelRequest

GO_ON = (
    "Your answer above was cut off before its end. Go on exactly where it stops, in the middle of a word if need be: "
    "no greeting, no repetition, no remark about the break, the same language and format, within the same list, table or code."
)


def body(
    request: ModelRequest, continuation: Continuation, *, is_streamed: bool, limit_name: str = "max_tokens"
) -> dict[str, Any]:
    """The body of a chat completion; only what was set is in it."""
    asked: dict[str, Any] = {"model": request.model, "messages": messages(request, continuation), "stream": is_streamed}
    if is_streamed:
        asked["stream_options"] = {"include_usage": True}
    if request.temperature is not None:
        asked["temperature"] = request.temperature
    if request.max_tokens:
        asked[limit_name] = request.max_tokens
    if request.effort:
        asked["reasoning_effort"] = request.effort
    return asked


def messages(request: ModelRequest, continuation: Continuation) -> list[dict[str, Any]]:
    """The turns; the beginning of an answer that goes on is put the way this server can take it up."""
    turns: list[dict[str, Any]] = [{"role": turn.role, "content": turn.content} for turn in request.turns]
    if not request.goes_on:
        return turns
    if continuation == "instruct":
        return [*turns, {"role": "user", "content": GO_ON}]
    if continuation == "prefix":
        return [*turns[:-1], {**turns[-1], "prefix": True}]
    return turns
