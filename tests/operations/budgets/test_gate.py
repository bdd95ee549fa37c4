"""Checking budgets blocks no other request, however long a chat is."""

from contextlib import nullcontext

from webapp.base.db import db, write
from webapp.base.ids import new_id
from webapp.engine.tables import Generation
from webapp.models.providers.base import ModelRequest, Turn
from webapp.operations.budgets.gate import BudgetGate
from webapp.operations.budgets.tables import BudgetCharge


def test_a_request_of_many_messages_is_estimated_in_one_go(app, made):
    made(100_000, unit="tokens")
    counted = list[str]()

    def estimate(text: str) -> int:
        counted.append(text)
        return len(text)

    gate = BudgetGate(estimate=estimate, token_id=str, is_side_request=lambda _kind: False, in_app=nullcontext)
    request = ModelRequest("fake/plain", tuple(Turn("user", f"{n:03}") for n in range(500)), max_tokens=10)
    with app.app_context():
        with write() as session:
            gate.admit(session, Generation(id=new_id(), kind="chat", model_asked="fake/plain"), request, "")
        assert db.session.scalar(db.select(BudgetCharge.input_tokens)) == 500 * 3 + 499 + 500 * 4
    assert len(counted) == 1
