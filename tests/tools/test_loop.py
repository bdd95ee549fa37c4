"""An answer's rounds: silences within a call, a database that can't store one, notices that are said once, and limits."""

import json
from dataclasses import replace

from sqlalchemy import text

from tests.engine.bench import Bench
from tests.tools.test_recovery import Counter, calls_in, counting
from tests.upstream.fixtures import app
from webapp.base.db import db
from webapp.settings.service import set_setting
from webapp.tools.tool import READS, Hints, Result

__all__ = ["app"]


def test_a_model_that_falls_silent_within_a_call_is_given_up(bench: Bench, fake) -> None:
    begun = {"index": 0, "id": "one", "function": {"name": "count", "arguments": '{"wh'}}
    chunk = {"id": "x", "choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [begun]}}]}
    fake.always({"steps": [{"send": f"data: {json.dumps(chunk)}\n\n"}, {"hang": True}]})
    Counter(READS).offered(bench)
    with bench.app.app_context():
        set_setting("stream.stall_seconds", "1")
    ended = bench.until_ended(bench.ask(person=bench.person(), tools=["count"]))
    assert (ended.status, ended.reason) == ("failed", "stall")
    assert calls_in(bench) == []


def test_what_a_call_returned_is_stored_once_the_database_works_again(bench: Bench, fake) -> None:
    fake.always({"rounds": [{"calls": [counting("one")]}, {"says": "Good."}]})
    counter = Counter(Hints()).offered(bench)
    counter.holds = True
    id = bench.ask(person=bench.person(), tools=["count"])
    bench.until(lambda: counter.done == ["one"])
    with bench.refusing("calls"):
        counter.goes_on.set()
        bench.engine.pause(1.5)
        assert [call.state for call in calls_in(bench)] == ["running"]
    bench.until_ended(id)
    assert (counter.done, bench.message(id).content) == (["one"], "Good.")
    assert [(call.state, call.text) for call in calls_in(bench)] == [("done", "one is counted")]


def test_a_call_in_which_the_database_refuses_something_has_failed(bench: Bench, fake) -> None:
    fake.always({"rounds": [{"calls": [counting("one")]}, {"says": "A pity."}]})
    counter = Counter(READS)
    counter.tool = replace(counter.tool, run=lambda _context, _arguments: db.session.execute(text("SELECT it FROM nowhere")))
    counter.offered(bench)
    bench.until_ended(bench.ask(person=bench.person(), tools=["count"]))
    assert [(call.state, call.error) for call in calls_in(bench)] == [("failed", "Something went wrong in this tool.")]


def test_a_call_whose_result_changes_can_be_made_again(bench: Bench, fake) -> None:
    fake.always({"rounds": [*({"calls": [counting("one")]} for _ in range(5)), {"says": "Ready."}]})
    counter = Counter(READS)
    results = iter(["10 %", "40 %", "70 %", "90 %", "ready"])
    counter.tool = replace(counter.tool, run=lambda _context, _arguments: Result(next(results)))
    counter.offered(bench)
    bench.until_ended(bench.ask(person=bench.person(), tools=["count"]))
    assert [call.text for call in calls_in(bench)] == ["10 %", "40 %", "70 %", "90 %", "ready"]


def test_a_call_that_returns_the_same_is_made_three_times(bench: Bench, fake) -> None:
    fake.always({"rounds": [*({"calls": [counting("one")]} for _ in range(5)), {"says": "Enough."}]})
    counter = Counter(READS).offered(bench)
    bench.until_ended(bench.ask(person=bench.person(), tools=["count"]))
    assert counter.done == ["one"] * 3
    assert [call.state for call in calls_in(bench)] == ["done"] * 3 + ["failed"] * 2
