"""Fixtures of people's own connections: a server that the team offers, and a member's key for it."""

from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client
from tests.api.conftest import admin, other, program
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from webapp.base.audit import COMMAND_LINE
from webapp.settings.service import set_settings

__all__ = ["admin", "app", "other", "program"]
# A canary: it may be in requests of its person alone.
KEY = "sk-own-canary-0123456789-4f2a"


@pytest.fixture
def offered(app: Flask, admin: Client, fake: Upstream) -> str:
    """The slug of a connection that the team offers for keys of people's own, which are allowed."""
    with app.app_context():
        set_settings({"connections.personal": "keys", "models.titles": "off"}, author=COMMAND_LINE)
    body = {"kind": "openai", "name": "Our server", "base_url": fake.base_url}
    slug: str = admin.post("/connections", body, status=201)["slug"]
    admin.said("POST", f"/connections/{slug}/test", 200)
    assert admin.said("PATCH", f"/connections/{slug}", 200, {"is_offered": True})["is_offered"]
    return slug


@pytest.fixture
def mine(program: Client, offered: str) -> dict[str, Any]:
    """The member's key for that server."""
    body = {"kind": "openai", "is_mine": True, "offered": offered, "name": "My key", "key": KEY}
    connection: dict[str, Any] = program.post("/connections", body, status=201)
    return connection


@pytest.fixture
def model(program: Client, mine: dict[str, Any]) -> str:
    """A model of it, as the member chooses it."""
    own = [model for model in program.get("/models")["models"] if model["is_mine"]]
    assert own
    return str(own[0]["id"])
