"""The fuse: an answer at a limit waits with all its results, and a person says whether and how it continues."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.engine.bench import Bench, die
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.people import user_with_password
from tests.tools.test_recovery import Counter, calls_in, counting, decide as decide_call, other, waits
from tests.upstream.fixtures import app
from webapp.base.db import db, write
from webapp.base.errors import Conflict, Forbidden, Invalid
from webapp.chat.calls import service as call_service
from webapp.chat.calls.lines import calls_for
from webapp.chat.calls.service import FuseDecision
from webapp.chat.record.tables import Message
from webapp.people.accounts.tables import User
from webapp.settings.service import set_setting
from webapp.tools import policies
from webapp.tools.tables import Fuse
from webapp.tools.tool import READS, CallContext, Hints, Result, Tool
from webapp.web.feature import BROUGHT

__all__ = ["app", "other"]


def limited(bench: Bench, **limits: str) -> None:
    with bench.app.app_context():
        for name, value in limits.items():
            set_setting(f"tools.{name}", value)


def decide(bench: Bench, id: str, decision: FuseDecision, person: str, **more: Decimal) -> None:
    with bench.app.app_context():
        by = db.session.get_one(User, person)
        call_service.decide_limit(bench.generation(id), decision, by=by, **more)


def limit_of(bench: Bench) -> tuple[str, str]:
    with bench.app.app_context():
        fuse = db.session.scalars(db.select(Fuse)).one()
        return fuse.limit, fuse.decision


def calling(*names: str) -> dict[str, object]:
    return {"calls": [counting(name) for name in names]}


@also_on_postgres
@pytest.mark.slow
def test_an_answer_at_a_limit_waits_and_continues_with_all_that_was_returned(bench: Bench, fake) -> None:
    fake.always({"rounds": [{"says": "I count.", **calling("a", "b")}, calling("c"), calling("d"), {"says": "Four."}]})
    counter, person = Counter(Hints()).offered(bench), bench.person()
    limited(bench, rounds="2")
    id = bench.ask(person=person, tools=["count"])
    bench.until(waits(bench, id))
    assert limit_of(bench) == ("rounds", "")
    assert (len(fake.posts()), [call.state for call in calls_in(bench)]) == (2, ["done"] * 3)
    decide(bench, id, "continue", person)
    bench.until_ended(id)
    assert (bench.generation(id).status, bench.message(id).content) == ("completed", "I count.\n\nFour.")
    assert sorted(counter.done) == ["a", "b", "c", "d"]
    # Each result was sent once in the last request.
    results = [turn["content"] for turn in fake.posts()[-1]["body"]["messages"] if turn["role"] == "tool"]
    assert results == [f"{name} is counted" for name in "abcd"]
    with pytest.raises(Conflict):
        decide(bench, id, "continue", person)


def test_it_answers_with_what_is_there(bench: Bench, fake) -> None:
    fake.always({"rounds": [calling("a"), calling("b", "c"), {"says": "One or so."}]})
    counter, person = Counter(Hints()).offered(bench), bench.person()
    limited(bench, calls="2")
    id = bench.ask(person=person, tools=["count"])
    bench.until(waits(bench, id))
    assert (limit_of(bench), counter.done) == (("calls", ""), ["a"])
    decide(bench, id, "answer", person)
    ended = bench.until_ended(id)
    assert (ended.status, bench.message(id).content, counter.done) == ("completed", "One or so.", ["a"])
    assert [call.state for call in calls_in(bench)] == ["done", "failed", "failed"]
    assert fake.posts()[-1]["body"]["tool_choice"] == "none"
    assert bench.journal_rows() == 0


def test_a_model_that_calls_although_it_may_not_has_ended(bench: Bench, fake) -> None:
    fake.always({"calls": [counting("a")], "ignores_choice": True})
    _, person = Counter(READS).offered(bench), bench.person()
    limited(bench, rounds="1")
    id = bench.ask(person=person, tools=["count"])
    bench.until(waits(bench, id))
    decide(bench, id, "answer", person)
    bench.until_ended(id)
    assert not [call for call in calls_in(bench) if call.state in ("asked", "waiting", "running")]


def test_it_ends_with_what_it_has(bench: Bench, fake) -> None:
    fake.always({"rounds": [{"says": "I count.", **calling("a")}, {"says": "Never."}]})
    _, person = Counter(READS).offered(bench), bench.person()
    limited(bench, rounds="1")
    id = bench.ask(person=person, tools=["count"])
    bench.until(waits(bench, id))
    # The recovery ends it, as nothing runs it.
    bench.recover()
    decide(bench, id, "end", person)
    ended = bench.until_ended(id)
    assert (ended.status, ended.reason, bench.message(id).content) == ("stopped", "user", "I count.")
    assert (len(fake.posts()), [call.text for call in calls_in(bench)]) == (1, ["a is counted"])


@pytest.mark.parametrize(("name", "value"), [("chars", "10"), ("seconds", "1")])
def test_what_calls_return_and_how_long_an_answer_runs_are_limited(bench: Bench, fake, name: str, value: str) -> None:
    fake.always({"rounds": [calling("a"), {"says": "One."}]})
    counter, person = Counter(READS).offered(bench), bench.person()
    counter.holds = name == "seconds"
    limited(bench, **{name: value})
    id = bench.ask(person=person, tools=["count"])
    bench.until(lambda: counter.done == ["a"])
    bench.engine.pause(1.1 if counter.holds else 0)
    counter.goes_on.set()
    bench.until(waits(bench, id))
    assert limit_of(bench) == (name, "")
    decide(bench, id, "continue", person)
    assert bench.until_ended(id).status == "completed"


def test_what_it_may_cost_is_raised_by_as_much_as_is_entered(bench: Bench, fake) -> None:
    costs = [{**calling(name), "cost": 0.3} for name in "abc"]
    fake.always({"rounds": [*costs, {"says": "Three.", "cost": 0.3}]})
    _, person = Counter(READS).offered(bench), bench.person()
    limited(bench, usd="0.4")
    id = bench.ask(person=person, tools=["count"])
    bench.until(waits(bench, id))
    # What the first round has cost is counted once: the second could still be asked for.
    assert (limit_of(bench), len(fake.posts())) == (("cost", ""), 2)
    for text in ("-1", "much", "NaN", "1e9"):
        with pytest.raises(Invalid):
            call_service.dollars(text)
    decide(bench, id, "continue", person, more_usd=call_service.dollars("$0.25"))
    bench.until(lambda: len(fake.posts()) == 3 and waits(bench, id)())
    decide(bench, id, "continue", person)
    assert bench.until_ended(id).status == "completed"


@on_both_databases
@pytest.mark.slow
def test_what_was_decided_holds_after_a_kill(bench: Bench, fake, other: Bench) -> None:
    fake.always({"rounds": [calling("a"), {**calling("b"), "holds": [0]}, {"says": "Two."}]})
    _, second, person = Counter(READS).offered(bench), Counter(READS).offered(other), bench.person()
    limited(bench, rounds="1")
    limited(other, rounds="1")
    id = bench.ask(person=person, tools=["count"])
    bench.until(waits(bench, id))
    decide(bench, id, "continue", person)
    bench.until(lambda: len(fake.posts()) == 2)
    die(bench, id)
    fake.goes_on()
    other.recover()
    other.until(lambda: len(other.generations()) == 2)
    fake.goes_on()
    last = other.generations()[-1].id
    # The second round was allowed; the third isn't.
    other.until(waits(other, last))
    decide(other, last, "continue", person)
    other.until_ended(last)
    assert (other.message(last).content, second.done) == ("Two.", ["b"])


def test_calls_of_one_round_cost_no_more_than_those_at_once_beyond_the_limit(bench: Bench, fake) -> None:
    drawn, schema = list[int](), {"type": "object", "properties": {"number": {"type": "integer"}}}

    def draw(_: CallContext, arguments: Mapping[str, Any]) -> Result:
        drawn.append(arguments["number"])
        return Result("Drawn.", cost="1.00")

    BROUGHT.of(bench.app)[Tool].append(Tool("draw", "Draw", "Draws.", schema, lambda _: "Drew", draw, policy="allow"))
    calls = [{"tool": "draw", "arguments": {"number": number}} for number in range(12)]
    fake.always({"rounds": [{"calls": calls}, {"says": "All."}]})
    limited(bench, usd="2")
    person = bench.person()
    id = bench.ask(person=person, tools=["draw"])
    for most in (4, 8, 12):
        bench.until(waits(bench, id))
        assert (limit_of(bench), len(drawn)) == (("cost", ""), most)
        decide(bench, id, "continue", person, more_usd=Decimal(4))
    assert bench.until_ended(id).status == "completed"
    assert sorted(drawn) == list(range(12))


def test_a_call_that_is_allowed_at_a_limit_waits_for_the_limit(bench: Bench, fake) -> None:
    fake.always({"rounds": [{**calling("a"), "cost": 0.3}, {"says": "One."}]})
    counter, person = Counter(Hints()).offered(bench), bench.person()
    limited(bench, usd="0.25")
    with bench.app.app_context(), write() as session:
        policies.decide(session, "count", "ask")
    id = bench.ask(person=person, tools=["count"])
    bench.until(waits(bench, id))
    decide_call(bench, "allow", person)
    bench.until(waits(bench, id))
    told = bench.journal_rows()
    bench.engine.pause(0.5)
    assert (bench.journal_rows(), limit_of(bench), counter.done) == (told, ("cost", ""), [])
    decide(bench, id, "continue", person)
    assert (bench.until_ended(id).status, counter.done) == ("completed", ["a"])


@pytest.mark.parametrize("decision", ["continue", "answer"])
def test_only_who_asked_spends_more_but_others_can_end_it(bench: Bench, fake, decision: FuseDecision) -> None:
    fake.always({"rounds": [calling("a"), {"says": "One."}]})
    Counter(READS).offered(bench)
    person = bench.person()
    with bench.app.app_context():
        guest = user_with_password("guest@example.org", "member").id
    limited(bench, rounds="1")
    id = bench.ask(person=person, tools=["count"])
    bench.until(waits(bench, id))
    with pytest.raises(Forbidden, match="counts toward their budget"):
        decide(bench, id, decision, guest)
    with bench.app.app_context():
        message = db.session.get_one(Message, bench.message(id).id)
        by_reader = {
            reader: calls_for(db.session.get_one(User, reader), message.id, calls_in(bench), {}, is_live=True, hidden={}).limit
            for reader in (person, guest)
        }
    assert [bool(limit and limit.only_by) for limit in by_reader.values()] == [False, True]
    assert limit_of(bench)[1] == ""
    decide(bench, id, "end", guest)
    assert bench.until_ended(id).status == "stopped"
