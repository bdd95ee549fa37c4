"""Workflows in threads: a message answers a step, and one stream carries everything that follows it."""

import json
from collections.abc import Callable
from datetime import datetime

import gevent
import pytest
from sqlalchemy import select

from tests.api.dialects.conftest import Program
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.base import topic_names
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db
from webapp.chat.record.tables import Message
from webapp.engine.engine import ENGINE
from webapp.settings.service import set_setting, unset_setting
from webapp.streaming.codec import SseDecoder
from webapp.workflows import service as workflow_service

WARM = "That sounds hard. What would help most? And more of it."
CUT = "That sounds hard. What would help most?"
SHORT = "workflow: short\ntitle: Short\nslots: {a: {}}\nsteps: [collect: a, end: 'Bye, {{a}}']\n"
CARD = "workflow: card\ntitle: Card\nslots: {goals: {}}\nsteps: [collect: goals, generate: weekly-card]\n"


def begun(program: Program, workflow: str = "weekly-checkin", **more: str) -> str:
    reply = program.post("/chat/threads", workflow=workflow, **more)
    assert reply.status_code == 201, reply.text
    made = reply.json["thread"]
    assert made["workflow"] == workflow
    return str(made["id"])


# All fields that each event can contain, for any client.
STATE = {"runId", "workflow", "status", "step", "ask", "options", "slots"}
ALLOWED = {
    "connected": {"threadId"},
    "message_saved": {"message"},
    "workflow_status": STATE,
    "ai_response": {"content", "isComplete", "accumulated", "sources"},
    "workflow_complete": {"message", "slots"},
    "error": {"error", "code"},
    "done": {"success", "stopped", "messageId", "notices"},
}
MESSAGE = {"id", "role", "content", "createdAt", "sources", "author"}


def streamed(program: Program, thread: str, content: str):
    return checked(data(program.streamed(f"/chat/threads/{thread}/messages/stream", content=content)))


def checked(events):
    """Asserts that the events contain only the listed fields, and returns them."""
    for event in events:
        assert set(event) == {"type", "data", "timestamp"}
        assert set(event["data"]) <= ALLOWED[event["type"]]
        assert set(event["data"].get("message", MESSAGE)) == MESSAGE or event["type"] == "workflow_complete"
        assert datetime.fromisoformat(event["timestamp"]).tzinfo
    return events


def types(events):
    """Returns the event types, each run of equal ones once."""
    names = [event["type"] for event in events]
    return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]


def said(events):
    return [event["data"]["accumulated"] for event in events if event["data"].get("isComplete")]


def spoken(events):
    return "".join(event["data"]["content"] for event in events if event["type"] == "ai_response")


def states(events):
    return [(event["data"]["status"], event["data"]["step"]) for event in events if event["type"] == "workflow_status"]


def continued(program: Program, thread: str, last: str):
    response = program.client.get(
        f"/chat/threads/{thread}/events", headers={**program.headers, "Last-Event-ID": last}, buffered=False
    )
    return response.status_code, heard(response)


def heard(response, then: Callable[[], object] = lambda: None):
    """Returns every event; calls `then` after the first piece of the model's text."""
    found, decoder = [], SseDecoder()
    for piece in response.iter_encoded():
        for event in decoder.feed(piece):
            if "ai_response" in event.data and not any("ai_response" in one.data for one in found):
                then()
            found.append(event)
    return found


def data(events):
    return [json.loads(event.data) for event in events]


@pytest.mark.slow
def test_what_a_model_says_in_a_step_is_streamed_and_cut_after_its_sentences(program: Program, fake: Upstream) -> None:
    # The upstream pauses after three tokens, until the client has received the first.
    fake.says(WARM, holds=[3])
    thread = begun(program, title="My week")
    asked = program.get(f"/chat/threads/{thread}/messages").json["messages"][-1]
    assert (asked["role"], asked["content"]) == ("assistant", "How was your week overall?")
    path, sent = f"/chat/threads/{thread}/messages/stream", {"content": "low"}
    response = program.client.post(path, json=sent, headers=program.headers, buffered=False)
    events = checked(data(heard(response, fake.goes_on)))
    assert types(events) == [
        *("connected", "message_saved", "workflow_status", "message_saved", "ai_response"),
        *("workflow_status", "done"),
    ]
    assert [event["data"]["message"]["role"] for event in events if event["type"] == "message_saved"] == ["user", "assistant"]
    assert said(events) == [CUT]
    assert spoken(events) == CUT
    assert states(events) == [("running", "support"), ("waiting", "support")]
    assert events[-1]["data"]["success"] is True
    assert program.get(f"/chat/threads/{thread}/messages").json["messages"][-1]["content"] == CUT


@pytest.mark.slow
def test_no_position_is_told_twice(program: Program, fake: Upstream) -> None:
    fake.says(WARM, pace=0.002)
    thread = begun(program)
    told = program.post(f"/chat/threads/{thread}/messages/stream", content="low").text
    ids = [line for line in told.splitlines() if line.startswith("id: ")]
    assert len(ids) == len(set(ids)) > 2


@pytest.mark.slow
def test_a_question_is_said_like_everything_else(program: Program) -> None:
    thread = begun(program)
    events = streamed(program, thread, "good")
    assert types(events) == ["connected", "message_saved", "workflow_status", "message_saved", "ai_response", "done"]
    assert said(events) == ["What went well?"]
    whole = program.post(f"/chat/threads/{thread}/messages", content="Tests").json
    assert (whole["workflow"]["step"], whole["workflow"]["slots"]) == ("hours", {"mood": "good", "win": "Tests"})
    assert whole["response"] == whole["message"]["content"] == whole["workflow"]["ask"]
    for path in (f"/chat/threads/{thread}/messages", f"/threads/{thread}/messages/stream"):
        refused = program.post(path, content="many")
        assert (refused.status_code, list(refused.json["fields"]), refused.json["field"]) == (422, ["content"], "content")
    (listed,) = program.get("/chat/threads").json["threads"]
    assert listed["workflow"] == "weekly-checkin"


@pytest.mark.slow
def test_an_answer_is_waited_for_while_a_model_writes(program: Program, fake: Upstream) -> None:
    fake.says(WARM, pace=0.002)
    thread = begun(program)
    whole = program.post(f"/chat/threads/{thread}/messages", content="low").json
    assert (whole["response"], whole["status"], whole["workflow"]["step"]) == (CUT, "waiting", "support")


@pytest.mark.slow
def test_what_a_model_writes_in_a_run_is_stopped_like_every_answer(program: Program, fake: Upstream) -> None:
    fake.says(WARM, pace=0.05)
    thread = begun(program)
    path = f"/api/chat/{thread}/stream/cancel"
    assert program.post(path).json["status"] != "stopping"
    run = program.get("/api/v1/runs").json["runs"][0]["id"]
    assert program.post(f"/api/v1/runs/{run}/answer", value="low").json["state"] == "running"
    stopped = program.post(path)
    assert (stopped.status_code, stopped.json["status"]) == (200, "stopping")
    assert program.post(path).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("is_silent", [True, False])
def test_an_answer_that_a_person_stops_is_no_error(program: Program, fake: Upstream, *, is_silent: bool) -> None:
    fake.says(WARM, holds=[0 if is_silent else 3])
    thread = begun(program)
    waiting = gevent.spawn(streamed, program, thread, "low")
    fake.until_asked()
    if not is_silent:
        program.until_running(thread)
    assert program.post(f"/api/chat/{thread}/stream/cancel").status_code == 200
    events = waiting.get(timeout=30)
    assert "error" not in types(events)
    assert events[-1]["data"] | {"messageId": ""} == {"success": True, "stopped": True, "messageId": "", "notices": []}
    assert states(events)[-1] == (("paused" if is_silent else "waiting"), "support")


@pytest.mark.slow
def test_a_run_that_is_stopped_before_the_first_word_waits_without_blaming_the_model(program: Program, fake: Upstream) -> None:
    fake.says(WARM, holds=[0])
    thread = begun(program)
    waiting = gevent.spawn(program.post, f"/chat/threads/{thread}/messages", content="low")
    fake.until_asked()
    program.post(f"/api/chat/{thread}/stream/cancel")
    whole = waiting.get(timeout=30)
    assert (whole.status_code, whole.json["response"], whole.json["status"]) == (200, "", "paused")
    log = program.get(f"/api/v1/runs/{whole.json['workflow']['runId']}/events").json["events"]
    assert (log[-1]["kind"], log[-1]["value"]) == ("fell", "")


@pytest.mark.slow
def test_who_answers_while_a_model_writes_is_told_where_to_read_it(program: Program, fake: Upstream) -> None:
    fake.says(WARM, holds=[3])
    thread = begun(program)
    waiting = gevent.spawn(streamed, program, thread, "low")
    program.until_running(thread)
    run = program.get("/api/v1/runs").json["runs"][0]["id"]
    for path, body in (
        (f"/chat/threads/{thread}/messages", {"content": "x"}),
        (f"/api/v1/runs/{run}/answer", {"value": "x"}),
        (f"/api/v1/runs/{run}/back", {}),
    ):
        busy = program.post(path, **body)
        assert (busy.status_code, busy.json["code"]) == (409, "generation_in_progress")
        assert busy.json["streamId"] in busy.json["streamUrl"]
        assert "still being written" in busy.json["error"]
    fake.goes_on()
    waiting.get(timeout=30)


@pytest.mark.slow
def test_what_a_model_wrote_before_it_failed_is_the_response(program: Program, fake: Upstream) -> None:
    fake.says(WARM, cut="rst", cut_after=3)
    thread = begun(program)
    cut = program.post(f"/chat/threads/{thread}/messages", content="low")
    assert (cut.status_code, cut.json["status"], cut.json["workflow"]["status"]) == (200, "paused", "paused")
    assert WARM.startswith(cut.json["response"])
    assert cut.json["message"]["content"] == cut.json["response"] != ""
    assert (cut.json["reason"], [notice["code"] for notice in cut.json["notices"]]) == ("cut", ["cut"])


@pytest.mark.slow
@pytest.mark.parametrize("workflow", ["weekly-checkin", "card"])
def test_a_model_that_is_too_late_in_a_run_is_a_gateway_timeout(make_program, fake: Upstream, workflow: str) -> None:
    fake.says(WARM, holds=[0])
    program = make_program("admin@example.org", "admin")
    program.post("/api/v1/workflows", definition=CARD)
    program.post("/api/v1/workflows/card/publish", note="First")
    with program.app.app_context():
        set_setting("stream.first_byte_seconds", "1")
        set_setting("stream.ladder_seconds", "1")
    try:
        late = program.post(f"/chat/threads/{begun(program, workflow)}/messages", content="low")
    finally:
        with program.app.app_context():
            unset_setting("stream.first_byte_seconds", author=COMMAND_LINE)
            unset_setting("stream.ladder_seconds", author=COMMAND_LINE)
    assert (late.status_code, late.json["code"]) == (504, "workflow_failed")


@pytest.mark.slow
def test_a_model_that_may_not_be_called_is_told_like_one_that_fails(program: Program, fake: Upstream) -> None:
    fake.says(WARM, holds=[3])
    other, thread = program.new_chat(), begun(program)
    with program.app.app_context():
        set_setting("limits.concurrent_streams", "1")
    writing = gevent.spawn(program.post, f"/chat/threads/{other}/messages", content="Hi")
    program.until_running(other)
    events = streamed(program, thread, "low")
    assert [event["type"] for event in events[-2:]] == ["error", "done"]
    assert "in progress" in events[-2]["data"]["error"]
    assert events[-1]["data"]["success"] is False
    fake.goes_on()
    writing.get(timeout=30)


@pytest.mark.slow
def test_the_end_of_a_run_is_told_with_what_was_said(make_program) -> None:
    admin = make_program("admin@example.org", "admin")
    assert admin.post("/api/v1/workflows", definition=SHORT).status_code == 201
    assert admin.post("/api/v1/workflows/short/publish", note="First").status_code == 200
    thread = begun(admin, "short")
    events = streamed(admin, thread, "Ada")
    assert types(events)[-3:] == ["ai_response", "workflow_complete", "done"]
    assert events[-2]["data"] == {"message": "Bye, Ada", "slots": {"a": "Ada"}}
    assert admin.post(f"/chat/threads/{thread}/messages", content="And now?").status_code == 409


@pytest.mark.slow
def test_a_dropped_stream_goes_on_where_it_was_cut(program: Program, fake: Upstream) -> None:
    fake.says(WARM, pace=0.002)
    thread = begun(program)
    everything = program.streamed(f"/chat/threads/{thread}/messages/stream", content="low")
    for cut in range(2, len(everything)):
        before = data(everything[:cut])
        last = next(event.id for event in reversed(everything[:cut]) if event.id)
        status, more = continued(program, thread, last)
        after = data(more)
        assert spoken(before + after) == CUT
        if status == 204:
            assert said(before) == [CUT]
        else:
            assert after[-1]["type"] == "done"
            assert said(before + after) == [CUT]


@pytest.mark.slow
def test_a_model_that_fails_is_told_and_the_run_waits(program: Program, fake: Upstream) -> None:
    fake.always({"status": 401, "body": "{}"})
    thread = begun(program)
    events = streamed(program, thread, "low")
    assert [event["type"] for event in events[-2:]] == ["error", "done"]
    assert events[-1]["data"]["success"] is False
    assert states(events)[-1][0] == "paused"
    assert program.post(f"/chat/threads/{thread}/messages", content="again").status_code == 409


@pytest.mark.slow
def test_the_step_is_said_again_after_a_side_question_that_fails(program: Program, fake: Upstream) -> None:
    fake.always({"status": 401, "body": "{}"})
    thread = begun(program)
    events = streamed(program, thread, "? Who reads this?")
    assert (said(events)[-1], states(events)[-1][0]) == ("How was your week overall?", "waiting")
    with program.app.app_context():
        left_out = db.session.scalars(select(Message.id).where(Message.chat_id == thread, Message.content == "")).one()
    # A client that has received the answer's start continues from there.
    assert said(data(continued(program, thread, f"{left_out}:0")[1])) == ["How was your week overall?"]


@pytest.mark.slow
def test_nobody_else_hears_or_answers(program: Program, make_program) -> None:
    thread = begun(program)
    stranger, reader = make_program("b@example.org"), make_program("c@example.org", "member", "chat", "read")
    for call in (
        stranger.post(f"/chat/threads/{thread}/messages", content="good"),
        stranger.get(f"/chat/threads/{thread}/events"),
    ):
        assert call.status_code == 404
    assert reader.post("/chat/threads", workflow="weekly-checkin").status_code == 403


@pytest.mark.slow
def test_a_reader_from_anywhere_hears_what_follows_the_last_answer(program: Program) -> None:
    thread = begun(program)
    with gevent.Timeout(30, AssertionError("it never ends")):
        for last in ("", "nonsense", "x:end", ":3", "x:-1"):
            status, events = continued(program, thread, last)
            assert status == 200
            assert json.loads(events[-1].data)["type"] == "done"


@pytest.mark.slow
def test_a_thread_without_a_workflow_is_watched_from_the_start_of_its_running_answer(program: Program, fake: Upstream) -> None:
    fake.says(WARM, holds=[3])
    thread = program.new_chat()
    assert continued(program, thread, "")[0] == 204
    program.post(f"/api/v1/chats/{thread}/messages", message="Hello")
    program.until_running(thread)
    response = program.client.get(f"/chat/threads/{thread}/events", headers=program.headers, buffered=False)
    assert said(data(heard(response, fake.goes_on))) == [WARM]


@pytest.mark.slow
def test_a_reader_of_a_thread_without_a_workflow_gets_what_follows_and_no_text_twice(program: Program, fake: Upstream) -> None:
    fake.says(WARM, holds=[3])
    thread = program.new_chat()
    program.post(f"/api/v1/chats/{thread}/messages", message="Hello")
    program.until_running(thread)
    first = program.client.get(f"/chat/threads/{thread}/events", headers=program.headers, buffered=False)
    events, decoder, pieces = [], SseDecoder(), first.iter_encoded()
    while "ai_response" not in "".join(event.data for event in events):
        events += decoder.feed(next(pieces))
    first.close()
    read = spoken(data(events))
    assert 0 < len(read) < len(WARM)

    path = f"/chat/threads/{thread}/events"
    response = program.client.get(path, headers={**program.headers, "Last-Event-ID": events[-1].id}, buffered=False)
    fake.goes_on()
    rest = heard(response)
    assert types(data(rest)) == ["connected", "message_saved", "ai_response", "done"]
    assert read + spoken(data(rest)) == WARM
    assert said(data(rest)) == [WARM]

    # After the end: a reader who lacks it gets it, and others are told that nothing is left.
    status, late = continued(program, thread, events[-1].id)
    assert (status, read + spoken(data(late)), said(data(late))) == (200, WARM, [WARM])
    assert continued(program, thread, rest[-1].id)[0] == 204
    assert continued(program, thread, "end")[0] == 204
    assert continued(program, thread, "")[0] == 204
    assert program.get(f"{path}?after={events[-1].id}").status_code == 200


@pytest.mark.slow
def test_without_a_log_the_end_has_the_whole_text(app, program: Program, fake: Upstream) -> None:
    fake.says(WARM)
    thread = program.new_chat()
    stream = program.streamed(f"/chat/threads/{thread}/messages/stream", content="Hello")
    answer = program.get(f"/api/v1/chats/{thread}/messages").json["messages"][-1]
    engine, id = ENGINE.of(app), answer["generation"]["id"]
    until(lambda: id not in engine.live, "the answer is over")
    engine.logs.topics.expire(topic_names.of_generation(id), 0.0)
    until(lambda: not engine.logs.topics.last(topic_names.of_generation(id)), "its log is gone")

    status, events = continued(program, thread, stream[-3].id)
    assert (status, spoken(data(events)), said(data(events))) == (200, "", [WARM])
    assert continued(program, thread, events[-1].id)[0] == 204


def test_other_dialects_say_where_a_workflows_question_is_answered(program: Program) -> None:
    thread = begun(program)
    for path, body in (
        ("/api/messages/addUserMessageStreamingMode", {"chatSessionId": thread, "message": "good"}),
        ("/api/chat", {"chatId": thread, "message": "good"}),
        ("/ai/chat", {"session_id": thread, "message": "good"}),
        (f"/api/v1/chats/{thread}/messages", {"message": "good"}),
    ):
        refused = program.post(path, **body)
        assert (refused.status_code, refused.json["code"]) == (409, "led")
        url = refused.json["answerUrl"]
        assert refused.json["detail"].startswith("A workflow leads this chat. Answer its question instead.")
        assert refused.json["detail"].endswith(f" POST {url}.")
    assert program.post(url, content="good").json["workflow"]["slots"] == {"mood": "good"}


@pytest.mark.slow
@pytest.mark.parametrize("workflow", ["weekly-checkin", "card"])
def test_a_provider_that_refuses_in_a_run_has_the_same_status_as_outside(make_program, fake: Upstream, workflow: str) -> None:
    program = make_program("admin@example.org", "admin")
    program.post("/api/v1/workflows", definition=CARD)
    program.post("/api/v1/workflows/card/publish", note="First")
    refusals = {429: (429, "rate", "60"), 401: (502, "provider_key", None), 402: (502, "provider_credit", None)}
    for refusal, (status, code, retry_after) in refusals.items():
        fake.always({"status": refusal, "headers": {"Retry-After": "60"}, "json": {"error": {"message": "No.", "code": refusal}}})
        refused = program.post(f"/chat/threads/{begun(program, workflow)}/messages", content="low")
        assert (refused.status_code, refused.json["code"], refused.headers.get("Retry-After")) == (status, code, retry_after)


def test_a_request_in_one_piece_ends_where_a_call_waits_for_a_person(program) -> None:
    source = """
workflow: ask
title: Ask
slots: {a: {}}
steps: [collect: a, {id: q, tool: ask_person, arguments: {question: "{{a}}?"}, into: a}, end: "{{a}}"]
"""
    with program.app.app_context():
        workflow_service.publish(workflow_service.save(source, author=COMMAND_LINE), "", author=COMMAND_LINE)
    thread = begun(program, "ask")
    reply = program.post(f"/chat/threads/{thread}/messages", content="Tea").json
    assert (reply["status"], reply["response"]) == ("running", "")
    assert reply["notices"] == [{"code": "waiting", "message": "A call waits for a decision in the chat."}]
