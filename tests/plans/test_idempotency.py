"""A repeated request with an idempotency key makes nothing twice: no inputs, no plan, no unit of the quota."""

import json
from typing import Any

import gevent
import pytest
from flask import Flask

from tests.plans.halting import WEEK_2, halting
from tests.plans.program import GENERATE, GOALS, Program
from tests.support.marks import also_on_postgres, on_both_databases
from webapp.base.db import db
from webapp.plans.tables import Plan, PlanInputs, PlanQuota
from webapp.plans.writing import service
from webapp.settings.service import set_setting

INPUTS, WHOLE = "/api/plan/inputs", "/service/generate"
UNUSABLE = "Use at most 255 letters, digits and other visible ASCII characters."


def counts(app: Flask) -> tuple[int, int, int]:
    """Returns how many inputs and plans there are, and how many units are used."""
    with app.app_context():
        inputs, plans = (db.session.query(table).count() for table in (PlanInputs, Plan))
        return inputs, plans, db.session.scalar(db.select(PlanQuota.used)) or 0


def unlimit(app: Flask, *names: str) -> None:
    with app.app_context():
        for name in names or ("limits.made_per_minute", "limits.streams_per_minute", "limits.concurrent_streams"):
            set_setting(name, "0")


@also_on_postgres
@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_repeat_gets_the_first_plan(app: Flask, program: Program, prefix: str) -> None:
    first, again = (program.send("POST", INPUTS, GOALS, key="k") for _ in range(2))
    assert first == again
    body = {"preferenceId": first[1]["preferenceId"]}

    made, repeated = (program.send("POST", prefix + WHOLE, body, key="k") for _ in range(2))

    assert (made[0], made) == (200, repeated)
    assert counts(app) == (1, 1, 1)
    response, told = program.watch(key="k", **body)
    assert response.headers["X-Plan-Id"] == made[1]["planId"]
    assert [told[0].event, told[-1].event] == ["progress", "complete"]
    assert counts(app) == (1, 1, 1)


def test_another_body_or_key_or_person_is_another_request(app: Flask, program: Program) -> None:
    other = Program(app, "other@example.org")
    wishes = [program.send("POST", INPUTS, GOALS, key="k")[1]["preferenceId"] for _ in range(2)]
    wishes += [program.send("POST", INPUTS, {**GOALS, **more}, key="k")[1]["preferenceId"] for more in MORE]
    wishes += [client.send("POST", INPUTS, GOALS, key=key)[1]["preferenceId"] for client, key in ((program, "l"), (other, "k"))]
    assert len({*wishes}) == len(wishes) - 1
    assert program.send("POST", WHOLE, {"preferenceId": wishes[-1]}, key="k")[0] == 404
    plans = [program.send("POST", WHOLE, {"preferenceId": id}, key="k")[1]["planId"] for id in (wishes[0], wishes[2])]
    assert len({*plans}) == 2


MORE: list[dict[str, Any]] = [
    {"goals": ["Oil it"]},
    {"preferences": {"tone": "gentle"}},
    {"preferences": {"diet": "vegan"}},
    {"planType": "study"},
]


def test_a_repeat_attaches_to_the_stream_that_runs(app: Flask, program: Program) -> None:
    demo, wish = halting(app, WEEK_2), program.wish()
    begun = program.open(key="k", preferenceId=wish)
    first = begun.iter_encoded()
    assert b"connected" in next(part for part in first if b"event:" in part)
    again = program.open(key="k", preferenceId=wish)
    assert again.headers["X-Plan-Id"] == begun.headers["X-Plan-Id"]
    assert again.headers["X-Stream-Id"] == begun.headers["X-Stream-Id"]
    second = again.iter_encoded()
    assert b"connected" in next(part for part in second if b"event:" in part)
    demo.go_on()
    assert [b"event: complete" in list(stream)[-1] for stream in (first, second)] == [True, True]
    assert counts(app) == (1, 1, 1)


@on_both_databases
@pytest.mark.slow
def test_of_many_at_once_one_is_made(app: Flask, program: Program) -> None:
    unlimit(app)
    with app.app_context():
        set_setting("limits.plans_per_month", "1")
    stored = [gevent.spawn(program.send, "POST", INPUTS, GOALS, key="k") for _ in range(8)]
    assert {status for status, _ in (greenlet.get() for greenlet in stored)} == {201}
    (wish,) = {greenlet.get()[1]["preferenceId"] for greenlet in stored}
    made = [gevent.spawn(program.send, "POST", WHOLE, {"preferenceId": wish}, key="k") for _ in range(8)]
    assert {(greenlet.get()[0], greenlet.get()[1]["success"]) for greenlet in made} == {(200, True)}
    assert len({greenlet.get()[1]["planId"] for greenlet in made}) == 1
    assert counts(app) == (1, 1, 1)


def test_a_repeat_of_what_is_used_up_or_too_fast_is_no_new_request(app: Flask, program: Program) -> None:
    wish = program.send("POST", INPUTS, GOALS, key="k")[1]["preferenceId"]
    with app.app_context():
        set_setting("limits.plans_per_month", "1")
    made = program.send("POST", WHOLE, {"preferenceId": wish}, key="k")
    with app.app_context():
        set_setting("limits.streams_per_minute", "1")
        set_setting("limits.made_per_minute", "1")
    for _ in range(30):
        assert program.send("POST", INPUTS, GOALS, key="k")[0] == 201
        assert program.send("POST", WHOLE, {"preferenceId": wish}, key="k") == made
    assert counts(app) == (1, 1, 1)


@pytest.mark.parametrize("key", ["k" * 256, "k" * 1_000_000, "\t tab\x01\x7f", "\x00", "ü\x9f"])
@pytest.mark.parametrize("path", [INPUTS, WHOLE, GENERATE, "/api/streaming/generate-plans", "/api/plan/x/continue"])
def test_an_unusable_key_is_refused_before_anything_is_made(app: Flask, program: Program, path: str, key: str) -> None:
    wish = program.wish()
    body = {**GOALS, "preferenceId": wish, "preferenceIds": [wish]}
    status, said = program.send("POST", path, body, key=key)
    assert (status, said.get("fields")) in [(422, {"Idempotency-Key": UNUSABLE}), (404, None)]
    assert (status == 404) == ("continue" in path)
    assert counts(app)[1:] == (0, 0)


@pytest.mark.parametrize("key", ["'; DROP TABLE plans; --", "k" * 255])
def test_any_other_key_is_only_a_name(app: Flask, program: Program, key: str) -> None:
    first, again = (program.send("POST", INPUTS, GOALS, key=key) for _ in range(2))
    assert first == again
    made = [program.send("POST", WHOLE, {"preferenceId": first[1]["preferenceId"]}, key=key)[1]["planId"] for _ in range(2)]
    assert made[0] == made[1]
    assert counts(app)[:2] == (1, 1)


@pytest.mark.slow
def test_many_keys_are_many_requests(app: Flask, program: Program) -> None:
    unlimit(app)
    ids = {program.send("POST", INPUTS, GOALS, key=str(number))[1]["preferenceId"] for number in range(300)}
    assert len(ids) == 300
    assert {program.send("POST", INPUTS, GOALS, key=str(number))[1]["preferenceId"] for number in range(300)} == ids


def test_a_deleted_plan_is_made_again(app: Flask, program: Program) -> None:
    wish = program.wish()
    first = program.send("POST", WHOLE, {"preferenceId": wish}, key="k")[1]["planId"]
    with app.app_context():
        service.delete(db.session.get_one(Plan, first))
    second = program.send("POST", WHOLE, {"preferenceId": wish}, key="k")[1]["planId"]
    assert first != second


def test_a_failed_plan_fails_again_without_a_new_request(app: Flask, program: Program) -> None:
    halting(app, "{")
    wish = program.wish()
    begun = program.open(key="k", preferenceId=wish)
    assert next(begun.iter_encoded())
    program.send("DELETE", f"/api/streaming/cancel/{begun.headers['X-Plan-Id']}")
    begun.close()
    errors = [json.loads(program.watch(key="k", preferenceId=wish)[1][-1].data) for _ in range(2)]
    assert [error["code"] for error in errors] == ["cancelled"] * 2
    assert counts(app)[1:] == (1, 0)
