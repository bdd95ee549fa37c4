"""Which version a tool server speaks, and the sessions of the older ones: found out, kept, begun again and ended."""

from collections.abc import Callable

import pytest

from tests.support.mcp_server import HANDSHAKE, STATELESS, Received, Said, failed, said
from tests.support.waiting import until
from tests.tools.mcp.conftest import Serve, refuse
from webapp.tools.mcp.client import Listing, ToolReply
from webapp.tools.tool import ToolFailed

Call = Callable[..., ToolReply]
List = Callable[..., Listing]


def test_a_known_version_needs_no_question(serve: Serve, call: Call) -> None:
    new, old = serve(STATELESS), serve(HANDSHAKE)
    call(new, "echo", version=STATELESS)
    call(old, "echo", version=HANDSHAKE)

    assert new.methods == ["tools/call"]
    assert old.methods[:3] == ["initialize", "notifications/initialized", "tools/call"]


def test_a_server_of_both_kinds_is_spoken_to_in_the_newer(serve: Serve, listing: List) -> None:
    assert listing(serve(STATELESS, HANDSHAKE)).version == STATELESS


@pytest.mark.parametrize(
    "reply",
    [
        Said(status=400),
        Said(b"Bad Request: Missing session ID", "text/plain", 400),
        Said(status=404),
        Said(status=405),
        failed(None, -32000, "Bad Request: Server not initialized", status=400),
        failed(None, -32600, "Session not found", status=404),
        said({"jsonrpc": "2.0", "id": "server-error", "error": {"code": -32601, "message": "Not found"}}, 400),
    ],
)
def test_an_older_server_is_known_by_what_it_refuses(serve: Serve, listing: List, reply: Said) -> None:
    server = serve(HANDSHAKE)
    server.instead["server/discover"] = lambda _: reply

    assert listing(server).version == HANDSHAKE


def test_a_server_that_answers_in_the_old_way_what_it_does_not_know_is_an_older_one(serve: Serve, listing: List) -> None:
    server = serve(HANDSHAKE)
    server.instead["server/discover"] = lambda request: failed(request.message["id"], -32601, "Method not found")
    assert listing(server).version == HANDSHAKE

    server.instead["server/discover"] = lambda request: said({"jsonrpc": "2.0", "id": request.message["id"], "result": {}})
    assert listing(server).version == HANDSHAKE


def test_a_server_names_the_versions_it_supports_and_the_common_one_is_used(serve: Serve, listing: List) -> None:
    server = serve(HANDSHAKE)

    def unsupported(*versions: str) -> Callable[[Received], Said]:
        words, data = "Unsupported protocol version", {"supported": list(versions)}
        return lambda request: failed(request.message["id"], -32022, words, status=400, data=data)

    server.instead["server/discover"] = unsupported("2027-01-01", HANDSHAKE)
    assert listing(server).version == HANDSHAKE

    server.instead["server/discover"] = unsupported("2027-01-01")
    with pytest.raises(ToolFailed, match=r"speaks versions of MCP that Millrace doesn't: 2027-01-01\."):
        listing(server)


@pytest.mark.parametrize("version", ["2024-11-05", "2099-01-01", None, 7])
def test_a_handshake_must_end_in_a_version_that_we_speak(serve: Serve, listing: List, version: object) -> None:
    server = serve(HANDSHAKE)
    result = {"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}
    server.instead["initialize"] = lambda request: said({"jsonrpc": "2.0", "id": request.message["id"], "result": result})

    with pytest.raises(ToolFailed, match="a version of MCP that Millrace doesn't"):
        listing(server)


def test_a_server_that_was_updated_is_asked_again_what_it_speaks(serve: Serve, call: Call, listing: List) -> None:
    new, old = serve(STATELESS), serve(HANDSHAKE)

    assert call(new, "count", version=HANDSHAKE).version == STATELESS
    assert call(old, "count", version=STATELESS).version == HANDSHAKE
    assert call(new, "count", version=HANDSHAKE, session="gone").version == STATELESS
    assert listing(old, version=STATELESS).version == HANDSHAKE
    assert (new.counted, old.counted) == (2, 1)


def test_a_server_without_sessions_is_spoken_to_without_one(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE)
    server.has_sessions = False

    assert call(server, "echo").session == ""
    assert not any("mcp-session-id" in request.headers for request in server.log)
    assert "DELETE" not in server.methods


def test_a_session_ends_with_its_call_unless_it_is_kept(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE)
    call(server, "echo")
    until(lambda: not server.sessions, "the session is ended")

    session = call(server, "echo", keeps_session=True).session
    call(server, "echo", version=HANDSHAKE, session=session)

    assert list(server.sessions) == [session]
    assert {request.headers["mcp-session-id"] for request in server.of("tools/call")[1:]} == {session}
    assert len(server.of("initialize")) == 2


def test_a_session_that_the_caller_never_hears_of_ends(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE)
    with pytest.raises(ToolFailed):
        call(server, "nothing", keeps_session=True)
    until(lambda: not server.sessions, "the session is ended")

    session = call(server, "echo", keeps_session=True).session
    with pytest.raises(ToolFailed):
        call(server, "nothing", keeps_session=True, version=HANDSHAKE, session=session)
    assert call(server, "count", keeps_session=True, version=HANDSHAKE, session=session).session == session
    assert server.methods.count("DELETE") == 1


def test_an_expired_session_is_begun_again_once_and_the_call_is_done_once(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE)

    reply = call(server, "count", version=HANDSHAKE, session="expired", keeps_session=True)

    assert (reply.text, server.counted) == ("counted to 1", 1)
    assert reply.session in server.sessions
    assert server.methods == ["tools/call", "initialize", "notifications/initialized", "tools/call"]


def test_a_session_that_is_refused_in_words_is_begun_again(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE)

    def refuse_once(request: Received) -> Said:
        del server.instead["tools/call"]
        return failed(None, -32000, "Bad Request: No valid session ID provided", status=400)

    server.instead["tools/call"] = refuse_once
    assert call(server, "count", version=HANDSHAKE, session="expired").text == "counted to 1"


def test_a_server_that_forgets_each_session_is_given_up(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE)
    server.instead["tools/call"] = refuse(404)

    with pytest.raises(ToolFailed, match="has no tools at this address") as failure:
        call(server, "count")

    assert not failure.value.is_unknown
    assert len(server.of("tools/call")) == 2
