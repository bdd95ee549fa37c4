"""Fixtures: tool servers of both kinds, and what is said to them from inside the application."""

from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from flask import Flask

from tests.support.mcp_server import HANDSHAKE, STATELESS, McpServer, Received, Said
from webapp.streaming.stop import Stop
from webapp.tools.mcp.client import TIMES, Listing, Server, Times, ToolReply, call_tool, list_tools
from webapp.tools.tool import ToolFailed

Serve = Callable[..., McpServer]


@pytest.fixture
def serve(app: Flask) -> Iterator[Serve]:
    """Starts tool servers, inside the application; at the end, nothing that was sent to them was against the specification."""
    servers: list[McpServer] = []

    def start(*speaks: str, **how: Any) -> McpServer:
        servers.append(McpServer(*speaks, **how))
        return servers[-1]

    with app.app_context():
        yield start
    for server in servers:
        server.close()
        assert not server.faults


@pytest.fixture(params=[(STATELESS, "json"), (STATELESS, "stream"), (HANDSHAKE, "json"), (HANDSHAKE, "stream")], ids=" ".join)
def tool_server(request: pytest.FixtureRequest, serve: Serve) -> McpServer:
    """A server of each version, with each kind of reply."""
    version, replies = request.param
    return serve(version, replies=replies)


def reached(server: McpServer, **more: Any) -> Server:
    """Returns how a server of the tests is reached, which is on this machine."""
    return Server(server.url, **{"trust": "operator", "label": "Stand-in", **more})


@pytest.fixture
def beside(app: Flask) -> Callable[..., Any]:
    """Calls a function in a greenlet of its own, inside the application, and returns the greenlet."""

    def run(function: Callable[..., Any], *arguments: Any, **how: Any) -> Any:
        with app.app_context():
            return function(*arguments, **how)

    return lambda *arguments, **how: gevent.spawn(run, *arguments, **how)


@pytest.fixture
def call(new_stop: Callable[[], Stop]) -> Callable[..., ToolReply]:
    def call(server: McpServer, name: str, arguments: dict[str, Any] | None = None, **how: Any) -> ToolReply:
        reach = {key: how.pop(key) for key in ("version", "session", "headers", "trust") if key in how}
        return call_tool(reached(server, **reach), name, arguments or {}, **{"stop": new_stop(), "key": "call-1", **how})

    return call


@pytest.fixture
def listing(new_stop: Callable[[], Stop]) -> Callable[..., Listing]:
    def listing(server: McpServer, times: Times = TIMES, **how: Any) -> Listing:
        return list_tools(reached(server, **how), stop=new_stop(), times=times)

    return listing


def refuse(status: int) -> Callable[[Received], Said]:
    return lambda _: Said(b"No.", "text/plain", status)


def stopped_call(server: McpServer, stop: Stop) -> ToolFailed:
    try:
        call_tool(reached(server), "wait", {}, stop=stop, key="k")
    except ToolFailed as failure:
        return failure
    raise AssertionError("the call was not stopped")
