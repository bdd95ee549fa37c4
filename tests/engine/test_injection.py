"""The n-th call of each sort within an answer fails: no lane stays locked, no text is lost, there is exactly one end."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from tests.engine.bench import Bench
from tests.engine.injection import SORTS, install
from tests.support.marks import few_of
from tests.support.rounds import ROUNDS, numbers
from webapp.base.db import db
from webapp.base.errors import AppError
from webapp.chat.messages import sending
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.guests.dialects.openai import completions
from webapp.models.providers.base import Turn
from webapp.people.accounts.tables import User
from webapp.plans.tables import Plan
from webapp.plans.writing import service as plan_service
from webapp.settings.service import set_setting
from webapp.streaming.events import Delta, Ended
from webapp.streaming.topics import Entry

pytestmark = pytest.mark.timeout(600)
GOALS = {"goals": ["Finish the shelf"], "start_date": "2026-03-02"}
MOST = 400
# A database that rejects everything for two seconds: from before the question, during the answer, and at its end.
WHILE_SECONDS, FROM = 2.0, (1, 9, 16, 24) if ROUNDS > 1 else (1, 16)


class Case:
    """One application for many faults: each run continues in the place where the last one was cut."""

    def __init__(self, app: Flask) -> None:
        self.bench = Bench(app)
        self.faults, self.demo = install(app)
        with app.app_context():
            for name in ("limits.streams_per_minute", "limits.concurrent_streams"):
                set_setting(name, "0")
            set_setting("demo.fallback", "always")
        self.person = self.bench.person()
        self.bench.recover()

    def ask(self) -> None:
        raise NotImplementedError

    def check_text(self, generation: Generation, said: list[str]) -> None:
        raise NotImplementedError

    def run(self, sort: str, n: int, *, seconds: float = 0.0) -> bool:
        """Asks while the n-th call fails, and all calls for a while after it; returns whether there was an n-th call.

        Then it checks the invariants.
        """
        bench, before = self.bench, {generation.id for generation in self.bench.generations()}
        self.demo.said.clear()
        with self.faults.armed(sort, n, seconds=seconds):
            with bench.app.app_context():
                try:
                    self.ask()
                except (AppError, SQLAlchemyError, OSError):
                    # The person gets the error, and asks again.
                    bench.engine.pause(0)
            bench.until(lambda: not bench.engine.live)
            has_failed = self.faults.has_failed
        self.check([generation.id for generation in bench.generations() if generation.id not in before])
        return has_failed

    def said(self, id: str) -> list[Entry]:
        return self.bench.engine.logs.topics.read(f"generation:{id}", 0)

    def check(self, ids: list[str]) -> None:
        """Asserts the invariants for all generations of one run."""
        for id in ids:
            ended = self.bench.until_ended(id)
            # A settlement from outside the run announces the end after its commit.
            self.bench.until(lambda id=id: not (said := self.said(id)) or isinstance(said[-1].event, Ended))
            entries = self.said(id)
            assert [type(entry.event) for entry in entries].count(Ended) == bool(entries)
            assert not entries or isinstance(entries[-1].event, Ended)
            with self.bench.app.app_context():
                self.check_text(ended, self.demo.said)
        assert self.bench.journal_rows() == 0
        assert not any(generation.is_active for generation in self.bench.generations())


class InChats(Case):
    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.bench.ask(person=self.person, model="demo/quick")
        self.bench.until(lambda: not self.bench.engine.live)

    def ask(self) -> None:
        sending.ask(db.session.scalars(select(Chat)).one(), "Hello")

    def check_text(self, generation: Generation, said: list[str]) -> None:
        assert db.session.get_one(Message, generation.message_id).content == "".join(said)


class InPlans(Case):
    def ask(self) -> None:
        made = db.session.scalar(select(Plan).order_by(Plan.id.desc()))
        if made is None:
            plan_service.make(plan_service.submit(db.session.get_one(User, self.person), "monthly", GOALS), model="demo/quick")
        elif made.content:
            plan_service.again_at(made, "summary" if "summary" in made.content else next(iter(made.content)))
        else:
            plan_service.finish_it(made)

    def check_text(self, generation: Generation, said: list[str]) -> None:
        plan = db.session.scalars(select(Plan).where(Plan.generation_id == generation.id)).one()
        assert plan.status in ("completed", "partial", "failed")
        # A part that is requested again is stored between the two answers.
        assert plan.status == "completed" or all(text in (plan.partial_content or "") for text in said)


class InTheDoor(Case):
    def ask(self) -> None:
        completions.complete(
            db.session.get_one(User, self.person), completions.CompletionInput("demo/quick", (Turn("user", "Hello"),))
        )

    def check_text(self, generation: Generation, said: list[str]) -> None:
        entries = self.said(generation.id)
        assert "".join(entry.event.text for entry in entries if isinstance(entry.event, Delta)) == "".join(said)


CASES: list[Callable[[Flask], Case]] = [InChats, InPlans, InTheDoor]
# Chats make every transaction that the other kinds make; and only database calls can differ between the two databases.
IN_SQL = ("execute", "commit", "committed")
USUAL = {(case, sort, "sqlite") for case in CASES for sort in SORTS} - {(InPlans, "committed", "sqlite")}
USUAL |= {(InChats, sort, "postgres") for sort in IN_SQL}
EVERY = [(case, sort, backend) for case in CASES for sort in SORTS for backend in ("sqlite", "postgres")]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("sort", [sort for sort in SORTS if sort != "committed"])
def test_the_first_calls_of_a_chat_may_fail(app, sort):
    case = InChats(app)
    for n in (1, 2):
        case.run(sort, n)

    assert not case.run(sort, MOST)


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.parametrize(
    ("kind", "sort", "backend"), [case if case in USUAL else pytest.param(*case, marks=pytest.mark.deep) for case in EVERY]
)
def test_any_call_may_fail(app, kind, sort):
    case = kind(app)

    for n in numbers():
        if not case.run(sort, n):
            break
        assert n < MOST


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.parametrize("sort", [sort for sort in SORTS if sort != "committed"])
@pytest.mark.parametrize("kind", few_of(CASES))
def test_any_call_may_fail_for_a_while(app, kind, sort):
    case = kind(app)

    for n in FROM:
        if not case.run(sort, n, seconds=WHILE_SECONDS):
            break
    assert not case.run(sort, MOST)
