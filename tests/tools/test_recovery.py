"""What a kill leaves of an answer with tools: what is done stays done, what is unsure waits for a person, the rest follows."""

from collections.abc import Callable
from typing import Any

import pytest
from gevent.event import Event
from sqlalchemy import update

from tests.engine.bench import Bench, counted, die
from tests.support.marks import also_on_postgres, on_both_databases
from tests.upstream.fixtures import app
from webapp.base.db import db, utc_now, write
from webapp.chat.calls import service as call_service
from webapp.engine.chores import TICKERS
from webapp.people.accounts.tables import User
from webapp.settings.service import set_setting
from webapp.tools.questions import AskedField, ServerQuestion
from webapp.tools.tables import Call
from webapp.tools.tool import READS, Hints, Policy, QuestionAsked, Result, Tool
from webapp.web.feature import BROUGHT

__all__ = ["app"]
pytestmark = pytest.mark.slow


class Counter:
    """A tool that counts what it did, and can hold before it returns."""

    def __init__(self, hints: Hints, policy: Policy = "allow") -> None:
        self.done, self.holds, self.goes_on = list[str](), False, Event()
        schema = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
        self.tool = Tool("count", "Count", "Counts.", schema, lambda _: "Counted", self._run, hints=hints, policy=policy)

    def _run(self, _context: Any, arguments: Any) -> Result:
        self.done.append(arguments["what"])
        if self.holds:
            self.goes_on.wait(30)
        return Result(f"{arguments['what']} is counted")

    def offered(self, bench: Bench) -> "Counter":
        BROUGHT.of(bench.app)[Tool].append(self.tool)
        return self


@pytest.fixture
def other(make_app, fake, bench) -> Bench:
    """A bench for the next process, on the same data."""
    return Bench(make_app(**fake.environ))


def counting(what: str) -> dict[str, Any]:
    return {"tool": "count", "arguments": {"what": what}}


def calls_in(bench: Bench) -> list[Call]:
    with bench.app.app_context():
        return list(db.session.scalars(db.select(Call).order_by(Call.round, Call.number)))


def decide(bench: Bench, decision: call_service.Decision, person: str) -> None:
    with bench.app.app_context():
        waiting = db.session.scalar(db.select(Call).where(Call.state.in_(("waiting", "unknown"))))
        call_service.decide(waiting, decision, by=db.session.get_one(User, person), result="Red")


def waits(bench: Bench, id: str) -> Callable[[], bool]:
    return lambda: bench.generation(id).status == "waiting" and id not in bench.engine.live


def end_waiting(bench: Bench, id: str) -> None:
    """Ends the process once its answer waits, and it has looked, in one session, whether a person decided meanwhile."""

    def has_looked() -> bool:
        with bench.app.app_context():
            return "waiting answers" in TICKERS.get() and not db.engine.pool.checkedout()

    bench.until(waits(bench, id))
    bench.until(has_looked)
    bench.engine.is_closing = True
    bench.engine.worker.end()


@on_both_databases
def test_a_call_that_was_done_is_not_done_again(bench, fake, other) -> None:
    fake.always({"rounds": [{"calls": [counting("one"), counting("two")]}, {"says": "And so it is.", "holds": [0]}]})
    first, second = Counter(Hints()).offered(bench), Counter(Hints()).offered(other)
    id = bench.ask(person=bench.person(), tools=["count"])
    bench.until(lambda: len(fake.posts()) == 2)
    die(bench, id)
    fake.goes_on()
    other.recover()
    other.until(lambda: len(other.generations()) == 2)
    fake.goes_on()
    other.until_ended(other.generations()[-1].id)
    assert (sorted(first.done), second.done) == (["one", "two"], [])
    assert [call.state for call in calls_in(other)] == ["done", "done"]
    assert other.journal_rows() == 0


@also_on_postgres
@pytest.mark.parametrize("decision", ["done", "again", "leave"])
def test_a_call_of_which_no_reply_was_seen_is_a_persons_to_decide(bench, fake, other, decision) -> None:
    fake.always({"rounds": [{"calls": [counting("one")]}, {"says": "Good."}]})
    first, second = Counter(Hints()).offered(bench), Counter(Hints()).offered(other)
    first.holds = True
    person = bench.person()
    id = bench.ask(person=person, tools=["count"])
    bench.until(lambda: first.done == ["one"])
    die(bench, id)
    other.recover()
    other.until(lambda: len(other.generations()) == 2)
    latest = other.generations()[-1].id
    other.until(waits(other, latest))
    assert [call.state for call in calls_in(other)] == ["unknown"]
    decide(other, decision, person)
    other.until_ended(latest)
    assert other.message(latest).content == "Good."
    assert second.done == (["one"] if decision == "again" else [])
    assert [call.state for call in calls_in(other)] == ["failed" if decision == "leave" else "done"]
    first.goes_on.set()


@also_on_postgres
def test_a_call_that_only_reads_is_done_again_by_itself(bench, fake, other) -> None:
    fake.always({"rounds": [{"calls": [counting("one")]}, {"says": "Good."}]})
    first, second = Counter(READS).offered(bench), Counter(READS).offered(other)
    first.holds = True
    id = bench.ask(person=bench.person(), tools=["count"])
    bench.until(lambda: first.done == ["one"])
    die(bench, id)
    other.recover()
    other.until(lambda: len(other.generations()) == 2)
    other.until_ended(other.generations()[-1].id)
    assert (second.done, other.message(id).content) == (["one"], "Good.")
    first.goes_on.set()


@on_both_databases
def test_a_question_survives_the_process_that_asked_it(bench, fake, other) -> None:
    asked = {"tool": "ask_person", "arguments": {"question": "Which?"}}
    fake.always({"rounds": [{"says": "Hm.", "calls": [asked]}, {"says": "Red, then."}]})
    person = bench.person()
    id = bench.ask(person=person, tools=["ask_person"])
    end_waiting(bench, id)
    other.recover()
    assert other.generation(id).status == "waiting"
    decide(other, "answer", person)
    ended = other.until_ended(id)
    assert (ended.status, other.message(id).content) == ("completed", "Hm.\n\nRed, then.")
    assert (len(other.generations()), other.journal_rows()) == (1, 0)


@also_on_postgres
@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_a_decision_after_which_the_process_died_is_followed_by_the_next(bench, fake, other, decision) -> None:
    fake.always({"rounds": [{"calls": [counting("one")]}, {"says": "Good."}]})
    first, second = (Counter(Hints(), policy="ask").offered(process) for process in (bench, other))
    id = bench.ask(person=bench.person(), tools=["count"])
    end_waiting(bench, id)
    state = {"state": "asked"} if decision == "allow" else {"state": "denied", "ended_at": utc_now()}
    with other.app.app_context(), write() as session:
        session.execute(update(Call).values(decision=decision, decided_at=utc_now(), **state))
    other.recover()
    assert other.until_ended(id).status == "completed"
    assert other.message(id).content == "Good."
    assert (first.done, second.done) == ([], ["one"] if decision == "allow" else [])


class Asker(Counter):
    """A tool that asks a person before it counts, as a tool server does."""

    def _run(self, context: Any, arguments: Any) -> Result:
        if not context.answered:
            raise QuestionAsked(ServerQuestion("For whom?", (AskedField("who", "Who", "", "text", True),), server="Stand-in"))
        return super()._run(context, {"what": f"{arguments['what']} for {context.answered.values['who']}"})


@on_both_databases
@pytest.mark.parametrize("hints", [READS, Hints()], ids=["safe", "unsafe"])
def test_what_a_tool_server_asks_survives_two_kills(bench, fake, make_app, other, hints: Hints) -> None:
    """The first process ends while a person is waited for, the second in the middle of the call with the answer."""
    fake.always({"rounds": [{"calls": [counting("one")]}, {"says": "Good."}]})
    third = Bench(make_app(**fake.environ))
    askers = [Asker(hints).offered(process) for process in (bench, other, third)]
    person = bench.person()
    id = bench.ask(person=person, tools=["count"])
    end_waiting(bench, id)
    other.recover()
    askers[1].holds = True
    with other.app.app_context():
        call = db.session.scalars(db.select(Call)).one()
        call_service.decide(call, "answer", by=db.session.get_one(User, person), values={"who": "Ada"})
    other.until(lambda: askers[1].done == ["one for Ada"])
    die(other, id)
    third.recover()
    third.until(lambda: len(third.generations()) == 2)
    latest = third.generations()[-1].id
    if hints == Hints():
        third.until(waits(third, latest))
        assert [call.state for call in calls_in(third)] == ["unknown"]
        decide(third, "again", person)
    third.until_ended(latest)
    assert [asker.done for asker in askers] == [[], ["one for Ada"], ["one for Ada"]]
    assert [(call.state, call.text) for call in calls_in(third)] == [("done", "one for Ada is counted")]
    askers[1].goes_on.set()


@also_on_postgres
def test_text_before_a_call_is_stored_before_the_call_is_done(bench, fake, other) -> None:
    fake.always({"rounds": [{"says": "One thing first.", "calls": [counting("one")]}, {"says": "Good."}]})
    first, _ = Counter(READS).offered(bench), Counter(READS).offered(other)
    first.holds = True
    with bench.app.app_context():
        # So that the kill comes between two strokes of the journal.
        set_setting("stream.journal_ms", "5000")
    id = bench.ask(person=bench.person(), tools=["count"])
    bench.until(lambda: first.done == ["one"])
    die(bench, id, journalled=0)
    other.recover()
    other.until(lambda: len(other.generations()) == 2)
    other.until_ended(other.generations()[-1].id)
    assert other.message(id).content == "One thing first.\n\nGood."
    first.goes_on.set()


@on_both_databases
def test_text_after_calls_continues_after_a_kill_where_it_was(bench, fake, other) -> None:
    words = {"counted": 20, "pace": 0.01, "stall_after": 12}
    fake.always({"rounds": [{"calls": [counting("one")]}, words]})
    Counter(READS).offered(bench)
    Counter(READS).offered(other)
    id = bench.ask(person=bench.person(), tools=["count"])
    bench.until(lambda: "w000012" in bench.said(id))
    die(bench, id)
    fake.always({"counted": 20})
    other.recover()
    other.until(lambda: len(other.generations()) == 2)
    other.until_ended(other.generations()[-1].id)
    assert other.message(id).content == " ".join(counted(20))


def test_thoughts_before_a_text_leave_it_apart_from_the_text_before_the_calls(bench, fake) -> None:
    fake.always({"rounds": [{"says": "One thing.", "calls": [counting("one")]}, {"reasoning": "Hm.", "says": "Good."}]})
    Counter(READS).offered(bench)
    id = bench.ask(person=bench.person(), tools=["count"])
    bench.until_ended(id)
    assert bench.message(id).content == "One thing.\n\nGood."
