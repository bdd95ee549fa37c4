"""Exports answers as OpenTelemetry spans, in the JSON encoding of OTLP over HTTP. Pure.

OpenTelemetry's library for this adds a dozen packages, protobuf among them, and sender threads, while only one document is
needed. The names follow the conventions for generative AI, which are not final yet: they are only in this module.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from webapp.engine.metric_events import Answered

Value = str | int | float | bool | None
# OTLP's numbers for the span kind and the status codes.
CLIENT, IS_OK, IS_ERROR = 3, 1, 2
BROKEN = ("failed", "interrupted")
NANOSECONDS = 1_000_000_000


class Ended(NamedTuple):
    """An answer and when it ended, in nanoseconds since 1970.

    `versions` are those of its prompts, by key; `arms` the letters of the prompts in an experiment.
    """

    answer: Answered
    at: int
    versions: Mapping[str, int] = {}
    arms: Mapping[str, str] = {}


def document(ended: Sequence[Ended], *, version: str) -> dict[str, Any]:
    """Returns the document to send to a collector; it contains no text of messages."""
    resource = {"attributes": _attributes({"service.name": "millrace", "service.version": version})}
    spans = [_span(each) for each in ended]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "millrace"}, "spans": spans}]}]}


def _span(ended: Ended) -> dict[str, Any]:
    answer, ended_at = ended.answer, ended.at
    began_at = ended_at - round(answer.seconds * NANOSECONDS)
    # Derived from the answer's id, so that each answer is one trace, which can be found by that id.
    name = sha256(answer.id.encode()).hexdigest()
    is_broken = answer.status in BROKEN
    return {
        "traceId": name[:32],
        "spanId": name[32:48],
        "name": f"chat {answer.model_asked}",
        "kind": CLIENT,
        "startTimeUnixNano": str(began_at),
        "endTimeUnixNano": str(ended_at),
        "attributes": _attributes({**_facts(answer, is_broken), **_prompts(ended)}),
        "events": list(_events(answer, began_at)),
        "status": {"code": IS_ERROR, "message": answer.reason} if is_broken else {"code": IS_OK},
    }


def _facts(answer: Answered, is_broken: bool) -> dict[str, Value]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": answer.provider,
        "gen_ai.request.model": answer.model_asked,
        "gen_ai.response.model": answer.served,
        "gen_ai.conversation.id": answer.chat_id,
        "gen_ai.usage.input_tokens": answer.input_tokens,
        "gen_ai.usage.output_tokens": answer.output_tokens,
        "error.type": answer.reason if is_broken else None,
        "millrace.generation.id": answer.id,
        "millrace.kind": answer.kind,
        "millrace.status": answer.status,
        "millrace.reason": answer.reason,
        "millrace.time_to_first_chunk": answer.first_chunk_seconds,
    }


def _prompts(ended: Ended) -> dict[str, Value]:
    """Returns the attributes of the prompts: the first one's key by the conventions' name, and the version and arm of each."""
    found: dict[str, Value] = {"gen_ai.prompt.name": next(iter(ended.versions), None)}
    for key, version in ended.versions.items():
        found |= {f"millrace.prompt.{key}.version": version, f"millrace.prompt.{key}.arm": ended.arms.get(key)}
    return found


def _events(answer: Answered, began_at: int) -> Iterable[dict[str, Any]]:
    for each in answer.attempts:
        facts = {f"millrace.attempt.{name}": each.get(name) for name in ("model", "how", "seconds", "code")}
        yield {"timeUnixNano": str(began_at), "name": "attempt failed", "attributes": _attributes(facts)}
    if answer.first_chunk_seconds is not None:
        at = began_at + round(answer.first_chunk_seconds * NANOSECONDS)
        yield {"timeUnixNano": str(at), "name": "first text", "attributes": []}


def _attributes(facts: Mapping[str, Value]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in facts.items() if value not in (None, "")]


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        # OTLP writes 64-bit integers as strings, because JSON numbers can't represent all of them.
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}
