"""The cost that a receipt shows."""

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.base.db import utc_now, write
from webapp.engine.costs import cost
from webapp.engine.tables import Generation
from webapp.models.connections.cache import the_connections
from webapp.models.connections.tables import Connection


def ran(**values: Any) -> Generation:
    usual = {
        "status": "completed",
        "reason": "stop",
        "model_asked": "some/model",
        "is_demo": False,
        "upstream_id": "",
        "connection": "",
    }
    return Generation(**{**usual, **values})


CASES = [
    ([ran(cost=Decimal("0.0123"))], "$0.0123"),
    ([ran(cost=Decimal("0.01")), ran(cost=Decimal("0.02"))], "$0.0300"),
    ([ran(cost=Decimal("0.01")), ran()], "cost unknown"),
    ([ran(cost=Decimal(0))], "free"),
    ([ran(cost=Decimal("0.00001"))], "under $0.0001"),
    ([ran(is_demo=True)], "demo"),
    # An answer of the demo is labeled so even if it was stopped.
    ([ran(model_asked="demo/quick", status="stopped", reason="user")], "demo"),
    ([ran(model_asked="demo/quick"), ran(cost=Decimal("0.01"))], "$0.0100"),
    # No text was generated.
    ([ran(status="failed", reason="auth")], ""),
    ([ran(status="failed", reason="rate"), ran(cost=Decimal("0.01"))], "$0.0100"),
    # Some text can have been generated.
    ([ran(status="failed", reason="stall")], "cost unknown"),
    ([ran(status="failed", reason="error", upstream_id="gen-1")], "cost unknown"),
    ([ran(status="stopped", reason="user")], "cost unknown"),
]


@pytest.mark.parametrize(("generations", "words"), CASES)
def test_unknown_is_unknown_only_where_something_was_made(generations: list[Generation], words: str) -> None:
    assert cost(generations) == words


@pytest.mark.parametrize(("price", "words"), [("", ""), ("0.5", "cost unknown")])
def test_of_a_server_without_prices_nothing_is_said(owner: Browser, app: Flask, fake: Upstream, price: str, words: str) -> None:
    owner.post("/admin/connections", kind="openai", name="Box", base_url=fake.base_url)
    with app.app_context():
        with write() as session:
            row = session.scalars(select(Connection).where(Connection.slug == "box")).one()
            row.models, row.models_at = [{"id": "m", "name": "M", "prompt_price": price}], utc_now()
        the_connections().forget()
        assert cost([ran(connection="box")]) == words
        assert cost([ran(connection="box"), ran(cost=Decimal("0.01"))]) == (words or "$0.0100")
        assert cost([ran(connection="gone")]) == "cost unknown"
