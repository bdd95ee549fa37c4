"""Several plans on one stream, plans that are started with their inputs, and plans that are finished by a program."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from flask import Flask

from tests.plans.conftest import LorebookEditor
from tests.plans.halting import BEGINNING, RISKS, WEEK_3, halting
from tests.plans.program import GOALS, Program
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.waiting import until
from webapp.base.db import db
from webapp.engine.engine import ENGINE
from webapp.guests.dialects.plans import views
from webapp.people.accounts import tokens
from webapp.people.accounts.tables import User
from webapp.plans.tables import Plan, PlanQuota
from webapp.settings.service import set_setting
from webapp.streaming.codec import SseDecoder, SseMessage

SEVERAL = "/api/streaming/generate-plans"


@pytest.fixture
def app(app: Flask) -> Flask:
    with app.app_context():
        for name in ("limits.made_per_minute", "limits.streams_per_minute", "limits.concurrent_streams"):
            set_setting(name, "0")
    return app


def decoded(pieces: Iterable[bytes]) -> Iterator[SseMessage]:
    decoder = SseDecoder()
    return (message for piece in pieces for message in decoder.feed(piece))


def plans(app: Flask) -> list[str]:
    with app.app_context():
        return [plan.status for plan in db.session.query(Plan).order_by(Plan.id)]


def used(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(db.select(PlanQuota.used)) or 0


def cut_plan(app: Flask, program: Program) -> tuple[str, dict[str, Any]]:
    """Returns a plan that was stopped after two weeks, and its status."""
    halting(app, WEEK_3)
    begun = program.open(preferenceId=program.wish())
    id = begun.headers["X-Plan-Id"]
    status = f"/api/streaming/status/{id}"
    until(lambda: program.send("GET", status)[1]["progress"]["weeksCompleted"] == 2, "two weeks are there")
    program.send("DELETE", f"/api/streaming/cancel/{id}")
    assert list(decoded(begun.iter_encoded()))[-1].event == "error"
    halting(app)
    return id, program.send("GET", status)[1]


@also_on_postgres
@pytest.mark.slow
def test_one_stream_tells_each_plan_to_its_end(app: Flask, program: Program) -> None:
    wishes = [program.wish(goals=[f"Goal {number}"]) for number in range(8)]

    _, told = program.watch(SEVERAL, preferenceIds=wishes, userId="another")

    events = [(message.event, json.loads(message.data)) for message in told]
    ids = list(dict.fromkeys(data["planId"] for _, data in events))
    assert len(ids) == 8
    for id in ids:
        own = [(name, data) for name, data in events if data["planId"] == id]
        assert own[0] == (
            "progress",
            {"planId": id, "status": "generating", "connected": True, "warnings": ["userId is not used"]},
        )
        assert [name for name, _ in own] == ["progress"] * (len(own) - 1) + ["complete"]
        assert own[-1][1]["plan"]["weeks"]
    assert told[-1].event == "complete"
    assert (plans(app), used(app)) == (["completed"] * 8, 8)


@pytest.mark.parametrize(
    ("ids", "status"),
    [([], 422), (["{own}"] * 2, 422), (["a"] * 9, 422), (["{own}", "unknown"], 404), (["{own}", "{other}"], 404), ("{own}", 422)],
)
def test_what_is_refused_starts_nothing(app: Flask, program: Program, ids: Any, status: int) -> None:
    own, other = program.wish(), Program(app, "other@example.org").wish()
    filled = [id.format(own=own, other=other) for id in ids] if isinstance(ids, list) else own
    if len(filled) == 9:
        filled = [program.wish() for _ in range(9)]
    assert program.send("POST", SEVERAL, {"preferenceIds": filled})[0] == status
    assert (plans(app), used(app)) == ([], 0)


@on_both_databases
def test_the_quota_refuses_all_or_none(app: Flask, program: Program) -> None:
    wishes = [program.wish() for _ in range(3)]
    with app.app_context():
        set_setting("limits.plans_per_month", "2")
    assert program.send("POST", SEVERAL, {"preferenceIds": wishes})[0] == 429
    assert (plans(app), used(app)) == ([], 0)
    assert program.watch(SEVERAL, preferenceIds=wishes[:2])[1][-1].event == "complete"
    assert used(app) == 2


@also_on_postgres
def test_no_more_are_started_than_may_be_in_progress(app: Flask, program: Program) -> None:
    wishes = [program.wish() for _ in range(3)]
    with app.app_context():
        set_setting("limits.concurrent_streams", "2")
    status, said = program.send("POST", SEVERAL, {"preferenceIds": wishes})
    assert (status, said["error"]) == (422, "You can have 2 answers in progress at once, so send fewer.")
    halting(app, BEGINNING)
    begun = program.open(preferenceId=wishes[0])
    assert program.send("POST", SEVERAL, {"preferenceIds": wishes[:2]})[0] == 429
    assert (plans(app), used(app)) == (["generating"], 1)
    program.send("DELETE", f"/api/streaming/cancel/{begun.headers['X-Plan-Id']}")
    begun.close()


def test_a_repeat_of_several_attaches_to_all(app: Flask, program: Program) -> None:
    wishes = [program.wish() for _ in range(2)]
    first = [json.loads(message.data)["planId"] for message in program.watch(SEVERAL, key="k", preferenceIds=wishes)[1]]
    again = [json.loads(message.data)["planId"] for message in program.watch(SEVERAL, key="k", preferenceIds=wishes)[1]]
    assert {*first} == {*again}
    assert (len(plans(app)), used(app)) == (2, 2)


def test_one_that_is_cancelled_ends_alone(app: Flask, program: Program) -> None:
    demo = halting(app, BEGINNING)
    begun = program.open(SEVERAL, preferenceIds=[program.wish() for _ in range(2)])
    told = decoded(begun.iter_encoded())
    ids = [json.loads(next(told).data)["planId"] for _ in range(2)]
    program.send("DELETE", f"/api/streaming/cancel/{ids[0]}")
    until(lambda: "failed" in plans(app), "it is stopped")
    demo.go_on()
    ends = {json.loads(message.data)["planId"]: message.event for message in told if message.event != "progress"}
    assert ends == {ids[0]: "error", ids[1]: "complete"}


def test_each_is_stopped_when_the_client_is_gone(app: Flask, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "ABORT", "abort:0")
    halting(app, BEGINNING)
    begun = program.open(SEVERAL, preferenceIds=[program.wish() for _ in range(3)])
    pieces = begun.iter_encoded()
    for _ in range(3):
        next(pieces)
    engine = ENGINE.of(app)
    engine.stop_overdue()
    assert plans(app) == ["generating"] * 3
    begun.close()
    until(lambda: plans(app) == ["failed"] * 3, "all are stopped")


def test_inputs_can_start_their_plan(app: Flask, program: Program) -> None:
    status, kept = program.send("POST", "/api/plan/inputs", GOALS)
    assert (status, kept["planId"], kept["streamUrl"], plans(app)) == (201, None, None, [])
    demo = halting(app, RISKS)

    status, kept = program.send("POST", "/api/plan/inputs?generate=true", GOALS)

    assert (status, plans(app)) == (201, ["generating"])
    begun = program.client.get(kept["streamUrl"], buffered=False)
    assert (begun.status_code, begun.headers["X-Plan-Id"]) == (200, kept["planId"])
    told = decoded(begun.iter_encoded())
    assert json.loads(next(told).data) == {"planId": kept["planId"], "status": "generating", "connected": True}
    demo.go_on()
    assert list(told)[-1].event == "complete"
    replayed = list(decoded(program.client.get(kept["streamUrl"], buffered=False).iter_encoded()))
    assert replayed[-1].event == "complete"
    last = {"Last-Event-ID": replayed[-1].id}
    assert program.client.get(kept["streamUrl"], headers=last).status_code == 204
    assert program.send("POST", "/api/plan/inputs?generate=perhaps", GOALS)[0] == 422


def test_who_comes_late_gets_all_so_far_at_once(app: Flask, program: Program) -> None:
    halting(app, WEEK_3)
    _, kept = program.send("POST", "/api/plan/inputs?generate=true", GOALS)
    path = f"/api/streaming/status/{kept['planId']}"
    until(lambda: program.send("GET", path)[1]["progress"]["weeksCompleted"] == 2, "two weeks are there")
    told = decoded(program.client.get(kept["streamUrl"], buffered=False).iter_encoded())
    first, second = json.loads(next(told).data), json.loads(next(told).data)
    assert (first["connected"], second["weeksCompleted"], len(second["partial"]["weeks"])) == (True, 2, 2)
    program.send("DELETE", f"/api/streaming/cancel/{kept['planId']}")
    assert list(told)[-1].event == "error"

    replayed = list(decoded(program.client.get(kept["streamUrl"], buffered=False).iter_encoded()))

    assert [message.event for message in replayed] == ["progress", "progress", "error"]
    assert len(json.loads(replayed[1].data)["partial"]["weeks"]) == 2


def test_a_ticket_is_for_one_plan_and_its_reading(app: Flask, program: Program) -> None:
    urls = [program.send("POST", "/api/plan/inputs?generate=1", GOALS)[1]["streamUrl"] for _ in range(2)]
    (first, ticket), (second, _) = (url.split("?") for url in urls)
    outside = app.test_client()
    assert outside.get(urls[0], buffered=False).status_code == 200
    assert outside.get(f"{second}?{ticket}").status_code == 401
    assert outside.get(f"/api/streaming/status/{first.rpartition('/')[2]}?{ticket}").status_code == 401
    assert outside.delete(f"/api/streaming/cancel/{first.rpartition('/')[2]}?{ticket}").status_code == 401
    with app.app_context():
        token = tokens.make_token(db.session.get_one(User, program.id), "reads", ("read",))
    reader = {"Authorization": f"Bearer {token}"}
    assert outside.get(urls[0], headers=reader).status_code == 403
    assert Program(app, "other@example.org").send("GET", first)[0] == 404


def test_a_program_finishes_a_plan(app: Flask, program: Program) -> None:
    id, before = cut_plan(app, program)
    assert (before["status"], before["progress"]["weeksCompleted"], before["progress"]["percent"]) == ("partial", 2, 50)

    response, told = program.watch(f"/api/plan/{id}/continue", key="k")

    assert (response.status_code, response.headers["X-Plan-Id"]) == (200, id)
    events = [json.loads(message.data) for message in told]
    assert (told[-1].event, events[0]["connected"]) == ("complete", True)
    assert events[-1]["plan"]["weeks"][:2] == before["partial"]["weeks"]
    counted = [(event["weeksCompleted"], event["chars"]) for event in events[1:-1]]
    after = program.send("GET", f"/api/streaming/status/{id}")[1]["progress"]
    counted = [(2, before["progress"]["chars"]), *counted, (after["weeksCompleted"], after["chars"])]
    assert counted == sorted(counted)
    assert used(app) == 1
    again = program.watch(f"/api/plan/{id}/continue", key="k")[1]
    assert again[-1].event == "complete"
    assert json.loads(again[-1].data)["plan"] == events[-1]["plan"]


def test_without_a_stream_it_says_where_the_stream_is(app: Flask, program: Program) -> None:
    id, _ = cut_plan(app, program)
    demo = halting(app, RISKS)
    path = f"/api/plan/{id}/continue"
    status, said = program.send("POST", path)
    assert (status, said["planId"], said["status"]) == (202, id, "generating")
    busy, refused = program.send("POST", path)
    assert (busy, refused["code"], refused["streamUrl"]) == (409, "generation_in_progress", said["streamUrl"])
    begun = program.client.get(said["streamUrl"], buffered=False)
    demo.go_on()
    assert list(decoded(begun.iter_encoded()))[-1].event == "complete"
    status, said = program.send("POST", path)
    assert (status, said["error"]) == (409, "This plan is complete, so there is nothing to finish.")
    other = Program(app, "other@example.org")
    assert [other.send("POST", url)[0] for url in (path, "/api/plan/unknown/continue")] == [404, 404]


def test_a_plan_without_anything_is_begun_again(app: Flask, program: Program, desk: LorebookEditor) -> None:
    halting(app, BEGINNING)
    begun = program.open(preferenceId=program.wish())
    id = begun.headers["X-Plan-Id"]
    program.send("DELETE", f"/api/streaming/cancel/{id}")
    assert list(decoded(begun.iter_encoded()))[-1].event == "error"
    assert used(app) == 0
    halting(app)
    told = program.watch(f"/api/plan/{id}/continue")[1]
    assert (told[-1].event, used(app), plans(app)) == ("complete", 1, ["completed"])
