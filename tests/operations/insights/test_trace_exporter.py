"""Trace spans of answers: in OTLP format, without any message text, and exported without delaying answers."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import gevent
import pytest
from flask import Flask
from sqlalchemy import insert

from tests.api.client import Client
from tests.conftest import MakeApp
from tests.operations.insights.test_insights import program
from tests.support.marks import also_on_postgres
from tests.upstream.handle import Upstream as Fake
from webapp.base.db import write
from webapp.engine.metric_events import Answered
from webapp.engine.tables import Generation
from webapp.operations.insights.trace_exporter import MOST_WAITING, EndedGeneration, TraceExporter, _with_prompts, document
from webapp.settings.service import set_setting

__all__ = ["program"]
ANSWER = Answered("chat", "completed", "stop", "openrouter", "maker/a", "maker/b", 1.5, 0.25, 12, 34, "01abc", "01chat")
AT = 1_800_000_000_000_000_000


@pytest.fixture
def app(make_app: MakeApp, fake: Fake) -> Flask:
    return make_app(**fake.environ)


def told(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {attribute["key"]: next(iter(attribute["value"].values())) for attribute in attributes}


def span_of(answer: Answered) -> dict[str, Any]:
    (span,) = document([EndedGeneration(answer, AT)], version="1.2.3")["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert isinstance(span, dict)
    return span


def test_an_answer_is_a_span_by_the_conventions() -> None:
    span = span_of(ANSWER)
    assert (len(span["traceId"]), len(span["spanId"]), span["kind"], span["status"]) == (32, 16, 3, {"code": 1})
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == 1_500_000_000
    found = told(span["attributes"])
    assert found["gen_ai.request.model"] == "maker/a"
    assert found["gen_ai.response.model"] == "maker/b"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == ("12", "34")
    assert found["gen_ai.conversation.id"] == "01chat"
    assert "error.type" not in found
    (first,) = span["events"]
    assert (first["name"], int(first["timeUnixNano"])) == ("first text", AT - 1_250_000_000)
    assert span_of(ANSWER)["traceId"] == span["traceId"]


def test_what_failed_says_why_and_what_was_tried() -> None:
    attempts = ({"model": "maker/a", "how": "streaming", "seconds": 0.5, "code": "rate", "message": "Words of the provider."},)
    broken = Answered("chat", "failed", "rate", "", "maker/a", "", 2.0, id="01abc", attempts=attempts)
    span = span_of(broken)
    assert span["status"] == {"code": 2, "message": "rate"}
    found = told(span["attributes"])
    assert found["error.type"] == "rate"
    assert "gen_ai.response.model" not in found
    assert "gen_ai.usage.input_tokens" not in found
    (tried,) = span["events"]
    assert told(tried["attributes"])["millrace.attempt.code"] == "rate"
    assert "Words of the provider." not in str(span)


def test_a_span_says_which_versions_of_prompts_were_used_and_which_arm() -> None:
    ended = EndedGeneration(ANSWER, AT, {"quick": 3, "continue": 1}, {"quick": "B"})
    (span,) = document([ended], version="1.2.3")["resourceSpans"][0]["scopeSpans"][0]["spans"]
    found = told(span["attributes"])
    assert {name: value for name, value in found.items() if "prompt" in name} == {
        "gen_ai.prompt.name": "quick",
        "millrace.prompt.quick.version": "3",
        "millrace.prompt.quick.arm": "B",
        "millrace.prompt.continue.version": "1",
    }


@also_on_postgres
def test_what_was_kept_of_prompts_is_sent_along(app: Flask) -> None:
    kept = {"prompts": {"quick": 3}, "arms": [{"key": "quick", "experiment": "x", "version": 3, "letter": "B"}], "sections": []}
    usual = {"kind": "chat", "lane": "chat:x", "status": "completed", "model_asked": "a", "owner": ""}
    with app.app_context():
        with write() as session:
            session.execute(insert(Generation), [{**usual, "id": "01abc", "prompt": kept}, {**usual, "id": "02", "prompt": {}}])
        known, unknown, gone = _with_prompts([EndedGeneration(replace(ANSWER, id=id), AT) for id in ("01abc", "02", "03")])
    assert (known.versions, known.arms) == ({"quick": 3}, {"quick": "B"})
    assert (unknown.versions, unknown.arms) == (gone.versions, gone.arms) == ({}, {})


@pytest.mark.slow
def test_a_collector_gets_a_span_of_each_answer(app: Flask, program: Client, fake: Fake) -> None:
    fake.always({"json": {}}, at="/v1/traces")
    program.said("PUT", "/settings/insights.otlp_url", 422, {"value": "collector:4318"})
    program.said("PUT", "/settings/insights.otlp_url", 200, {"value": fake.base_url})
    sent = program.ended(program.post("/chats", {"message": "A secret question", "model": "some/model"}, status=201)["sent"])
    assert sent["status"] == "completed"
    with gevent.Timeout(60):
        while not (found := [entry["body"] for entry in fake.log() if entry["path"].endswith("/v1/traces")]):
            gevent.sleep(0.05)
    assert "A secret question" not in str(found)
    spans = [span for body in found for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    assert "some/model" in {told(span["attributes"])["gen_ai.request.model"] for span in spans}


def test_what_a_collector_does_not_take_is_bounded(app: Flask) -> None:
    begun: list[object] = []

    class Still:
        """An engine that never runs the greenlets it spawns."""

        is_closing = False
        in_app = staticmethod(nullcontext)
        spawn = staticmethod(begun.append)

    with app.app_context():
        traces = TraceExporter(Still())  # type: ignore[arg-type]
        traces.record(ANSWER)
        assert not traces.waiting
        set_setting("insights.otlp_url", "http://127.0.0.1:9")
        for _ in range(MOST_WAITING + 5):
            traces.record(ANSWER)
    assert (len(traces.waiting), len(begun)) == (MOST_WAITING, 1)
