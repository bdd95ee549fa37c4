"""Dialect 5, to the letter: what is refused, the order of events, and what happens when a client disconnects."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.api.dialects.live import Caller
from tests.plans.program import GOALS, Program
from tests.support import node
from tests.support.server import prepared
from tests.upstream.behaviours import TOKEN
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.messages import sending
from webapp.engine.engine import ENGINE
from webapp.models.connections.providers import PROVIDERS, Providers
from webapp.models.providers.demo import DemoProvider
from webapp.models.upstream import Upstream as Outgoing
from webapp.people.accounts.tables import User
from webapp.plans.types import service as plan_type_service
from webapp.plans.types.service import FOLDER
from webapp.settings.service import set_setting
from webapp.streaming.codec import SseDecoder, SseMessage

CLIENT = Path(__file__).parent / "clients" / "plans.mjs"
EXAMPLE = plan_type_service.parsed("monthly", (FOLDER / "monthly.yaml").read_text("utf-8")).example or {}
TEXT = json.dumps(EXAMPLE, ensure_ascii=False)
WEEK_3 = TEXT.index(json.dumps(EXAMPLE["weeks"][2], ensure_ascii=False))
# Two weeks in one chunk, and then for a long time no finished element.
SLOW_THIRD = {"tokens": [TEXT[:WEEK_3], *TOKEN.findall(TEXT[WEEK_3:])], "pace": 0.5}


def test_null_is_the_same_as_left_out(program: Program) -> None:
    wishes = program.wish(planType=None, preferences=None)

    status, said = program.send("POST", "/service/generate", {"preferenceId": wishes})
    assert (status, said["success"]) == (200, True)
    assert program.send("GET", f"/api/streaming/status/{said['planId']}")[1]["progress"]["weeksTotal"] >= 4
    preferences = {"hours_per_week": None, "days_off": None, "tone": "gentle", "start_date": None}
    assert program.send("POST", "/api/plan/inputs", {"goals": ["a"], "preferences": preferences})[0] == 201


def test_a_finished_plan_has_as_many_characters_as_were_written(program: Program) -> None:
    _, said = program.send("POST", "/service/generate", {"preferenceId": program.wish()})
    _, status = program.send("GET", f"/api/streaming/status/{said['planId']}")

    assert status["status"] == "completed"
    assert status["progress"]["chars"] >= len(status["partial"]["monthly_summary"]) > 0


@pytest.mark.slow
def test_the_golden_run(program: Program) -> None:
    response, told = program.watch(preferenceId=program.wish(), userId=program.id)

    assert response.content_type == "text/event-stream; charset=utf-8"
    assert [frame.event for frame in told] == ["progress"] * (len(told) - 1) + ["complete"]
    events = [json.loads(frame.data) for frame in told]
    plan_id = response.headers["X-Plan-Id"]
    assert events[0] == {"planId": plan_id, "status": "generating", "connected": True}
    for event in events[1:-1]:
        assert list(event) in (PROGRESS, [name for name in PROGRESS if name != "monthly_summary"])
    assert list(events[-1]) == ["planId", "plan", "usage"]
    assert [len(week["tasks"]) > 1 for week in events[-1]["plan"]["weeks"]] == [True] * 4
    assert all(frame.data.isascii() and "\n" not in frame.data for frame in told)
    status, state = program.send("GET", f"/api/streaming/status/{plan_id}")
    assert (status, state["status"], state["error"], state["partial"]) == (200, "completed", None, events[-1]["plan"])
    assert state["progress"]["weeksCompleted"] == state["progress"]["weeksTotal"] == 4
    assert state["startedAt"].endswith("Z")


PROGRESS = ["planId", "status", "monthly_summary", "weeksCompleted", "weeksTotal", "partial"]
PROGRESS += ["chars", "tokens", "seconds", "percent", "secondsLeft"]


def test_a_token_for_plans_alone_watches_its_plan_and_no_chat(app: Flask) -> None:
    program = Program(app, "program@example.org", scopes=("plans",))
    with app.app_context():
        user = db.session.get_one(User, program.id)
        chats = sending.start_chat("What does the mill say?", owner_id=user.id, model="demo/quick").id
    stream_id = program.watch(preferenceId=program.wish())[0].headers["X-Stream-Id"]

    response = program.client.get(f"/api/v1/generations/{stream_id}/events", headers=program.headers)
    assert response.status_code == 200, response.text
    assert '"event": "ended"' in response.text or "event: ended" in response.text
    for path in (f"/api/v1/generations/{chats}/events", f"/api/v1/generations/{chats}", "/api/v1/generations/x/events"):
        assert program.send("GET", path)[0] == 403, path


def test_the_synchronous_twin_gives_the_same_plan(program: Program) -> None:
    status, made = program.send("POST", "/service/generate", {"preferenceId": program.wish()})
    assert (status, made["success"]) == (200, True)
    _, told = program.watch(preferenceId=program.wish())
    assert program.send("GET", f"/api/streaming/status/{made['planId']}")[1]["partial"] == json.loads(told[-1].data)["plan"]


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"goals": []}, {"goals"}),
        ({"goals": ["a"] * 8}, {"goals"}),
        ({"goals": ["a"], "preferences": {"hours_per_week": 0, "tone": 5}}, {"hours_per_week", "tone"}),
        ({"goals": "a"}, {"goals"}),
        ({"goals": ["a"], "planType": "weekly"}, {"planType"}),
    ],
)
def test_inputs_are_refused_field_by_field(program: Program, body: Any, fields: set[str]) -> None:
    status, said = program.send("POST", "/api/plan/inputs", {"preferences": {}, **body})
    assert (status, set(said["fields"])) == (422, fields)
    assert said["error"]
    assert said["code"]


@pytest.mark.parametrize("goal", ["", " \n "])
def test_an_empty_goal_is_refused_in_a_whole_sentence(program: Program, goal: str) -> None:
    status, said = program.send("POST", "/api/plan/inputs", {**GOALS, "goals": [goal]})

    assert (status, said["fields"]) == (422, {"goals": "Enter at least one character."})


def test_early_errors_come_before_any_event(program: Program, app: Flask) -> None:
    other, wish = Program(app, "other@example.org"), program.wish()
    assert other.send("POST", "/api/streaming/generate-plan", {"preferenceId": wish})[0] == 404
    assert Program(app, "guest@example.org", "guest").send("POST", "/api/plan/inputs", GOALS)[0] == 403
    assert app.test_client().post("/api/plan/inputs", json=GOALS).status_code == 401
    with app.app_context():
        set_setting("limits.plans_per_month", "1")
    assert program.watch(preferenceId=wish)[0].status_code == 200
    status, said = program.send("POST", "/api/streaming/generate-plan", {"preferenceId": wish})
    assert (status, said["code"], said["resetAt"][-10:]) == (429, "quota_used_up", "T00:00:00Z")
    assert re.search(r" It resets on 1 [A-Z][a-z]+\.$", said["error"])


@pytest.mark.parametrize("role", ["member", "admin"])
def test_the_token_says_whose_plan_it_is(app: Flask, role: str) -> None:
    program, other = Program(app, "program@example.org", role), Program(app, "other@example.org")
    for user_id, warnings in (
        (other.id, ["userId is not used"]),
        ("42", ["userId is not used"]),
        (program.id, None),
        (None, None),
    ):
        _, told = program.watch(preferenceId=program.wish(), userId=user_id)
        assert (told[-1].event, json.loads(told[0].data).get("warnings")) == ("complete", warnings)
        _, made = program.send("POST", "/service/generate", {"preferenceId": program.wish(), "userId": user_id})
        assert (made["success"], made["warnings"]) == (True, warnings or [])
    assert program.send("POST", "/api/streaming/generate-plan", {"preferenceId": other.wish(), "userId": other.id})[0] == 404


@pytest.mark.slow
def test_a_dropped_client_goes_on_by_the_events_of_its_generation(program: Program, app: Flask) -> None:
    other = Program(app, "other@example.org", pace=0.001)
    body = {"preferenceId": program.wish()}
    begun = program.client.post("/api/streaming/generate-plan", json=body, headers=program.headers, buffered=False)
    next(piece for piece in begun.iter_encoded() if b"event: progress" in piece)
    path = f"/api/v1/generations/{begun.headers['X-Stream-Id']}/events"

    def heard(**headers: str) -> list[SseMessage]:
        response = program.client.get(path, headers={**program.headers, **headers}, buffered=False)
        assert (response.status_code, response.headers["X-Plan-Id"]) == (200, begun.headers["X-Plan-Id"])
        decoder = SseDecoder()
        return [message for piece in response.iter_encoded() for message in decoder.feed(piece)]

    whole = heard()
    begun.close()
    plan = program.send("GET", f"/api/streaming/status/{begun.headers['X-Plan-Id']}")[1]["partial"]
    assert (whole[0].event, whole[-1].event) == ("started", "ended")
    text = "".join(json.loads(event.data)["text"] for event in whole if event.event == "delta")
    assert outline(json.loads(text)) == outline(plan)
    assert heard(**{"Last-Event-ID": whole[4].id}) == whole[5:]

    ENGINE.of(app).logs.topics.expire(f"generation:{begun.headers['X-Stream-Id']}", 0)
    kept = heard()
    assert (kept[0].event, kept[-1].event) == ("snapshot", "ended")
    assert json.loads(json.loads(kept[0].data)["text"]) == plan
    assert other.client.get(path, headers=other.headers).status_code == 404
    assert app.test_client().get(path).status_code == 401


def outline(plan: Any) -> tuple[str, list[str]]:
    """Returns a plan's title and focuses, without the fields that only satisfy strict servers."""
    return plan["title"], [week["focus"] for week in plan["weeks"]]


def test_a_plan_too_many_is_refused_and_closes_none(program: Program, app: Flask) -> None:
    with app.app_context():
        set_setting("limits.sse_per_user", "1")
    path, bodies = "/api/streaming/generate-plan", [{"preferenceId": program.wish()} for _ in range(2)]
    first = program.client.post(path, json=bodies[0], headers=program.headers, buffered=False)
    pieces = first.iter_encoded()
    assert next(pieces)

    refused = program.client.post(path, json=bodies[1], headers=program.headers)

    assert (refused.status_code, refused.json["code"]) == (429, "too_many")
    decoder = SseDecoder()
    last = [message for piece in pieces for message in decoder.feed(piece)][-1]
    assert last.event == "complete"
    first.close()


def test_a_plan_that_fails_ends_with_an_error(fake: Upstream, make_app: Callable[..., Flask]) -> None:
    app = make_app(**fake.environ)
    program = Program(app, "failing@example.org")
    PROVIDERS.set(Providers(DemoProvider(), Outgoing()), app)
    fake.says("I would rather not.")
    response, told = program.watch(preferenceId=program.wish())
    error = json.loads(told[-1].data)
    assert told[-1].event == "error"
    assert list(error) == ["planId", "code", "message", "retryable", "partialSaved"]
    assert (error["planId"], error["code"], error["partialSaved"]) == (response.headers["X-Plan-Id"], "invalid", False)
    status, said = program.send("POST", "/service/generate", {"preferenceId": program.wish()})
    assert (status, said["code"]) == (502, "invalid")
    assert said["planId"]
    bodies = [entry["body"] for entry in fake.log() if entry["path"].endswith("/chat/completions")]
    assert {body["stream"] for body in bodies} == {True, False}
    assert bodies[0]["messages"] == next(body["messages"] for body in bodies if not body["stream"])


@pytest.mark.slow
def test_what_replaces_a_broken_stream_is_told_and_is_the_same_plan(fake: Upstream, make_app: Callable[..., Flask]) -> None:
    app = make_app(**fake.environ)
    program = Program(app, "patient@example.org")
    PROVIDERS.set(Providers(DemoProvider(), Outgoing()), app)
    nonsense = {"headers": {"Content-Type": "text/event-stream"}, "text": "data: x\n\n" * 3}
    fake.behaves([nonsense, {"says": json.dumps(EXAMPLE, ensure_ascii=False)}])

    response, told = program.watch(preferenceId=program.wish())

    warnings = [words for event in told if (words := json.loads(event.data).get("warning"))]
    assert "again without streaming" in " ".join(warnings)
    last = json.loads(told[-1].data)
    assert (told[-1].event, last["planId"], last["plan"]) == ("complete", response.headers["X-Plan-Id"], EXAMPLE)
    bodies = [entry["body"] for entry in fake.log() if entry["path"].endswith("/chat/completions")]
    assert [body.get("stream", False) for body in bodies] == [True, False]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_naive_client_watches_cancels_and_leaves(fake: Upstream, tmp_path: Path) -> None:
    with prepared(tmp_path, **fake.environ) as server:
        server.lift_limits()
        caller = Caller(server)

        def went(way: str, **how: Any) -> Any:
            fake.says(TEXT, **how)
            return node.run(CLIENT, url=caller.url, token=caller.token, way=way)

        is_right_when_watched(went("whole", pace=0.005))
        is_right_when_cancelled(went("cancelled", **SLOW_THIRD))
        fake.until(lambda log: sum(bool(entry["client_closed"]) for entry in log) == 1)
        is_right_when_left(went("left", **SLOW_THIRD))
        fake.until(lambda log: sum(bool(entry["client_closed"]) for entry in log) == 2)
        assert "Traceback" not in server.log


def is_right_when_watched(heard: Any) -> None:
    assert heard["events"][0]["data"]["planId"] == heard["header"]
    assert heard["events"][-1]["name"] == "complete"
    assert heard["events"][-1]["data"]["plan"] == EXAMPLE
    times = [event["at"] for event in heard["events"] if event["name"] == "progress"][1:]
    assert len(times) > 5
    # They are sent a tenth of a second apart; the network can bunch them, even all of them.
    assert len(times) <= (times[-1] - heard["began"]) / 100 + 2


def is_right_when_cancelled(went: Any) -> None:
    assert [went[name]["status"] for name in ("answer", "again")] == [202, 202]
    state, last = went["state"]["data"], went["heard"]["events"][-1]
    assert (state["status"], len(state["partial"]["weeks"])) == ("partial", 2)
    assert (last["name"], last["data"]["code"], last["data"]["partialSaved"]) == ("error", "cancelled", True)


def is_right_when_left(went: Any) -> None:
    state = went["data"]
    assert (state["status"], state["error"]["code"]) == ("failed", "client_disconnected")
    assert went["seconds"] < 30
    assert state["partial"]["weeks"] == EXAMPLE["weeks"][:2]
