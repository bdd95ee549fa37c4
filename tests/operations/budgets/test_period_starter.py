"""A long period that has no totals yet is counted before the first answer's transaction, and exactly."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, update

from tests.support.marks import on_both_databases
from webapp.base.db import db, write
from webapp.base.errors import OverBudget
from webapp.base.ids import new_id
from webapp.engine.slices import SLICE
from webapp.engine.tables import Generation
from webapp.operations.budgets import recount, reservations
from webapp.operations.budgets.amounts import Consumption, Price
from webapp.operations.budgets.reservations import UsageRequest
from webapp.operations.budgets.tables import Budget, BudgetPeriod
from webapp.settings.service import set_setting

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=10)
MANY = 2 * SLICE + 500
PRICE = Price(Decimal(1000), Decimal(3000))


def answers(count: int, at: datetime, *, status: str = "completed") -> list[dict[str, object]]:
    """Returns rows of answers as they are stored, each in its own lane."""
    ids = [new_id() for _ in range(count)]
    usual = {"kind": "chat", "status": status, "model_asked": "m", "created_at": at, "heartbeat_at": at, "owner": "somebody"}
    return [{**usual, "id": id, "lane": f"chat:{id}"} for id in ids]


@pytest.fixture
def app(make_app) -> Flask:
    app: Flask = make_app()
    with app.app_context(), write() as session:
        session.add(Budget(who="team", unit="answers", most=MANY + 3, period="month", warn_at=0.8))
        session.execute(insert(Generation), answers(MANY, LONG_AGO))
    return app


def reserve() -> None:
    with write(keeps_loaded=True) as session:
        reservations.reserve(session, UsageRequest(new_id(), new_id(), "m", Consumption(1, 1), PRICE), NOW)


@contextmanager
def asked() -> Iterator[list[str]]:
    """Collects the statements sent to the database within the block."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)


def level() -> tuple[int, int]:
    row = db.session.execute(db.select(BudgetPeriod.used, BudgetPeriod.reserved)).one()
    db.session.rollback()
    return tuple(row)


@on_both_databases
def test_what_was_used_is_counted_outside_and_what_ends_meanwhile_within(app: Flask) -> None:
    [running], late = answers(1, LONG_AGO, status="running"), answers(1, NOW)
    with app.app_context():
        with write() as session:
            session.execute(insert(Generation), [running])

        def end_one() -> None:
            """Ends an answer between two batches.

            An answer is settled in the period in which it began, and counts as used.
            """
            db.session.rollback()
            with write() as session:
                session.execute(update(Generation).where(Generation.id == running["id"]).values(status="completed"))
                for row in late:
                    session.execute(insert(Generation), [row])
                    late.remove(row)

        recount.count_long_periods(NOW, pause=end_one)
        assert level() == (MANY + 2, 0)
        with asked() as statements:
            reserve()
            with pytest.raises(OverBudget):
                reserve()
        assert level() == (MANY + 2, 1)
        # Neither admitting nor refusing a request counts the answers of the month again.
        assert not any("generations.input_tokens" in statement for statement in statements)


@pytest.mark.slow
def test_without_that_the_first_answer_counts_the_same_itself(app: Flask) -> None:
    with app.app_context():
        with asked() as statements:
            reserve()
        assert any("generations.input_tokens" in statement for statement in statements)
        assert level() == (MANY, 1)
        # A period that has begun is not counted again.
        recount.count_long_periods(NOW)
        assert level() == (MANY, 1)


def test_of_few_answers_nothing_is_counted_before(app: Flask) -> None:
    with app.app_context():
        recount.count_long_periods(LONG_AGO + timedelta(days=40))
        assert not db.session.scalars(db.select(BudgetPeriod)).all()


@pytest.mark.slow
def test_it_is_looked_at_once_a_day_and_when_the_clocks_are_moved(app: Flask) -> None:
    seen = recount.PeriodStarter(app.app_context)
    with app.app_context():

        def checks(now: datetime) -> bool:
            with asked() as statements:
                seen.check(now)
            return any("FROM budgets" in statement for statement in statements)

        assert [checks(NOW), checks(NOW), checks(NOW + timedelta(hours=3))] == [True, False, False]
        assert checks(NOW + timedelta(days=1))
        set_setting("team.time_zone", "Asia/Tokyo")
        assert [checks(NOW + timedelta(days=1)), checks(NOW + timedelta(days=1))] == [True, False]
