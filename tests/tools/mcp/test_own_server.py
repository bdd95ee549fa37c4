"""Millrace speaks with itself: its client of tool servers understands its own tool server, in each version."""

from collections.abc import Iterator

import pytest
from flask import Flask
from gevent.event import Event
from gevent.pywsgi import WSGIServer

from tests.support.mcp_server import HANDSHAKE, STATELESS
from tests.support.people import user_with_password
from webapp.people.accounts import tokens
from webapp.streaming.stop import Stop
from webapp.tools.mcp.client import Server, SignInRequired, call_tool, list_tools


@pytest.fixture
def own(app: Flask) -> Iterator[Server]:
    """The application of the test as a tool server, with the token of one of its people."""
    served = WSGIServer(("127.0.0.1", 0), app, log=None, error_log=None)
    served.start()
    with app.app_context():
        token = tokens.make_token(user_with_password("asker@example.org", "member"), "a client", ("mcp",))
        yield Server(f"http://127.0.0.1:{served.server_port}/mcp", {"Authorization": f"Bearer {token}"}, trust="operator")
    served.stop()


def test_its_tools_are_listed_in_the_newest_version(own: Server) -> None:
    listing = list_tools(own, stop=Stop(Event))

    assert (listing.version, listing.left_out) == (STATELESS, ())
    hints = {tool.name: tool.hints for tool in listing.tools}
    assert {"search_documents", "read_document", "list_chats", "read_chat", "ask_model"} <= set(hints)
    assert hints["list_chats"].is_read_only
    assert not hints["ask_model"].is_read_only


@pytest.mark.parametrize("version", [STATELESS, HANDSHAKE])
def test_its_tools_are_called_in_each_version(own: Server, version: str) -> None:
    server = Server(own.address, own.headers, version, trust="operator")
    listed = list_tools(server, stop=Stop(Event))
    schema = next(tool.schema for tool in listed.tools if tool.name == "list_chats")

    reply = call_tool(server, "list_chats", {}, stop=Stop(Event), key="k", schema=schema)
    refused = call_tool(server, "read_chat", {"chat_id": "nothing"}, stop=Stop(Event), key="k")

    assert (reply.is_error, reply.version, refused.is_error) == (False, version, True)


def test_a_wrong_token_asks_to_sign_in(own: Server) -> None:
    with pytest.raises(SignInRequired):
        list_tools(Server(own.address, {"Authorization": "Bearer wrong"}, trust="operator"), stop=Stop(Event))
