"""Tool servers of both kinds: their tools are listed and called as the specification says, over JSON and over streams."""

import json
import time
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from mcp_types import methods as published

from tests.support.mcp_server import (
    CUT,
    HANDSHAKE,
    JSON,
    PIXEL,
    STATELESS,
    McpServer,
    Received,
    Run,
    Said,
    failed,
    progress,
    text,
)
from tests.support.waiting import until
from tests.tools.mcp.conftest import Serve, reached, refuse, stopped_call
from webapp.streaming.stop import Stop
from webapp.tools.mcp.client import Listing, SignInRequired, Times, ToolReply, list_tools
from webapp.tools.tool import ToolFailed

Call = Callable[..., ToolReply]
List = Callable[..., Listing]
Beside = Callable[..., Any]


def version_of(server: McpServer) -> str:
    return server.speaks[0]


def test_it_lists_the_tools_and_says_which_version_the_server_speaks(tool_server: McpServer, listing: List) -> None:
    found = listing(tool_server)

    assert [tool.name for tool in found.tools] == ["echo", "add", "count", "show", "wait", "fail", "book", "regional"]
    assert (found.name, found.version, found.instructions) == ("Stand-in", version_of(tool_server), "Count with care.")
    assert found.ttl_seconds == (300 if found.version == STATELESS else None)
    echo, add, count = found.tools[:3]
    assert (echo.title, echo.description, add.title, count.title) == ("Echo", "Says it again.", "add", "Count up")
    assert echo.hints.is_read_only
    assert echo.hints.is_destructive
    assert add.hints.is_safe_to_repeat
    assert not count.hints.is_destructive
    assert add.schema["required"] == ["a", "b"]


def test_a_list_of_several_pages_is_read_whole(tool_server: McpServer, listing: List) -> None:
    tool_server.page_size = 3

    assert len(listing(tool_server).tools) == 8
    assert len(tool_server.of("tools/list")) == 3


def test_a_tool_is_called_with_its_arguments(tool_server: McpServer, call: Call) -> None:
    reply = call(tool_server, "echo", {"words": "Hélló", "deep": {"a": [1, 2.5, None]}})

    assert json.loads(reply.text) == {"words": "Hélló", "deep": {"a": [1, 2.5, None]}}
    assert (reply.is_error, reply.left_out, reply.version) == (False, (), version_of(tool_server))
    assert tool_server.of("tools/call")[0].meta["millrace/idempotencyKey"] == "call-1"


def test_structured_content_is_told_as_json(tool_server: McpServer, call: Call) -> None:
    assert json.loads(call(tool_server, "add", {"a": 1, "b": 2.5}).text) == {"sum": 3.5}


def test_an_error_of_a_tool_is_a_result(tool_server: McpServer, call: Call) -> None:
    reply = call(tool_server, "fail")

    assert (reply.is_error, reply.text) == (True, "The date must be in the future.")


def test_pictures_and_files_are_taken_and_the_rest_is_named(tool_server: McpServer, call: Call) -> None:
    reply = call(tool_server, "show")

    assert reply.text == "Here it is.\n\notters today.txt:\nThey swim."
    assert [(part.kind, part.content) for part in reply.pictures] == [("image/png", PIXEL)]
    assert [(part.name, part.kind) for part in reply.files] == [
        ("otters today.txt", "text/plain"),
        ("report.pdf", "application/pdf"),
    ]
    assert reply.left_out == ("a link to main.rs", "a sound")


def test_a_tool_that_is_not_there_is_an_error_of_the_server(tool_server: McpServer, call: Call) -> None:
    with pytest.raises(ToolFailed, match=r"Stand-in reported an error: Unknown.*: nothing") as failure:
        call(tool_server, "nothing")

    assert not failure.value.is_unknown


@pytest.mark.parametrize("version", [STATELESS, HANDSHAKE])
def test_a_server_without_tools_has_an_empty_list(serve: Serve, listing: List, version: str) -> None:
    server = serve(version)
    status = 404 if version == STATELESS else 200
    server.instead["tools/list"] = lambda request: failed(request.message["id"], -32601, "Method not found", status=status)

    assert listing(server).tools == ()


def test_arguments_go_into_headers_where_a_tool_says_so(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    schema = server.tools["regional"]["inputSchema"]
    for region in ("us-west1", "Hello, 世界", " padded ", "line1\nline2", "=?base64?literal?=", ""):
        call(server, "regional", {"region": region, "number": -7, "is_new": True, "query": "x"}, schema=schema)
    call(server, "regional", {"region": None}, schema=schema)

    assert [request.headers.get("mcp-param-region") for request in server.of("tools/call")] == [
        "us-west1",
        "=?base64?SGVsbG8sIOS4lueVjA==?=",
        "=?base64?IHBhZGRlZCA=?=",
        "=?base64?bGluZTEKbGluZTI=?=",
        "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=",
        "",
        None,
    ]
    first = server.of("tools/call")[0].headers
    assert (first["mcp-param-number"], first["mcp-param-is-new"], first["mcp-name"]) == ("-7", "true", "regional")


def test_a_tool_that_has_changed_its_headers_is_looked_up_and_called_once(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)

    assert call(server, "regional", {"region": "us"}).text == '{"region": "us"}'
    assert server.methods == ["server/discover", "tools/call", "tools/list", "tools/call"]


def test_a_name_that_no_header_can_hold_is_encoded(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)

    with pytest.raises(ToolFailed, match="Unknown tool"):
        call(server, "größe")
    assert server.of("tools/call")[0].headers["mcp-name"] == "=?base64?Z3LDtsOfZQ==?="


@pytest.mark.parametrize("retry_ms", [None, 150])
def test_a_stream_that_was_cut_is_resumed_where_it_ended(serve: Serve, call: Call, retry_ms: int | None) -> None:
    server = serve(HANDSHAKE, replies="stream")
    server.cut_after, server.retry_ms = 1, retry_ms

    assert (call(server, "count", times=Times(resume=0.01)).text, server.counted) == ("counted to 1", 1)
    resumed = [request.headers["last-event-id"] for request in server.log if request.verb == "GET"]
    assert len(resumed) == 1
    assert all(request.headers["mcp-session-id"] for request in server.log if request.verb == "GET")


@pytest.mark.slow
def test_progress_gives_a_call_more_time_and_its_absence_ends_it(serve: Serve, call: Call) -> None:
    server = serve(STATELESS, replies="stream")

    def slow(_: McpServer, request: Received) -> Run:
        for step in range(5):
            gevent.sleep(0.6)
            yield progress(request, step + 1 if request.params["arguments"] else 0)
        return text("done")

    server.runs["echo"] = slow
    assert call(server, "echo", {"moves": 1}, times=Times(call=1.5)).text == "done"
    with pytest.raises(ToolFailed, match=r"Stand-in didn't reply in time\.") as failure:
        call(server, "echo", times=Times(call=1.5))
    assert failure.value.is_unknown


@pytest.mark.slow
def test_progress_gives_no_time_without_end(serve: Serve, call: Call) -> None:
    server = serve(STATELESS, replies="stream")

    def endless(_: McpServer, request: Received) -> Run:
        for step in range(200):
            gevent.sleep(0.1)
            yield progress(request, step)
        return text("done")

    server.runs["echo"] = endless
    with pytest.raises(ToolFailed, match="in time"):
        call(server, "echo", times=Times(call=1, most_call=2))


def test_a_stop_ends_a_call_at_once_and_tells_the_server(tool_server: McpServer, stop: Stop, beside: Beside) -> None:
    calls = beside(stopped_call, tool_server, stop)
    until(lambda: tool_server.of("tools/call"), "the call has arrived")
    began = time.monotonic()
    stop.request("user")
    failure = calls.get(timeout=60)

    assert (failure.message, failure.is_unknown) == ("The answer was stopped.", True)
    assert time.monotonic() - began < 10
    sent = tool_server.of("tools/call")[0]
    if version_of(tool_server) == HANDSHAKE:
        until(lambda: tool_server.of("notifications/cancelled"), "the server is told")
        cancelled = tool_server.of("notifications/cancelled")[0]
        assert cancelled.params["requestId"] == sent.message["id"]
        assert cancelled.headers["mcp-session-id"] == sent.headers["mcp-session-id"]
    else:
        if tool_server.replies == "stream":
            assert sent.is_closed.wait(10)
        assert not tool_server.of("notifications/cancelled")
    tool_server.go_on.set()


@pytest.mark.parametrize("method", ["server/discover", "initialize", "notifications/initialized", "tools/call"])
def test_a_stop_ends_it_at_every_moment(serve: Serve, stop: Stop, method: str) -> None:
    server = serve(HANDSHAKE)

    def silent(_: Received) -> Said:
        stop.request("user")
        gevent.sleep(30)
        return Said()

    server.instead[method] = silent
    began = time.monotonic()
    failure = stopped_call(server, stop)

    assert (failure.message, failure.is_unknown) == ("The answer was stopped.", method == "tools/call")
    assert time.monotonic() - began < 10
    # A handshake can't be cancelled.
    assert not [request for request in server.of("notifications/cancelled") if method == "initialize"]


def test_a_call_that_was_stopped_before_is_not_sent(serve: Serve, stop: Stop) -> None:
    server = serve(STATELESS)
    stop.request("user")

    assert not stopped_call(server, stop).is_unknown
    with pytest.raises(ToolFailed, match="stopped"):
        list_tools(reached(server), stop=stop)
    assert not server.log


def test_a_slow_server_holds_up_no_one_else(serve: Serve, call: Call, beside: Beside) -> None:
    server = serve(STATELESS, replies="stream")
    slow = beside(call, server, "wait")
    until(lambda: server.of("tools/call"), "the slow call has begun")

    assert call(server, "count").text == "counted to 1"
    assert not slow.ready()
    server.go_on.set()
    assert slow.get(timeout=60).text == "waited"


def test_a_token_is_sent_and_its_absence_asks_to_sign_in(serve: Serve, call: Call, listing: List) -> None:
    server = serve(STATELESS, token="secret-token")
    server.challenge = 'Bearer resource_metadata="https://example.org/meta", scope="read"'

    with pytest.raises(SignInRequired, match=r"Stand-in wants you to sign in\.") as required:
        listing(server)
    assert (required.value.challenge, required.value.needs_more) == (server.challenge, False)
    assert call(server, "echo", headers={"Authorization": "Bearer secret-token"}).text == "{}"


def test_a_token_that_may_do_too_little_asks_for_more(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    challenge = 'Bearer error="insufficient_scope", scope="files:write"'
    server.instead["tools/call"] = lambda _: Said(status=403, headers={"WWW-Authenticate": challenge})

    with pytest.raises(SignInRequired) as required:
        call(server, "count")
    assert (required.value.needs_more, required.value.challenge) == (True, challenge)

    server.instead["tools/call"] = refuse(403)
    with pytest.raises(ToolFailed, match=r"Stand-in refuses access \(HTTP 403\)\.") as failure:
        call(server, "count")
    assert not failure.value.is_unknown


def test_a_reply_that_was_lost_is_unknown_unless_the_call_is_safe(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)

    def lost(_: Received) -> Said:
        del server.instead["tools/call"]
        server.counted += 1
        return Said(status=502)

    server.instead["tools/call"] = lost
    with pytest.raises(ToolFailed) as failure:
        call(server, "count")
    assert (failure.value.is_unknown, server.counted) == (True, 1)

    server.instead["tools/call"] = lambda _: Said([], "text/event-stream")
    with pytest.raises(ToolFailed, match="ended the connection without a reply") as failure:
        call(server, "count")
    assert (failure.value.is_unknown, len(server.of("tools/call"))) == (True, 2)
    with pytest.raises(ToolFailed):
        call(server, "count", is_safe=True)
    assert len(server.of("tools/call")) == 4

    def lost_once(_: Received) -> Said:
        del server.instead["tools/call"]
        return Said([CUT], "text/event-stream")

    server.instead["tools/call"] = lost_once
    assert call(server, "echo", is_safe=True).text == "{}"


def test_a_call_that_was_late_is_not_sent_again(serve: Serve, call: Call) -> None:
    server = serve(STATELESS, replies="stream")

    with pytest.raises(ToolFailed, match="in time"):
        call(server, "wait", is_safe=True, times=Times(call=1))
    assert len(server.of("tools/call")) == 1
    server.go_on.set()


def test_what_is_sent_and_what_the_stand_in_says_is_what_the_published_types_say(
    tool_server: McpServer, call: Call, listing: List
) -> None:
    listing(tool_server)
    for name in ("echo", "show", "add", "fail"):
        call(tool_server, name, {"a": 1, "b": 2})
    version = version_of(tool_server)
    for request in tool_server.log:
        message = request.message
        if request.verb != "POST" or (request.method == "server/discover" and version == HANDSHAKE):
            continue
        if "id" in message:
            published.validate_client_request(request.method, version, message.get("params"))
        else:
            published.validate_client_notification(request.method, version, message.get("params"))


def test_the_type_of_a_reply_may_have_parameters(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    reply = {"jsonrpc": "2.0", "result": {"content": [{"type": "text", "text": "hi"}]}}
    server.instead["tools/call"] = lambda request: Said(
        json.dumps({**reply, "id": request.message["id"]}).encode(), f"{JSON}; charset=utf-8"
    )

    # A result without a type is complete.
    assert call(server, "echo").text == "hi"
