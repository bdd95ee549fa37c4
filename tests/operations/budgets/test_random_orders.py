"""Random worlds: answers are requested, stopped, failed and corrected in any order by any worker, and budgets stay exact."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import gevent
import pytest
from flask import Flask

from tests.support.marks import on_both_databases
from tests.support.rounds import ROUNDS
from webapp.base.db import db, write
from webapp.base.errors import OverBudget
from webapp.base.ids import new_id
from webapp.operations.budgets import reservations
from webapp.operations.budgets.amounts import Consumption, Price, amount
from webapp.operations.budgets.reservations import Reservation, UsageRequest
from webapp.operations.budgets.tables import Budget, BudgetPeriod

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRICE = Price(Decimal(1000), Decimal(3000))
WORLDS = 15 if ROUNDS == 1 else 50 * ROUNDS


@dataclass
class Answer:
    wanted_usage: UsageRequest
    reservations: list[Reservation]
    reserved: dict[str, int]


@dataclass
class World:
    """Two workers on one database, some budgets, and the expected amounts of each by a plain count."""

    workers: list[Flask]
    luck: random.Random
    budgets: dict[str, Budget] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)
    most_at_once: dict[str, int] = field(default_factory=dict)
    running: list[Answer] = field(default_factory=list)
    settled: list[tuple[Answer, dict[str, int]]] = field(default_factory=list)

    def begin(self) -> None:
        people = [new_id() for _ in range(2)]
        self.people = people
        with self.workers[0].app_context(), write(keeps_loaded=True) as session:
            session.execute(db.delete(Budget))
            for _ in range(self.luck.randrange(1, 4)):
                who = self.luck.choice([("team", ""), ("user", people[0]), ("user", people[1])])
                unit = self.luck.choice(["usd", "tokens", "answers"])
                most = self.luck.randrange(1, 8) if unit == "answers" else self.luck.randrange(100, 20_000_000)
                budget = Budget(id=new_id(), who=who[0], who_id=who[1], unit=unit, most=most, period="day", model="", warn_at=0.8)
                session.add(budget)
                self.budgets[budget.id] = budget
        self.used, self.reserved = dict.fromkeys(self.budgets, 0), dict.fromkeys(self.budgets, 0)
        self.most_at_once = dict.fromkeys(self.budgets, 0)

    def step(self) -> None:
        deeds = [self.ask, self.ask, self.extend, self.settle, self.correct]
        self.luck.choice(deeds)()
        self.check()

    def ask(self) -> None:
        person = self.luck.choice(self.people)
        taken = Consumption(self.luck.randrange(500), self.luck.randrange(1, 3_000))
        wanted_usage = UsageRequest(new_id(), person, "m", taken, PRICE)
        mine = [budget for budget in self.budgets.values() if budget.who == "team" or budget.who_id == person]
        is_over = any(self.used[budget.id] + self.reserved[budget.id] >= budget.most for budget in mine)
        try:
            with self._write() as session:
                held = reservations.reserve(session, wanted_usage, NOW)
        except OverBudget:
            assert is_over
            return
        assert not is_over
        assert {reservation.budget_id for reservation in held} == {budget.id for budget in mine}
        answer = Answer(wanted_usage, held, {reservation.budget_id: reservation.reserved for reservation in held})
        for id, reserved in answer.reserved.items():
            assert reserved == amount(self.budgets[id].unit, taken, PRICE)
            self._reserve(id, reserved)
        self.running.append(answer)

    def extend(self) -> None:
        if not self.running:
            return
        answer, more = self.luck.choice(self.running), Consumption(0, self.luck.randrange(1, 3_000))
        counted = [reservation for reservation in answer.reservations if reservation.unit != "answers"]
        is_left = all(self.used[budget.budget_id] + self.reserved[budget.budget_id] < self._most(budget) for budget in counted)
        with self._write() as session:
            used_up = reservations.extend(session, answer.wanted_usage.generation_id, answer.reservations, more, PRICE)
            assert (used_up is None) == is_left
        for budget in counted if is_left else ():
            answer.reserved[budget.budget_id] += (further := amount(budget.unit, more, PRICE))
            self._reserve(budget.budget_id, further)

    def settle(self) -> None:
        if not self.running:
            return
        answer = self.running.pop(self.luck.randrange(len(self.running)))
        taken, is_nothing = self._taken(), self.luck.random() < 0.2
        known = self.luck.random() < 0.5
        for _ in range(self.luck.choice([1, 1, 2])):
            with self._write() as session:
                reservations.settle(
                    session, answer.wanted_usage.generation_id, taken, PRICE, is_known=known, is_nothing=is_nothing
                )
        whole = taken if known else Consumption(answer.wanted_usage.consumption.input_tokens, taken.output_tokens, taken.cost)
        used = {
            reservation.budget_id: 0 if is_nothing else amount(reservation.unit, whole, PRICE)
            for reservation in answer.reservations
        }
        for id, units in used.items():
            self.reserved[id] -= answer.reserved[id]
            self.used[id] += units
        if not is_nothing:
            self.settled.append((answer, used))

    def correct(self) -> None:
        if not self.settled:
            return
        answer, before = self.luck.choice(self.settled)
        taken = Consumption(self.luck.randrange(1, 500), self.luck.randrange(1, 4_000), self.luck.choice([None, "0.0001", "0.5"]))
        with self._write() as session:
            reservations.correct(session, answer.wanted_usage.generation_id, taken, PRICE)
        for reservation in answer.reservations:
            after = amount(reservation.unit, taken, PRICE)
            self.used[reservation.budget_id] += after - before[reservation.budget_id]
            before[reservation.budget_id] = after

    def check(self) -> None:
        with self.luck.choice(self.workers).app_context():
            rows = db.session.execute(db.select(BudgetPeriod.budget_id, BudgetPeriod.used, BudgetPeriod.reserved)).all()
            found = {row.budget_id: (row.used, row.reserved) for row in rows}
        assert {id: found.get(id, (0, 0)) for id in self.budgets} == {
            id: (self.used[id], self.reserved[id]) for id in self.budgets
        }

    def _reserve(self, id: str, further: int) -> None:
        # Something was left before it: one reservation at most can exceed the budget.
        assert self.used[id] + self.reserved[id] < self.budgets[id].most
        self.reserved[id] += further

    def _most(self, held: Reservation) -> int:
        return self.budgets[held.budget_id].most

    def _taken(self) -> Consumption:
        return Consumption(
            self.luck.randrange(500), self.luck.randrange(4_000), self.luck.choice([None, None, "0.0002", "1", "junk"])
        )

    def _write(self):
        return InWorker(self.luck.choice(self.workers))


class InWorker:
    """A transaction in one of the two workers."""

    def __init__(self, app: Flask) -> None:
        self._context = app.app_context()

    def __enter__(self):
        self._context.push()
        self._write = write(keeps_loaded=True)
        return self._write.__enter__()

    def __exit__(self, *error):
        try:
            return self._write.__exit__(*error)
        finally:
            self._context.pop()


@pytest.mark.slow
@on_both_databases
def test_in_every_world_budgets_are_what_a_plain_count_says(make_app) -> None:
    workers = [make_app(), make_app()]
    for seed in range(WORLDS):
        world = World(workers, random.Random(seed))
        world.begin()
        for _ in range(25):
            world.step()


@on_both_databases
@pytest.mark.slow
def test_two_workers_at_once_admit_no_more_than_there_is(make_app) -> None:
    workers = [make_app(), make_app()]
    with workers[0].app_context(), write() as session:
        session.add(Budget(who="team", unit="answers", most=7, period="day", warn_at=0.8))

    def ask(app: Flask) -> bool:
        try:
            with InWorker(app) as session:
                reservations.reserve(session, UsageRequest(new_id(), new_id(), "m", Consumption(10, 10), PRICE), NOW)
        except OverBudget:
            return False
        return True

    asked = [gevent.spawn(partial(ask, workers[n % 2])) for n in range(20)]
    assert sum(greenlet.get(timeout=60) for greenlet in asked) == 7
    with workers[1].app_context():
        assert db.session.execute(db.select(BudgetPeriod.used, BudgetPeriod.reserved)).one() == (0, 7)


def test_a_budget_that_was_deleted_meanwhile_limits_nothing_any_more(make_app) -> None:
    app = make_app()
    with app.app_context():
        with write(keeps_loaded=True) as session:
            kept, gone = (Budget(who="team", unit="tokens", most=10_000, period="day", warn_at=0.8) for _ in range(2))
            session.add_all([kept, gone])
            session.flush()
            wanted_usage = UsageRequest(new_id(), new_id(), "m", Consumption(10, 10), PRICE)
            held = reservations.reserve(session, wanted_usage, NOW)
        with write() as session:
            session.execute(db.delete(Budget).where(Budget.id == gone.id))
        with write() as session:
            assert reservations.extend(session, wanted_usage.generation_id, held, Consumption(0, 100), PRICE) is None
        found = db.session.execute(db.select(BudgetPeriod.budget_id, BudgetPeriod.reserved)).all()
        assert [tuple(row) for row in found] == [(kept.id, 120)]
