"""What a receipt says of the cost."""

from decimal import Decimal
from typing import Any

import pytest

from webapp.generations.spent import cost
from webapp.generations.tables import Generation


def ran(**values: Any) -> Generation:
    usual = {"status": "completed", "reason": "stop", "model_asked": "some/model", "is_demo": False, "upstream_id": ""}
    return Generation(**{**usual, **values})


CASES = [
    ([ran(cost=Decimal("0.0123"))], "$0.0123"),
    ([ran(cost=Decimal("0.01")), ran(cost=Decimal("0.02"))], "$0.0300"),
    ([ran(cost=Decimal("0.01")), ran()], "cost unknown"),
    ([ran(cost=Decimal(0))], "free"),
    ([ran(is_demo=True)], "demo"),
    # The demo is the demo, however far it came.
    ([ran(model_asked="demo/quick", status="stopped", reason="user")], "demo"),
    ([ran(model_asked="demo/quick"), ran(cost=Decimal("0.01"))], "$0.0100"),
    # Nothing was made.
    ([ran(status="failed", reason="auth")], ""),
    ([ran(status="failed", reason="rate"), ran(cost=Decimal("0.01"))], "$0.0100"),
    # Something may have been.
    ([ran(status="failed", reason="stall")], "cost unknown"),
    ([ran(status="failed", reason="error", upstream_id="gen-1")], "cost unknown"),
    ([ran(status="stopped", reason="user")], "cost unknown"),
]


@pytest.mark.parametrize(("generations", "words"), CASES)
def test_unknown_is_unknown_only_where_something_was_made(generations: list[Generation], words: str) -> None:
    assert cost(generations) == words
