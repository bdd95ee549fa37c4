"""The same answer in every dialect, as bytes, and the provider that reads them."""

from dataclasses import dataclass, field
from typing import Any

from tests.models.providers.canned import EVENT_STREAM, Canned
from tests.models.providers.received import Received, collect, request_for
from tests.upstream.behaviours import bytes_of, played
from tests.upstream.dialects import DIALECTS
from webapp.models.providers.anthropic import AnthropicProvider
from webapp.models.providers.base import Provider, ToolCall, ToolSpec
from webapp.models.providers.openai import OpenAIProvider
from webapp.models.providers.openrouter import OpenRouterProvider
from webapp.models.upstream import Upstream
from webapp.streaming.events import Usage
from webapp.streaming.stop import Stop

MODEL = "some/model"
ERROR = {"code": 502, "type": "server_error", "message": "It broke."}
REQUEST = {"model": MODEL, "stream": True, "stream_options": {"include_usage": True}}


@dataclass(frozen=True)
class Sent:
    """An answer. `end` is its reason, `error` if the server reports one after the text, or `cut` if the stream just ends."""

    tokens: list[str]
    reasoning: str = ""
    end: str = "stop"
    calls: tuple[ToolCall, ...] = ()

    @property
    def text(self) -> str:
        return "".join(self.tokens)


@dataclass(frozen=True)
class Stream:
    """An answer in one dialect: its bytes, and the offset from which its end is certain, if any."""

    dialect: str
    sent: Sent
    content: bytes
    settled_at: int | None = field(repr=False)

    @property
    def reasoning(self) -> str:
        return self.sent.reasoning if DIALECTS[self.dialect].tells_reasoning else ""

    @property
    def end(self) -> str:
        return "cut" if self.settled_at is None else self.sent.end

    @property
    def reason(self) -> str:
        """The reason of the end for a request that offers tools."""
        return "calls" if self.end == "stop" and self.sent.calls else self.end

    @property
    def usage(self) -> Usage:
        upstream_id = DIALECTS[self.dialect].id if self.dialect == "openrouter" else ""
        return Usage(10, len(self.sent.tokens), None, MODEL, upstream_id)


def stream_of(dialect: str, sent: Sent, **how: Any) -> Stream:
    """Returns the answer in a dialect; `how` has further fields of a `Speech`, such as a seed for the oddities and line ends."""
    finish = sent.end if sent.end not in ("error", "cut") else None
    behaviour = {"says": "", "dialect": dialect, "tokens": sent.tokens, "reasoning": sent.reasoning, "finish": finish, **how}
    if sent.calls:
        behaviour["calls"] = [{"tool": call.tool, "arguments": call.arguments, "id": call.id} for call in sent.calls]
    if sent.end == "error":
        behaviour |= {"error": ERROR, "error_after": len(sent.tokens) + len(sent.calls)}
    content, settled_at = b"", None
    for step in played(behaviour, REQUEST | ({"tools": [{}]} if sent.calls else {})).steps:
        content += bytes_of(step) if "send" in step else b""
        if step.get("decides") and settled_at is None:
            # With CRLF, the second CR already ends the message.
            settled_at = len(content) - (how.get("newline") == "\r\n")
        if "over" in step:
            break
    return Stream(dialect, sent, content, settled_at)


def collected_by(
    dialect: str,
    stop: Stop,
    *chunks: bytes,
    breaks: bool = False,
    headers: dict[str, str] = EVENT_STREAM,
    tools: tuple[ToolSpec, ...] = (),
) -> Received:
    canned: Any = Canned(*chunks, breaks=breaks, headers=headers)
    return collect(provider_of(dialect, canned).stream(request_for(model=MODEL, tools=tools), stop))


def provider_of(
    dialect: str, upstream: Upstream, *, base_url: str = "https://openrouter.ai/api/v1", key: str = "", **how: Any
) -> Provider:
    if dialect == "anthropic":
        return AnthropicProvider(key, upstream, base_url=base_url, **how)
    if dialect == "openrouter":
        return OpenRouterProvider(key, upstream, base_url=base_url, **how)
    return OpenAIProvider(dialect, base_url, key, upstream, **how)
