"""Reservations left by a crash are settled in batches: there can be thousands."""

from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import event, insert

from webapp.base.db import db, write
from webapp.base.ids import new_id
from webapp.operations.budgets import queries, reservations
from webapp.operations.budgets.tables import Budget, BudgetCharge, BudgetPeriod

MANY, RESERVED = 450, 7
BEGAN = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.slow
def test_no_transaction_counts_all_that_a_crash_has_left(app: Flask) -> None:
    with app.app_context():
        with write() as session:
            budget = Budget(id=new_id(), who="team", unit="tokens", most=10**6, period="day")
            session.add(budget)
            session.flush()
            session.add(BudgetPeriod(budget_id=budget.id, starts_at=BEGAN, reserved=MANY * RESERVED))
            left = {"budget_id": budget.id, "starts_at": BEGAN, "reserved": RESERVED, "is_open": True}
            session.execute(insert(BudgetCharge), [{**left, "generation_id": new_id()} for _ in range(MANY)])
            id = budget.id
        changes, engine = [0], db.engine

        def change(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            changes[-1] += statement.startswith("UPDATE")

        event.listen(engine, "after_cursor_execute", change)
        event.listen(engine, "commit", lambda _: changes.append(0))
        queries.tidy()
        event.remove(engine, "after_cursor_execute", change)

        period = db.session.get_one(BudgetPeriod, (id, BEGAN))
        assert (period.used, period.reserved) == (MANY * RESERVED, 0)
    # Each is closed and counted in its period, hence two changes.
    assert max(changes) == 2 * reservations.CLOSED_AT_ONCE
