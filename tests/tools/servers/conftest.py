"""Fixtures: tool servers that are connected, as people connect them, and what the people can use of them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from tests.api.client import Client, client_of
from tests.support.browser import Browser
from tests.support.mcp_server import STATELESS, McpServer
from tests.upstream.fixtures import app
from webapp.base.db import db
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.tools.servers import service

__all__ = ["app"]

Connect = Callable[..., dict[str, Any]]


@pytest.fixture
def admin(app, owner: Browser) -> Client:
    return client_of(app, owner.email)


@pytest.fixture
def program(app, member: Browser) -> Client:
    return client_of(app, member.email)


@pytest.fixture
def other(app, stranger: Browser) -> Client:
    return client_of(app, stranger.email)


@pytest.fixture
def stand_in(app) -> Iterator[McpServer]:
    """A server of the newest version; what the application sends it is according to the specification."""
    server = McpServer(STATELESS)
    yield server
    server.close()
    assert not server.faults


@pytest.fixture
def connected(admin: Client, stand_in: McpServer) -> dict[str, Any]:
    """The stand-in as a server of the site, of which nothing is accepted yet."""
    return dict(admin.post("/tool-servers", {"name": "Stand-in", "url": stand_in.url}, status=201))


@pytest.fixture
def accepted(admin: Client, connected: dict[str, Any]) -> dict[str, Any]:
    """The same with all of its tools accepted."""
    return accept_all(admin, connected["id"])


def accept_all(admin: Client, id: str) -> dict[str, Any]:
    """Accepts all tools of a server at once; that programs can accept each is tested with the API."""
    tools = admin.get(f"/tool-servers/{id}")["tools"]
    hashes = {tool["name"]: tool["hash"] for tool in tools if tool["state"] in ("new", "changed")}
    with admin.app.app_context():
        owner = db.session.scalars(select(User).where(User.role == "owner")).one()
        service.accept(id, hashes, author=PersonAuthor(owner))
    return dict(admin.get(f"/tool-servers/{id}"))


def tool_of(server: dict[str, Any], name: str) -> dict[str, Any]:
    return next(tool for tool in server["tools"] if tool["name"] == name)
