"""Exports finished answers as OpenTelemetry spans: the JSON of OTLP, and the queue that sends it."""

import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.base.version import VERSION
from webapp.engine.engine import Engine
from webapp.engine.metric_events import Answered, MetricEvent
from webapp.engine.tables import Generation
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ProviderError
from webapp.models.upstream.addresses import base_address
from webapp.prompts.active_prompts import PromptVersions
from webapp.settings.kinds import Value
from webapp.settings.service import setting

log = logging.getLogger("insights:traces")

MOST_WAITING, MOST_AT_ONCE = 2_000, 200
# Collects spans for this long, so that a busy server sends few requests.
GATHER_SECONDS = 1.0
AGAIN_SECONDS = (0.0, 2.0, 10.0)
SECONDS = 10.0
PATH = "/v1/traces"
Attribute = str | int | float | bool | None
# OTLP's numbers for the span kind and the status codes.
CLIENT, IS_OK, IS_ERROR = 3, 1, 2
BROKEN = ("failed", "interrupted")
NANOSECONDS = 1_000_000_000


class EndedGeneration(NamedTuple):
    """An answer and when it ended, in nanoseconds since 1970.

    `versions` are those of its prompts, by key; `arms` the letters of the prompts in an experiment.
    """

    answer: Answered
    at: int
    versions: Mapping[str, int] = {}
    arms: Mapping[str, str] = {}


class TraceExporter:
    """The queue of spans to send; when it is full, the oldest is dropped."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._is_sending = engine, False
        self.waiting: deque[EndedGeneration] = deque(maxlen=MOST_WAITING)

    def record(self, event: MetricEvent) -> None:
        """Queues an answer that has ended."""
        if not isinstance(event, Answered):
            return
        if not setting("insights.otlp_url"):
            return
        self.waiting.append(EndedGeneration(event, time.time_ns()))
        if not self._is_sending:
            self._is_sending = True
            self._engine.spawn(self._send_all)

    def _send_all(self) -> None:
        try:
            self._engine.pause(GATHER_SECONDS)
            while self.waiting and not self._engine.is_closing:
                count = min(len(self.waiting), MOST_AT_ONCE)
                self._insist([self.waiting.popleft() for _ in range(count)])
        finally:
            self._is_sending = False

    def _insist(self, ended: list[EndedGeneration]) -> None:
        trouble = ""
        for seconds in AGAIN_SECONDS:
            if seconds:
                self._engine.pause(seconds)
            if self._engine.is_closing:
                return
            with self._engine.in_app():
                trouble = _tried(ended)
            if not trouble:
                return
        log.warning("traces_dropped", extra={"fields": {"count": len(ended), "reason": trouble}})


def check_url(value: Value) -> None:
    """Raises `Invalid` for an invalid URL."""
    try:
        if value:
            base_address(str(value))
    except ProviderError as error:
        raise Invalid(str(error), field="value") from error


def _tried(ended: list[EndedGeneration]) -> str:
    """Sends the spans; returns the error, if any. If the URL has been unset, it does nothing."""
    address = str(setting("insights.otlp_url"))
    if not address:
        return ""
    url, body = base_address(address).removesuffix(PATH) + PATH, document(_with_prompts(ended), version=VERSION)
    try:
        reply = providers().upstream.json("POST", url, headers={}, body=body, seconds=SECONDS, trust="operator")
    except ProviderError as error:
        return str(error)
    return "" if 200 <= reply.status < 300 else f"The collector answered with status {reply.status}."


def _with_prompts(ended: list[EndedGeneration]) -> list[EndedGeneration]:
    """Adds the prompts of each answer, as far as they are stored."""
    one, ids = Generation, [ended_generation.answer.id for ended_generation in ended]
    rows = db.session.execute(select(one.id, one.prompt["prompts"], one.prompt["arms"]).where(one.id.in_(ids))).all()
    db.session.rollback()
    versions_by_generation = {
        id: PromptVersions.from_record({"prompts": versions or {}, "arms": arms or ()}) for id, versions, arms in rows
    }
    versions = [versions_by_generation.get(generation.answer.id, PromptVersions()) for generation in ended]
    return [
        EndedGeneration(generation.answer, generation.at, used.numbers, used.letters)
        for generation, used in zip(ended, versions, strict=True)
    ]


def document(ended: Sequence[EndedGeneration], *, version: str) -> dict[str, Any]:
    """Returns the document to send to a collector; it contains no text of messages."""
    resource = {"attributes": _attributes({"service.name": "millrace", "service.version": version})}
    spans = [_span(each_ended) for each_ended in ended]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "millrace"}, "spans": spans}]}]}


def _span(ended: EndedGeneration) -> dict[str, Any]:
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


def _facts(answer: Answered, is_broken: bool) -> dict[str, Attribute]:
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


def _prompts(ended: EndedGeneration) -> dict[str, Attribute]:
    """Returns the attributes of the prompts: the first one's key by the conventions' name, and the version and arm of each."""
    attributes: dict[str, Attribute] = {"gen_ai.prompt.name": next(iter(ended.versions), None)}
    for key, version in ended.versions.items():
        attributes |= {f"millrace.prompt.{key}.version": version, f"millrace.prompt.{key}.arm": ended.arms.get(key)}
    return attributes


def _events(answer: Answered, began_at: int) -> Iterable[dict[str, Any]]:
    for attempt in answer.attempts:
        facts: dict[str, Attribute] = {
            "millrace.attempt.model": attempt.get("model"),
            "millrace.attempt.how": attempt.get("how"),
            "millrace.attempt.seconds": attempt.get("seconds"),
            "millrace.attempt.code": attempt.get("code"),
        }
        yield {"timeUnixNano": str(began_at), "name": "attempt failed", "attributes": _attributes(facts)}
    if answer.first_chunk_seconds is not None:
        at = began_at + round(answer.first_chunk_seconds * NANOSECONDS)
        yield {"timeUnixNano": str(at), "name": "first text", "attributes": []}


def _attributes(facts: Mapping[str, Attribute]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in facts.items() if value not in (None, "")]


def _value(value: Attribute) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        # OTLP writes 64-bit integers as strings, because JSON numbers can't represent all of them.
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}
