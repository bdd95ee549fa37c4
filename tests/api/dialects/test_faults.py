"""Errors during an answer are reported in each dialect's own format, and the closing event always comes."""

import json
from collections.abc import Callable

import gevent
import pytest
from flask import Flask

from tests.api.dialects.conftest import Program
from tests.support.waiting import until
from webapp.chat.messages import chats
from webapp.engine.engine import ENGINE
from webapp.models.connections.providers import PROVIDERS, Providers
from webapp.models.providers.demo import HIDDEN, DemoProvider
from webapp.models.upstream import Upstream
from webapp.people.accounts import queries as account_queries
from webapp.settings.service import set_setting

OUTCOMES = {"truncated": "error", "malformed": "error", "stall": "error", "rate-limited": "error"}
STREAMS = {
    "roleplay": ("/api/messages/addUserMessageStreamingMode", {"chatSessionId": "{chat}", "message": "Two words"}),
    "quick": ("/api/chat/stream", {"chatId": "{chat}", "message": "Two words"}),
    "threads": ("/threads/{chat}/messages/stream", {"content": "Two words"}),
    "assistant": ("/ai/chat/stream", {"session_id": "{chat}", "message": "Two words"}),
}
WHOLES = {
    "quick": ("/api/chat", {"chatId": "{chat}", "message": "Three words here"}),
    "threads": ("/chat/threads/{chat}/messages", {"content": "Three words here"}),
    "assistant": ("/ai/chat", {"session_id": "{chat}", "message": "Three words here"}),
}


@pytest.fixture
def app(app: Flask) -> Flask:
    PROVIDERS.set(Providers(DemoProvider(pace=0), Upstream()), app)
    with app.app_context():
        set_setting("demo.fallback", "always")
        set_setting("stream.stall_seconds", "2")
        set_setting("stream.ladder_seconds", "10")
    return app


@pytest.fixture
def chat_with(app: Flask, program: Program) -> Callable[[str], str]:
    """A function that creates a chat with a given model."""

    def make(model: str) -> str:
        with app.app_context():
            user = account_queries.user_by_email("member@example.org")
            assert user
            return chats.create(user.id, model=model).id

    return make


def filled(place, chat):
    path, body = place
    return path.format(chat=chat), {name: value.format(chat=chat) for name, value in body.items()}


def heard(dialect: str, events) -> tuple[str, str]:
    """Returns the text and the outcome according to each dialect's documentation; the closing event is the last."""
    told = [(event.event, json.loads(event.data)) for event in events]
    name, last = told[-1]
    if dialect == "roleplay":
        assert name == "end"
        text = "".join(data["content"] for event, data in told if event == "chunk")
        error = [data for event, data in told if event == "error"]
        assert bool(error) == (last["status"] in ("failed", "interrupted"))
    elif dialect == "quick":
        assert name == "complete"
        text = "".join(data["content"] for event, data in told if event == "message")
        error = [data for event, data in told if event == "error"]
        assert bool(error) == (last["status"] == "failed")
    elif dialect == "threads":
        assert last["type"] == "done"
        text = "".join(data["data"]["content"] for _, data in told if data["type"] == "ai_response")
        error = [data["data"] for _, data in told if data["type"] == "error"]
        assert bool(error) != last["data"]["success"]
    else:
        assert last == {"type": "stream_end"}
        text = "".join(data["content"] for _, data in told if data["type"] == "token")
        error = [data for _, data in told if data["type"] == "error"]
        assert bool(error) != ("done" in [data["type"] for _, data in told])
    assert len(error) <= 1
    return text, "error" if error else "ok"


@pytest.mark.slow
def test_every_fault_of_the_demo_ends_with_the_closing_event(program, chat_with, messages):
    def run(dialect: str, fault: str) -> None:
        chat = chat_with(f"demo/{fault}")
        path, body = filled(STREAMS[dialect], chat)
        text, outcome = heard(dialect, Program.streamed(Program(program.app, program.token), path, **body))
        assert (text, outcome) == (messages(chat)[-1].content, OUTCOMES.get(fault, "ok")), (dialect, fault)

    cases = [gevent.spawn(run, dialect, fault) for dialect in STREAMS for fault in HIDDEN]
    gevent.joinall(cases, timeout=60, raise_error=True)
    assert all(case.successful() for case in cases)


@pytest.mark.slow
def test_without_streaming_there_is_a_text_with_its_status_or_an_error_with_its_ids(program, chat_with, messages):
    def run(dialect: str, fault: str, status: int, told: str) -> None:
        chat = chat_with(f"demo/{fault}")
        path, body = filled(WHOLES[dialect], chat)
        response = program.post(path, **body)
        answer = messages(chat)[-1]
        assert response.status_code == status, (dialect, fault, response.text)
        assert told in (response.json.get("status"), response.json.get("code")), response.text
        assert answer.id in response.text
        assert chat in response.text or dialect == "threads"
        assert status == 200 or (response.json["error"] and not answer.content)

    cut, complete, refused = (200, "interrupted"), (200, "completed"), (429, "rate")
    faults = {"truncated": cut, "stall": cut, "quick": complete, "rate-limited": refused}
    cases = [gevent.spawn(run, dialect, fault, *faults[fault]) for dialect in WHOLES for fault in faults]
    gevent.joinall(cases, timeout=60, raise_error=True)


@pytest.mark.slow
def test_a_model_that_never_begins_is_a_gateway_that_was_too_slow(program, fake):
    with program.app.app_context():
        set_setting("demo.fallback", "off")
        set_setting("stream.first_byte_seconds", "1")
        set_setting("stream.ladder_seconds", "1")
    fake.always({"steps": [{"hang": True}]})

    response = program.post("/api/chat", message="Hello")

    assert (response.status_code, response.json["code"]) == (504, "first_byte")
    assert response.json["chatId"]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("dialect", STREAMS)
def test_who_stops_an_answer_has_no_error(program, fake, dialect, messages):
    fake.counts(4000, pace=0.01)
    chat = program.new_chat()
    path, body = filled(STREAMS[dialect], chat)
    reading = gevent.spawn(program.streamed, path, **body)
    program.until_running(chat)

    first = program.post(f"/api/chat/{chat}/stream/cancel")
    reading.join(30)
    again = program.post(f"/api/chat/{chat}/stream/cancel")

    text, outcome = heard(dialect, reading.value)
    assert (text, outcome) == (messages(chat)[-1].content, "ok")
    assert "stopped" in "".join(event.data for event in reading.value[-4:])
    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.json["streamId"], again.json) == (again.json["streamId"], {**again.json, "status": "stopped"})


def test_a_fallback_is_told_in_each_dialects_own_way(program, fake):
    with program.app.app_context():
        set_setting("models.fallbacks", "other/model")
    refusal = {"status": 404, "json": {"error": {"code": 404, "message": "No endpoints found"}}}
    told = {}
    for dialect, place in STREAMS.items():
        fake.behaves([refusal, {"says": "Fine."}])
        path, body = filled(place, program.new_chat())
        told[dialect] = [json.loads(event.data) for event in program.streamed(path, **body)]

    assert [notice["code"] for notice in told["roleplay"] if "code" in notice] == ["fallback"]
    assert [notice["code"] for notice in told["quick"][-1]["notices"]] == ["fallback"]
    assert [notice["code"] for notice in told["threads"][-1]["data"]["notices"]] == ["fallback"]
    assert [event["code"] for event in told["assistant"] if event["type"] == "warning"] == ["fallback"]


def test_the_demo_steps_in_where_that_is_allowed_and_says_so(program, fake):
    fake.always({"status": 404, "json": {"error": {"code": 404, "message": "No endpoints found"}}})

    whole = program.post("/api/chat", message="Hello").json
    complete = json.loads(program.streamed("/api/chat/stream", message="Hello")[-1].data)
    warnings = [json.loads(event.data) for event in program.streamed("/ai/chat/stream", message="Hello")]

    assert (whole["demo"], whole["model"], whole["status"]) == (True, "demo/quick", "completed")
    assert (complete["demo"], complete["status"]) == (True, "completed")
    assert "demo_fallback" in [notice["code"] for notice in complete["notices"]]
    assert "demo_fallback" in [warning["code"] for warning in warnings if warning["type"] == "warning"]


def test_every_answer_leaves_one_line_behind(program, fake, caplog):
    fake.says("Words nobody logs.")
    chat = program.new_chat()
    with caplog.at_level("INFO", "chat:streaming"):
        program.post("/ai/chat", session_id=chat, message="A question nobody logs")
        # The record is logged after the end, which the client can receive earlier.
        until(lambda: not ENGINE.of(program.app).live, "all is written")

    (record,) = [record for record in caplog.records if record.msg == "stream_finished"]
    fields = record.fields
    named = ["user_id", "session_id", "streaming", "processing_time_ms", "chunk_count", "success", "model_used", "fallback_used"]
    assert list(fields)[: len(named)] == named
    assert (fields["session_id"], fields["streaming"], fields["success"]) == (chat, True, True)
    assert (fields["model_used"], fields["fallback_used"]) == ("some/model", False)
    assert fields["chunk_count"] >= 1
    assert fields["user_id"]
    assert "nobody logs" not in json.dumps(fields)
