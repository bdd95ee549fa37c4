"""Fixtures for tests of budgets: an owner's API client, budgets that it creates, and answers that it requests."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.base.audit import COMMAND_LINE
from webapp.settings.service import set_settings

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def app(make_app, fake: Upstream) -> Flask:
    app: Flask = make_app(**{**fake.environ, "OPENROUTER_MODEL": "fake/plain"})
    with app.app_context():
        # Only answers must count, and no rate limit must apply.
        set_settings(
            {"models.titles": "off", "limits.streams_per_minute": "0", "limits.concurrent_streams": "0"}, author=COMMAND_LINE
        )
    return app


@pytest.fixture
def program(app: Flask, owner: Browser) -> Client:
    return client_of(app, owner.email)


@pytest.fixture
def made(program: Client) -> Make:
    def make(limit: float, unit: str = "answers", **how: Any) -> dict[str, Any]:
        usual = {"who": "team", "unit": unit, "limit": limit, "period": "month"}
        budget: dict[str, Any] = program.post("/budgets", {**usual, **how}, status=201)
        return budget

    return make


def answered(program: Client, text: str = "Hello", **how: Any) -> dict[str, Any]:
    """Sends the first message of a new chat and returns its answer once it has ended."""
    return program.ended(program.post("/chats", {"message": text, **how}, status=201)["sent"])


def level(program: Client, budget: dict[str, Any]) -> tuple[float, float]:
    """Returns the used and the reserved amount of a budget."""
    found = program.get(f"/budgets/{budget['id']}")
    return found["used"], found["reserved"]
