"""Tool servers of both kinds: their tools are listed and called as the specification says, over JSON and over streams."""

import json
import time
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import AsyncResult
from mcp_types import ElicitRequestFormParams, methods as published

from tests.support.mcp_server import (
    BOOKING,
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
    said,
    text,
)
from tests.support.waiting import until
from tests.tools.mcp.conftest import Serve, reached
from webapp.streaming.stop import Stop
from webapp.tools.mcp.client import Answers, InputRequired, Listing, Reply, SignInRequired, Times, call_tool, list_tools
from webapp.tools.tool import ToolFailed

Call = Callable[..., Reply]
List = Callable[..., Listing]
Beside = Callable[..., Any]


def version_of(server: McpServer) -> str:
    return server.speaks[0]


def refuse(status: int) -> Callable[[Received], Said]:
    return lambda _: Said(b"No.", "text/plain", status)


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


def test_an_expired_session_is_begun_again_once_and_the_call_is_done_once(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE)

    reply = call(server, "count", version=HANDSHAKE, session="expired", keeps_session=True)

    assert (reply.text, server.counted) == ("counted to 1", 1)
    assert reply.session in server.sessions
    assert server.methods == ["tools/call", "initialize", "notifications/initialized", "tools/call"]


def test_a_server_that_forgets_each_session_is_given_up(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE)
    server.instead["tools/call"] = refuse(404)

    with pytest.raises(ToolFailed, match="has no tools at this address") as failure:
        call(server, "count")

    assert not failure.value.is_unknown
    assert len(server.of("tools/call")) == 2


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


def test_a_form_is_answered_days_later_by_another_request(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    with pytest.raises(InputRequired) as required:
        call(server, "book", {"day": "today"})

    people, room, extras, late, name = required.value.fields
    assert required.value.message == "For how many?"
    assert (people.title, people.kind, people.is_required, people.least, people.most) == ("People", "integer", True, 1, 8)
    assert (room.kind, room.choices, room.default) == ("choice", (("r1", "Red"), ("b1", "Blue")), "b1")
    assert (extras.kind, extras.most, late.kind, late.default, name.kind, name.most) == (
        "choices",
        1,
        "switch",
        False,
        "text",
        20,
    )

    answers = Answers(required.value.state, {"booking.people": 4, "booking.extras": ["tea"]})
    reply = call(server, "book", {"day": "today"}, answers=answers)

    assert reply.text == 'Booked: {"extras": ["tea"], "people": 4}'
    first, second = server.of("tools/call")
    assert (first.message["id"] != second.message["id"], second.params["arguments"]) == (True, {"day": "today"})


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_a_form_can_be_refused(serve: Serve, call: Call, action: str) -> None:
    server = serve(STATELESS)
    with pytest.raises(InputRequired) as required:
        call(server, "book")

    assert call(server, "book", answers=Answers(required.value.state, {}, action)).is_error  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values", [{}, {"booking.people": 9}, {"booking.people": "4"}, {"booking.people": 1, "booking.room": "x"}]
)
def test_answers_that_do_not_fit_are_not_sent(serve: Serve, call: Call, values: dict[str, int | str]) -> None:
    server = serve(STATELESS)
    with pytest.raises(InputRequired) as required:
        call(server, "book")

    with pytest.raises(ToolFailed, match="This call can't be sent"):
        call(server, "book", answers=Answers(required.value.state, values))
    assert len(server.of("tools/call")) == 1


def test_a_server_that_only_puts_a_call_off_is_called_again_with_its_state(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)

    def later(request: Received) -> Said:
        if request.params.get("requestState") == "second":
            del server.instead["tools/call"]
        result = {"resultType": "input_required", "requestState": "first" if "requestState" not in request.params else "second"}
        return said({"jsonrpc": "2.0", "id": request.message["id"], "result": result})

    server.instead["tools/call"] = later
    assert call(server, "count", times=Times(again=0.01)).text == "counted to 1"
    assert [request.params.get("requestState") for request in server.of("tools/call")] == [None, "first", "second", "second"]


def test_what_a_server_asks_during_a_call_is_cancelled_and_told(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE, replies="stream")

    with pytest.raises(ToolFailed, match=r"Stand-in wanted to know: “For how many\?” It can't ask during a call\.") as failure:
        call(server, "book")

    assert not failure.value.is_unknown
    assert server.answers["e0"].get(timeout=1)["result"] == {"action": "cancel"}


@pytest.mark.parametrize(
    ("method", "answer"),
    [("ping", {"result": {}}), ("sampling/createMessage", {"code": -32601}), ("roots/list", {"code": -32601})],
)
def test_other_requests_of_a_server_are_answered_politely(
    serve: Serve, call: Call, method: str, answer: dict[str, object]
) -> None:
    server = serve(HANDSHAKE, replies="stream")
    server.answers["p"] = AsyncResult()

    def asking(server: McpServer, _: Received) -> Run:
        yield {"jsonrpc": "2.0", "id": "p", "method": method, "params": {}}
        server.answers["p"].get(timeout=20)
        return text("done")

    server.runs["echo"] = asking

    assert call(server, "echo").text == "done"
    reply = server.answers["p"].get()
    assert reply.get("result", {}) == answer.get("result", {})
    assert reply.get("error", {}).get("code") == answer.get("code")


@pytest.mark.parametrize("retry_ms", [None, 150])
def test_a_stream_that_was_cut_is_resumed_where_it_ended(serve: Serve, call: Call, retry_ms: int | None) -> None:
    server = serve(HANDSHAKE, replies="stream")
    server.cut_after, server.retry_ms = 1, retry_ms

    assert (call(server, "count", times=Times(resume=0.01)).text, server.counted) == ("counted to 1", 1)
    resumed = [request.headers["last-event-id"] for request in server.log if request.verb == "GET"]
    assert len(resumed) == 1
    assert all(request.headers["mcp-session-id"] for request in server.log if request.verb == "GET")


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
    failure = calls.get(timeout=20)

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


def stopped_call(server: McpServer, stop: Stop) -> ToolFailed:
    try:
        call_tool(reached(server), "wait", {}, stop=stop, key="k")
    except ToolFailed as failure:
        return failure
    raise AssertionError("the call was not stopped")


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
    assert slow.get(timeout=20).text == "waited"


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


def test_a_form_of_the_stand_in_is_one_of_the_published_types() -> None:
    ElicitRequestFormParams.model_validate({"mode": "form", "message": "For how many?", "requestedSchema": BOOKING})


def test_the_type_of_a_reply_may_have_parameters(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    reply = {"jsonrpc": "2.0", "result": {"content": [{"type": "text", "text": "hi"}]}}
    server.instead["tools/call"] = lambda request: Said(
        json.dumps({**reply, "id": request.message["id"]}).encode(), f"{JSON}; charset=utf-8"
    )

    # A result without a type is complete.
    assert call(server, "echo").text == "hi"
