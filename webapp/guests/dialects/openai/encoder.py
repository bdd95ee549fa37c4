"""The OpenAI-compatible endpoint: chunks of a chat completion, calls, citations, finish reasons, usage and errors. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from webapp.api.streaming.encoding import DialectFrame, StreamState
from webapp.base.untrusted_json import JsonObject
from webapp.guests.dialects.text import TextEncoder
from webapp.streaming.events import Calling, Ended, Event, Usage

REASONS = {
    "length": "length",
    "cap": "length",
    "budget": "length",
    "token_limit": "length",
    "content_filter": "content_filter",
    "calls": "tool_calls",
}
DONE = DialectFrame("[DONE]")
QUOTA = "insufficient_quota"
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


@dataclass(frozen=True, slots=True)
class CompletionIdentity:
    """The completion's identity: `created` in seconds; `model` as requested, until it is known which model answers.

    With tools, its first chunk says that there is no content yet, as there may be none at all.
    """

    id: str
    model: str
    created: int
    has_usage: bool = False
    has_tools: bool = False

    def head(self, served: str = "") -> JsonObject:
        return {"id": f"chatcmpl-{self.id}", "created": self.created, "model": served or self.model}


class CompletionEncoder(TextEncoder):
    fits_packets = False
    takes_transient = False

    def __init__(self, about: CompletionIdentity) -> None:
        super().__init__()
        self._about = about

    def opening(self, state: StreamState) -> list[DialectFrame]:
        return [self._chunk({"role": "assistant", **({"content": None} if self._about.has_tools else {})})]

    def _other(self, event: Event) -> list[DialectFrame]:
        return [self._chunk({"tool_calls": [piece]}) for piece in call_pieces(event)] if isinstance(event, Calling) else []

    def _piece(self, text: str) -> DialectFrame:
        return self._chunk({"content": text})

    def _end(self) -> list[DialectFrame]:
        if failure := self._course.failure:
            return [DialectFrame(error(failure.message, 502, code=failure.code)), DONE]
        citations = annotations(self._course.transcript.text, self._course.sources)
        frames = [self._chunk({"annotations": citations})] if citations else []
        frames += [self._chunk({}, finish_reason(self._course.ended))]
        if self._about.has_usage:
            token_usage = usage(self._course.transcript.usage)
            frames.append(self._frame([], usage=token_usage))
        return [*frames, DONE]

    def _chunk(self, delta: JsonObject, reason: str | None = None) -> DialectFrame:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return self._frame([choice])

    def _frame(self, choices: list[JsonObject], **more: Any) -> DialectFrame:
        return DialectFrame(
            {**self._about.head(self._course.transcript.served), "object": "chat.completion.chunk", "choices": choices, **more}
        )


def call_pieces(event: Calling) -> Iterator[JsonObject]:
    """Yields a piece of a call as OpenAI's API does: the name with empty arguments first, then nothing but arguments."""
    if event.tool:
        function = {"name": event.tool, "arguments": ""}
        yield {"index": event.number, "id": event.id, "type": "function", "function": function}
    if event.arguments:
        yield {"index": event.number, "function": {"arguments": event.arguments}}


def finish_reason(ended: Ended | None) -> str:
    """Returns OpenAI's reason for the end. It has none for an answer that a person stopped: `stop` would call it complete."""
    if ended and ended.status == "stopped":
        return "length"
    return REASONS.get(ended.reason, "stop") if ended else "stop"


def usage(usage: Usage | None) -> dict[str, int] | None:
    """Returns the token usage; null if the provider did not report it, never an estimate."""
    if not usage or usage.input_tokens is None or usage.output_tokens is None:
        return None
    total = usage.input_tokens + usage.output_tokens
    return {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens, "total_tokens": total}


def error(message: str, status: int, *, code: str, param: str | None = None) -> JsonObject:
    kind = code if code == QUOTA else TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


CITED = re.compile(r"\[(\d{1,3})\]")
# A citation of three characters becomes an annotation of half a kilobyte, and brackets that cite no source take time too:
# without a limit, an answer of a megabyte would become a hundred.
MOST_PLACES = 500


def annotations(text: str, sources: Sequence[Mapping[str, Any]]) -> list[JsonObject]:
    """Returns an annotation for each of the first citations; a source that none of them cites is annotated at the text's end."""
    source_by_number = {source["number"]: source for source in sources if "number" in source}
    citations = ((int(match[1]), match.span()) for match in islice(CITED.finditer(text) if source_by_number else (), MOST_PLACES))
    cited_spans = [(number, span) for number, span in citations if number in source_by_number]
    cited = {number for number, _ in cited_spans}
    cited_spans += [(number, (len(text), len(text))) for number in source_by_number if number not in cited]
    return [_annotation(source_by_number[number], *span) for number, span in cited_spans]


def _annotation(source: Mapping[str, Any], start: int, end: int) -> JsonObject:
    address = {"title": source.get("title") or "", "url": source.get("url") or ""}
    return {"type": "url_citation", "url_citation": {"start_index": start, "end_index": end, **address}, "source": dict(source)}
