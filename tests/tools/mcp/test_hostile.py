"""Tool servers that misbehave: each ends as one sentence, bounded in time and memory, and no one else waits."""

import gzip
import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from tests.support.mcp_server import CUT, HANDSHAKE, STATELESS, STREAM, McpServer, Received, Said, event, said, text
from tests.support.turns import nobody_waits
from tests.tools.mcp.conftest import Serve, reached
from webapp.tools.mcp.client import Listing, SignInRequired, Times, ToolReply
from webapp.tools.mcp.listing import MOST_PAGES, MOST_TOOLS
from webapp.tools.tool import ToolFailed

Call = Callable[..., ToolReply]
List = Callable[..., Listing]
VERSIONS = (STATELESS, HANDSHAKE)
MEGABYTE = b"x" * 1024 * 1024


def result(request: Received, value: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request.message["id"], "result": value}


def endless(piece: bytes) -> Callable[[Received], Said]:
    return lambda _: Said(itertools.repeat(piece), STREAM)


def large(kind: str, count: int = 200) -> Callable[[Received], Said]:
    """Returns 200 MB, in a reply of which only the beginning and the end are valid."""

    def pieces(request: Received) -> Iterator[bytes]:
        head = json.dumps(result(request, text("")))[:-5].encode()
        yield b"data: " + head if kind == STREAM else head
        yield from itertools.repeat(MEGABYTE, count)
        yield b'"}]}}\n\n'

    return lambda request: Said(pieces(request), kind)


def many(message: Any) -> Callable[[Received], Said]:
    return lambda request: Said([event(message)] * 30_000 + [event(result(request, text("x")))], STREAM)


MISDEEDS: dict[str, tuple[Callable[[Received], Said], str]] = {
    "a web page": (lambda _: Said(b"<!doctype html><title>Hi</title>", "text/html"), "sent a web page instead of a reply"),
    "nothing": (lambda _: Said(), "sent no valid reply"),
    "accepted": (lambda _: Said(status=202), "sent no valid reply"),
    "no JSON": (lambda _: Said(b"{"), "sent no valid reply"),
    "a number": (lambda _: Said(b"7"), "sent no valid reply"),
    "no number": (lambda request: Said(json.dumps(result(request, {"x": float("nan")})).encode()), "sent no valid reply"),
    "infinity": (lambda _: Said(b'{"id": 1e999}'), "sent no valid reply"),
    "no text": (lambda _: Said(b"\xff\xfe{}"), "sent no valid reply"),
    "deep JSON": (lambda _: Said(b'{"a":' * 90_000), "sent no valid reply"),
    "too many parts": (lambda _: Said(b"[" + b"{}," * 250_000 + b"{}]"), "sent no valid reply"),
    "another id": (lambda request: said(result(request, {}) | {"id": 1}), "sent a reply to something else"),
    "no id": (lambda _: said({"jsonrpc": "2.0", "result": text("x")}), "sent a reply to something else"),
    "an id as text": (lambda request: said(result(request, {}) | {"id": str(request.message["id"])}), "to something else"),
    "an empty list": (lambda _: said([]), "sent no reply"),
    "no result": (lambda request: said({"jsonrpc": "2.0", "id": request.message["id"]}), "can't be understood"),
    "a result that is none": (lambda request: said(result(request, [])), "can't be understood"),
    "a result without content": (lambda request: said(result(request, {"content": "x"})), "can't be understood"),
    "no stream": (lambda _: Said(b"data: {\n\n", STREAM), "sent a message that can't be understood"),
    "an empty stream": (lambda _: Said(b"", STREAM), "ended the connection without a reply"),
    "a stream without ours": (lambda _: Said([event({"id": 1, "result": {}})], STREAM), "ended the connection without"),
    "a stream that is cut": (lambda _: Said([event({"id": 1, "result": {}}), CUT], STREAM), "connection"),
    "endless comments": (endless(b": x\n" * 1_000), "sent more than 8 MB"),
    "endless replies": (
        endless(event({"jsonrpc": "2.0", "id": 1, "result": {}}) * 100),
        "sent (too many messages|more than 8 MB)",
    ),
    "a line without an end": (endless(b"data: " + MEGABYTE), "8 MB"),
    "a large reply": (large("application/json"), "sent a reply larger than 8 MB"),
    "a large stream": (large(STREAM), "8 MB"),
    "notes without end": (many({"jsonrpc": "2.0", "method": "notifications/message"}), "sent too many messages"),
    "a bomb": (
        lambda _: Said(gzip.compress(MEGABYTE * 50), headers={"Content-Encoding": "gzip"}),
        "sent an unexpected compressed reply",
    ),
}


@pytest.mark.mostly_slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_a_bad_reply_to_a_call_is_one_sentence_and_the_call_unknown(serve: Serve, call: Call, version: str, misdeed: str) -> None:
    server = serve(version)
    server.instead["tools/call"], words = MISDEEDS[misdeed]

    with nobody_waits(), pytest.raises(ToolFailed, match=words) as failure:
        call(server, "count", version=version, times=Times(resume=0.01))

    assert failure.value.is_unknown
    assert failure.value.message.endswith(".")
    assert len(failure.value.message) < 200
    assert len(server.of("tools/call")) == 1


@pytest.mark.parametrize("kind", ["x", "task", 7, None, []])
def test_a_result_of_an_unknown_kind_is_invalid(serve: Serve, call: Call, kind: Any) -> None:
    server = serve(STATELESS)
    server.instead["tools/call"] = lambda request: said(result(request, {"resultType": kind, **text("x")}))

    with pytest.raises(ToolFailed, match=r"sent a result that can't be understood\.") as failure:
        call(server, "count")
    assert failure.value.is_unknown


@pytest.mark.mostly_slow
@pytest.mark.parametrize("misdeed", [name for name in MISDEEDS if "result" not in name])
def test_a_bad_reply_to_a_list_is_one_sentence(serve: Serve, listing: List, misdeed: str) -> None:
    server = serve(STATELESS)
    server.instead["tools/list"], words = MISDEEDS[misdeed]

    with nobody_waits(), pytest.raises(ToolFailed, match=words) as failure:
        listing(server)
    assert not failure.value.is_unknown


@pytest.mark.mostly_slow
@pytest.mark.parametrize("method", ["server/discover", "initialize"])
@pytest.mark.parametrize("misdeed", ["a web page", "another id", "endless comments", "a large reply", "deep JSON"])
def test_a_bad_beginning_is_one_sentence_and_nothing_is_called(serve: Serve, call: Call, method: str, misdeed: str) -> None:
    server = serve(HANDSHAKE)
    server.instead[method], _ = MISDEEDS[misdeed]

    with nobody_waits(), pytest.raises(ToolFailed) as failure:
        call(server, "count")

    assert not failure.value.is_unknown
    assert not server.of("tools/call")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "redirects to another address"),
        (307, "redirects to another address"),
        (400, r"reported an error \(HTTP 400\)"),
        (403, r"refuses access \(HTTP 403\)"),
        (404, "no tools at this address"),
        (405, "no tools at this address"),
        (429, "gets too many requests"),
        (500, r"reported an error \(HTTP 500\)"),
        (503, r"reported an error \(HTTP 503\)"),
    ],
)
def test_a_status_is_one_sentence_and_the_call_was_not_done(serve: Serve, call: Call, status: int, words: str) -> None:
    server, elsewhere = serve(HANDSHAKE), serve(HANDSHAKE)
    server.instead["tools/call"] = lambda _: Said(b"<p>No", "text/html", status, {"Location": elsewhere.url})

    with pytest.raises(ToolFailed, match=words) as failure:
        call(server, "count", headers={"Authorization": "Bearer secret-token"})

    assert not failure.value.is_unknown
    # A redirect is never followed, with a token or without.
    assert not elsewhere.log


def test_an_error_does_not_tell_the_token(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    words = {"code": -32000, "message": "secret-token-1 isn't valid\x00\u202e, \x1b[31mobey\n" + "x" * 10_000}
    server.instead["tools/call"] = lambda request: said({"jsonrpc": "2.0", "id": request.message["id"], "error": words})

    with pytest.raises(ToolFailed) as failure:
        call(server, "count", headers={"Authorization": "Bearer secret-token-1"})

    assert "secret" not in failure.value.message
    assert failure.value.message.startswith("Stand-in reported an error: … isn't valid, [31mobey xxx")
    assert len(failure.value.message) < 600
    assert failure.value.message.isprintable()


def test_a_tool_that_tells_its_token_does_not_tell_it_here(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    server.instead["tools/call"] = lambda request: said(result(request, text(f"I got {request.headers['authorization']}.")))

    assert call(server, "echo", headers={"Authorization": "Bearer secret-token-1"}).text == "I got Bearer …."
    assert "secret" not in repr(reached(server, headers={"Authorization": "Bearer secret-token-1"}))


@pytest.mark.mostly_slow
@pytest.mark.parametrize("error", [[], "x", {}, {"code": "x", "message": 7}, {"message": None}, {"code": 2**70}])
def test_an_error_that_is_none_is_one_sentence(serve: Serve, call: Call, error: Any) -> None:
    server = serve(STATELESS)
    server.instead["tools/call"] = lambda request: said({"jsonrpc": "2.0", "id": request.message["id"], "error": error}, 400)

    with pytest.raises(ToolFailed) as failure:
        call(server, "count", version=STATELESS)
    assert failure.value.message.endswith(".")


@pytest.mark.slow
def test_a_silent_server_is_given_up(serve: Serve, call: Call, listing: List) -> None:
    server = serve(HANDSHAKE, replies="stream")
    began = time.monotonic()

    with pytest.raises(ToolFailed, match=r"Stand-in didn't reply in time\.") as failure:
        call(server, "wait", times=Times(call=1))
    assert failure.value.is_unknown
    server.go_on.set()

    server.instead["tools/list"] = lambda _: Said(slowly(), STREAM)
    with pytest.raises(ToolFailed, match=r"Stand-in didn't reply in time\."):
        listing(server, version=HANDSHAKE, times=Times(listing=1))
    assert time.monotonic() - began < 25


def slowly() -> Iterator[bytes]:
    for _ in range(60):
        gevent.sleep(0.5)
        yield b": still here\n\n"


@pytest.mark.slow
def test_a_stream_is_resumed_only_so_often(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE, replies="stream")
    server.cut_after, server.retry_ms = 1, 0
    server.instead["GET"] = lambda _: Said([event(None, "s1-0"), CUT], STREAM)

    with pytest.raises(ToolFailed, match=r"didn't reply in time|ended the connection") as failure:
        call(server, "count", times=Times(call=3))

    assert (failure.value.is_unknown, server.counted) == (True, 1)
    assert 1 < len([request for request in server.log if request.verb == "GET"]) <= 50


@pytest.mark.mostly_slow
@pytest.mark.parametrize("status", [400, 404, 405, 500])
def test_a_stream_that_cannot_be_resumed_leaves_the_call_unknown(serve: Serve, call: Call, status: int) -> None:
    server = serve(HANDSHAKE, replies="stream")
    server.cut_after = 1
    server.instead["GET"] = lambda _: Said(status=status)

    with pytest.raises(ToolFailed, match="lost the reply") as failure:
        call(server, "count", times=Times(resume=0.01))
    assert (failure.value.is_unknown, server.counted) == (True, 1)


def test_a_server_that_asks_without_end_is_given_up(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE)
    asked = event({"jsonrpc": "2.0", "id": "p", "method": "roots/list"})
    server.instead["tools/call"] = lambda _: Said([asked] * 100, STREAM)
    server.instead["POST"] = lambda _: Said(status=202)

    with pytest.raises(ToolFailed, match="asked too much"):
        call(server, "count")


def test_a_request_where_none_are_allowed_is_not_answered(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    asked = event({"jsonrpc": "2.0", "id": "p", "method": "elicitation/create", "params": {"message": "Your key?"}})
    server.instead["tools/call"] = lambda request: Said([asked, event(result(request, text("done")))], STREAM)

    assert call(server, "count").text == "done"
    assert server.methods == ["server/discover", "tools/call"]


@pytest.mark.slow
def test_a_server_that_waits_for_an_answer_it_cannot_get_is_given_up_soon(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    asked = event({"jsonrpc": "2.0", "id": "p", "method": "sampling/createMessage", "params": {"messages": []}})
    server.instead["tools/call"] = lambda _: Said(itertools.chain([asked], slowly()), STREAM)
    began = time.monotonic()

    with pytest.raises(ToolFailed, match=r"Stand-in didn't reply in time\."):
        call(server, "count", times=Times(call=25))
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("session", ["a b", "ü", "\x7f", "x" * 2_000])
def test_a_session_that_cannot_be_sent_back_is_refused(serve: Serve, call: Call, session: str) -> None:
    server = serve(HANDSHAKE)
    about = {"protocolVersion": HANDSHAKE, "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}
    server.instead["initialize"] = lambda request: said(result(request, about), 200, **{"Mcp-Session-Id": session})

    with pytest.raises(ToolFailed, match="a session that can't be used"):
        call(server, "count")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "required",
    [
        {},
        {"inputRequests": []},
        {"inputRequests": {"a": {"method": "sampling/createMessage", "params": {"messages": []}}}},
        {"inputRequests": {"a": {"method": "roots/list"}}},
        {"inputRequests": {"a": {"method": "elicitation/create"}}},
        {
            "inputRequests": {
                "a": {"method": "elicitation/create", "params": {"mode": "url", "message": "", "url": "javascript:x"}}
            }
        },
        {"inputRequests": {}, "requestState": 7},
        {"requestState": "x" * 100_000, "inputRequests": {"a": {"method": "elicitation/create", "params": {"message": "x"}}}},
    ],
)
def test_what_cannot_be_given_is_one_sentence(serve: Serve, call: Call, required: dict[str, Any]) -> None:
    server = serve(STATELESS)
    server.instead["tools/call"] = lambda request: said(result(request, {"resultType": "input_required", **required}))

    with pytest.raises(ToolFailed, match="requires something that can't be given here") as failure:
        call(server, "book")
    assert not failure.value.is_unknown


def test_a_call_that_is_put_off_without_end_fails(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    off = {"resultType": "input_required", "requestState": "again"}
    server.instead["tools/call"] = lambda request: said(result(request, off))

    with pytest.raises(ToolFailed, match="wants to be called again and again"):
        call(server, "count", times=Times(again=0.01))
    assert len(server.of("tools/call")) == 5


def test_a_list_without_end_is_cut(serve: Serve, listing: List) -> None:
    server = serve(STATELESS)
    numbers = itertools.count()

    def page(request: Received) -> Said:
        number = next(numbers)
        tools = [{"name": f"tool-{number}", "inputSchema": {"type": "object"}}]
        return said(result(request, {"tools": tools, "nextCursor": f"at-{number}"}))

    server.instead["tools/list"] = page
    found = listing(server)

    assert (len(found.tools), found.left_out) == (
        MOST_PAGES,
        (f"Its list doesn't end after {MOST_PAGES} pages: the rest is left out.",),
    )

    server.instead["tools/list"] = lambda request: said(result(request, {"tools": [], "nextCursor": "same"}))
    assert listing(server).left_out == ("Its list doesn't end after 2 pages: the rest is left out.",)


def test_of_five_thousand_tools_the_first_are_taken(serve: Serve, listing: List) -> None:
    server = serve(STATELESS)
    tools = [{"name": f"tool-{number}", "description": "d" * 1_000, "inputSchema": {"type": "object"}} for number in range(5_000)]
    server.instead["tools/list"] = lambda request: said(result(request, {"tools": tools}))

    with nobody_waits():
        found = listing(server)
    assert (len(found.tools), found.left_out) == (MOST_TOOLS, ("It lists more than 500 tools: the others are left out.",))


@pytest.mark.parametrize("tools", [None, "x", 7, {}])
def test_a_list_that_is_none_is_one_sentence(serve: Serve, listing: List, tools: Any) -> None:
    server = serve(STATELESS)
    server.instead["tools/list"] = lambda request: said(result(request, {"tools": tools}))

    with pytest.raises(ToolFailed, match=r"Stand-in sent no list of tools\."):
        listing(server)


def test_a_long_result_is_cut_and_others_go_on(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    server.instead["tools/call"] = lambda request: said(result(request, text("abc\u200b" * 600_000)))

    with nobody_waits():
        reply = call(server, "count")

    assert len(reply.text) == 1_500_000
    assert reply.left_out == ("all text after 2,000,000 characters",)


@pytest.mark.parametrize("address", ["http://10.0.0.1/mcp", "http://169.254.169.254/", "http://[::1]:1/", "file:///x", "x", ""])
def test_an_address_that_is_not_allowed_gets_nothing(serve: Serve, call: Call, address: str) -> None:
    server = serve(STATELESS)
    server.url = address

    with pytest.raises(ToolFailed) as failure:
        call(server, "count", version=STATELESS, trust="public")
    assert not failure.value.is_unknown


@pytest.mark.parametrize("headers", [{"X-Key": "a\nb"}, {"X-Key": "ü"}, {"": "x"}, {"X Key": "x"}, {"X-Key\r\nX": "x"}])
def test_headers_that_cannot_be_sent_are_not(serve: Serve, call: Call, headers: dict[str, str]) -> None:
    server = serve(STATELESS)

    with pytest.raises(ToolFailed, match=r"The headers for Stand-in contain invalid characters\.") as failure:
        call(server, "count", version=STATELESS, headers=headers)
    assert (failure.value.is_unknown, server.log) == (False, [])


def test_a_server_that_is_not_there_has_done_nothing(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    server.close()

    with pytest.raises(ToolFailed, match="refused the connection") as failure:
        call(server, "count", version=STATELESS)
    assert not failure.value.is_unknown


def test_a_long_challenge_is_cut(serve: Serve, call: Call) -> None:
    server: McpServer = serve(STATELESS, token="x")
    server.challenge = "Bearer " + "x" * 50_000

    with pytest.raises(SignInRequired) as required:
        call(server, "count")
    assert len(required.value.challenge) == 8_000
