"""Sends a span for each answer to a configured collector; nothing waits for it, and spans that it rejects are dropped."""

import logging
import time
from collections import deque

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.base.version import VERSION
from webapp.engine.engine import Engine
from webapp.engine.metric_events import Answered, MetricEvent
from webapp.engine.tables import Generation
from webapp.models.connections.models import providers
from webapp.models.providers.base import ProviderError
from webapp.models.upstream.addresses import base_address
from webapp.operations.insights.otlp import Ended, document
from webapp.settings.kinds import Value
from webapp.settings.service import setting

log = logging.getLogger("insights:traces")

MOST_WAITING, MOST_AT_ONCE = 2_000, 200
# Collects spans for this long, so that a busy server sends few requests.
GATHER_SECONDS = 1.0
AGAIN_SECONDS = (0.0, 2.0, 10.0)
SECONDS = 10.0
PATH = "/v1/traces"


class TraceExporter:
    """The queue of spans to send; when it is full, the oldest is dropped."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._is_sending = engine, False
        self.waiting: deque[Ended] = deque(maxlen=MOST_WAITING)

    def record(self, event: MetricEvent) -> None:
        """Queues an answer that has ended."""
        if not isinstance(event, Answered):
            return
        if not setting("insights.otlp_url"):
            return
        self.waiting.append(Ended(event, time.time_ns()))
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

    def _insist(self, ended: list[Ended]) -> None:
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


def _tried(ended: list[Ended]) -> str:
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


def _with_prompts(ended: list[Ended]) -> list[Ended]:
    """Adds the prompts of each answer, as far as they are stored."""
    one, ids = Generation, [each.answer.id for each in ended]
    rows = db.session.execute(select(one.id, one.prompt["prompts"], one.prompt["arms"]).where(one.id.in_(ids))).all()
    db.session.rollback()
    known = {id: (versions or {}, {each["key"]: each["letter"] for each in arms or ()}) for id, versions, arms in rows}
    return [Ended(each.answer, each.at, *known.get(each.answer.id, ({}, {}))) for each in ended]
