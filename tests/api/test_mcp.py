"""Millrace as an MCP server: a client of each version, written from the specification, and all that can be wrong."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.api.client import Client, client_of, decoded
from tests.support.people import user_with_password
from tests.support.waiting import until
from webapp.api.mcp.views import TOOLS
from webapp.base.db import db
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.people.accounts import tokens
from webapp.settings.service import set_setting

LEGACY, MODERN = "2025-11-25", "2026-07-28"
META = "io.modelcontextprotocol/"
BOTH = "application/json, text/event-stream"
READING = {"search_documents", "read_document", "list_chats", "read_chat"}


class McpClient:
    """A client of one version: it does what the specification says that clients must, unless it is told otherwise."""

    def __init__(self, program: Client, version: str) -> None:
        self.program, self.version, self.is_modern = program, version, version == MODERN
        self.number = 0

    def send(
        self, method: str, params: dict[str, Any] | None = None, *, meta: dict[str, Any] | None = None, **headers: str | None
    ) -> TestResponse:
        self.number += 1
        body = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": {**(params or {})}}
        if self.is_modern:
            about = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}}
            body["params"]["_meta"] = {**about, **(meta or {})}
        elif meta:
            body["params"]["_meta"] = meta
        usual: dict[str, str | None] = {"Accept": BOTH}
        if method != "initialize":
            usual["MCP-Protocol-Version"] = self.version
        if self.is_modern:
            usual |= {"Mcp-Method": method, "Mcp-Name": (params or {}).get("name")}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.raw(body, **{**usual, **named})

    def raw(self, body: Any, **headers: str | None) -> TestResponse:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **self.program.headers, **headers}
        kept = {name: value for name, value in sent.items() if value is not None}
        return self.program.client.post("/mcp", data=content, headers=kept)

    def messages(self, response: TestResponse) -> list[dict[str, Any]]:
        assert response.status_code == 200, response.get_data(as_text=True)
        if response.mimetype == "application/json":
            return [json.loads(response.get_data())]
        assert response.mimetype == "text/event-stream"
        return [json.loads(event.data) for event in decoded(response)]

    def result(self, method: str, params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        message = self.messages(self.send(method, params, **more))[-1]
        assert message["id"] == self.number
        result: dict[str, Any] = message["result"]
        if self.is_modern:
            assert result["resultType"] == "complete"
            assert result["_meta"][f"{META}serverInfo"]["name"] == "millrace"
        else:
            assert "resultType" not in result
        return result

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return self.result("tools/call", {"name": tool, "arguments": arguments})

    def failed(self, tool: str, **arguments: Any) -> str:
        result = self.call(tool, **arguments)
        assert result["isError"]
        return str(result["content"][0]["text"])


@pytest.fixture
def make_mcp(app: Flask) -> Callable[..., McpClient]:
    def make(email: str = "member@example.org", *scopes: str, version: str = MODERN) -> McpClient:
        with app.app_context():
            user = user_with_password(email, "member")
            return McpClient(Client(app, tokens.make_token(user, "a client", scopes or ("mcp",))), version)

    return make


@pytest.fixture(params=[LEGACY, MODERN])
def mcp(make_mcp: Callable[..., McpClient], request: pytest.FixtureRequest) -> McpClient:
    return make_mcp(version=request.param)


@pytest.fixture
def modern(make_mcp: Callable[..., McpClient]) -> McpClient:
    return make_mcp()


@pytest.fixture
def legacy(make_mcp: Callable[..., McpClient]) -> McpClient:
    return make_mcp(version=LEGACY)


def error_of(response: TestResponse, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.mimetype == "application/json"
    message = json.loads(response.get_data())
    assert message["jsonrpc"] == "2.0"
    error: dict[str, Any] = message["error"]
    assert len(error["message"]) < 300
    return error


def test_a_client_of_2025_begins_with_initialize_and_gets_no_session(legacy):
    begun = legacy.send(
        "initialize", {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    )

    result = json.loads(begun.get_data())["result"]
    assert (result["protocolVersion"], result["capabilities"]) == (LEGACY, {"tools": {}})
    assert result["serverInfo"]["name"] == "millrace"
    assert "Mcp-Session-Id" not in begun.headers
    told = legacy.raw({"jsonrpc": "2.0", "method": "notifications/initialized"}, Accept=BOTH)
    assert (told.status_code, told.get_data()) == (202, b"")
    assert legacy.result("ping") == {}


@pytest.mark.parametrize(("requested", "spoken"), [("2025-06-18", "2025-06-18"), ("1900-01-01", LEGACY), (MODERN, LEGACY)])
def test_the_version_is_negotiated(legacy, requested, spoken):
    assert legacy.result("initialize", {"protocolVersion": requested, "capabilities": {}})["protocolVersion"] == spoken


def test_a_client_of_2026_needs_no_request_before(modern):
    assert {tool["name"] for tool in modern.result("tools/list")["tools"]} == {*READING, "remember", "ask_model"}
    discovered = modern.result("server/discover")
    assert (discovered["supportedVersions"][0], discovered["capabilities"]) == (MODERN, {"tools": {}})
    assert discovered["ttlMs"] >= 0


def test_every_tool_says_what_it_does(mcp):
    result = mcp.result("tools/list")

    assert ("ttlMs" in result, "cacheScope" in result) == (mcp.is_modern, mcp.is_modern)
    assert "nextCursor" not in result
    for tool in result["tools"]:
        assert tool["inputSchema"]["type"] == "object"
        hints = tool["annotations"]
        assert hints["readOnlyHint"] == (tool["name"] in READING)
        assert hints["openWorldHint"] == (tool["name"] == "ask_model")
        assert hints["destructiveHint"] is False


def test_a_model_is_asked_in_a_new_chat_and_in_the_same(mcp, fake):
    fake.says("Good morning.")

    first = mcp.call("ask_model", message="Hello", model="some/model")

    chat_id = first["structuredContent"]["chat_id"]
    assert (first["isError"], first["content"][0]["text"]) == (False, "Good morning.")
    assert chat_id in first["content"][1]["text"]
    assert (first["structuredContent"]["status"], first["structuredContent"]["model"]) == ("completed", "some/model")
    fake.says("And again.")
    second = mcp.call("ask_model", message="Once more", chat_id=chat_id)
    assert second["content"][0]["text"] == "And again."
    assert second["structuredContent"]["chat_id"] == chat_id
    read = mcp.call("read_chat", chat_id=chat_id)
    messages = read["structuredContent"]["messages"]
    assert [message["content"] for message in messages] == ["Hello", "Good morning.", "Once more", "And again."]
    assert "Good morning." in read["content"][0]["text"]
    listed = mcp.call("list_chats")["structuredContent"]
    assert [(chat["id"], chat["url"].endswith(chat_id)) for chat in listed["chats"]] == [(chat_id, True)]
    assert listed["next_cursor"] is None


def test_a_sentence_to_remember_waits_for_the_person(modern: McpClient) -> None:
    result = modern.call("remember", text="The person lives in Bern.")
    assert result["structuredContent"]["state"] == "proposed"
    assert modern.call("remember", text="the person lives in Bern.")["structuredContent"]["state"] == "known"
    assert modern.call("remember", text="the person \n\n lives  in\nBern. ")["structuredContent"]["state"] == "known"
    assert modern.call("remember", text=" \n\u202e\t ")["isError"]
    assert modern.call("remember", text="My password is hunter2xyz")["isError"]
    assert modern.call("remember", text="Ours.", scope={"kind": "project", "id": "01m8nobody"})["isError"]


def test_progress_is_told_and_only_grows(mcp, fake, app):
    fake.counts(200, pace=0.015)

    params = {"name": "ask_model", "arguments": {"message": "Count"}}
    *told, last = mcp.messages(mcp.send("tools/call", params, meta={"progressToken": "one"}))

    assert {message["method"] for message in told} == {"notifications/progress"}
    assert {message["params"]["progressToken"] for message in told} == {"one"}
    progress = [message["params"]["progress"] for message in told]
    assert progress == sorted({*progress})
    assert len(progress) >= 2
    assert last["result"]["content"][0]["text"].startswith("w000001 ")


def test_one_who_takes_no_events_gets_one_reply(mcp, fake):
    fake.says("Good morning.")

    response = mcp.send("tools/call", {"name": "ask_model", "arguments": {"message": "Hello"}}, Accept="application/json")

    assert response.mimetype == "application/json"
    assert mcp.messages(response)[0]["result"]["content"][0]["text"] == "Good morning."


def test_what_takes_too_long_goes_on_in_its_chat(modern, fake, app):
    fake.always({"says": "Slowly, slowly.", "holds": [1]})

    result = modern.call("ask_model", message="Hello", wait_seconds=1)

    about = result["structuredContent"]
    assert (result["isError"], about["status"], about["text"]) == (False, "running", "")
    assert "read_chat" in result["content"][0]["text"]
    fake.goes_on()
    until(lambda: not ENGINE.of(app).live, "it has ended")
    read = modern.call("read_chat", chat_id=about["chat_id"])
    assert read["structuredContent"]["messages"][-1]["content"] == "Slowly, slowly."


def test_a_client_that_leaves_does_not_end_the_answer(modern, fake, app):
    fake.always({"says": "Slowly, slowly.", "holds": [1]})
    response = modern.program.client.post(
        "/mcp",
        json={
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "ask_model",
                "arguments": {"message": "Hello"},
                "_meta": {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}},
            },
        },
        headers={
            **modern.program.headers,
            "Accept": BOTH,
            "MCP-Protocol-Version": MODERN,
            "Mcp-Method": "tools/call",
            "Mcp-Name": "ask_model",
        },
        buffered=False,
    )
    next(response.iter_encoded())
    response.close()
    fake.goes_on()
    until(lambda: not ENGINE.of(app).live, "it has ended")
    with app.app_context():
        ended = db.session.scalars(db.select(Generation).order_by(Generation.id)).first()
        assert (ended.status, ended.reason) == ("completed", "stop")


def test_an_answer_that_waits_for_a_person_says_so(modern, fake, app):
    client = client_of(app, "member@example.org")
    chat = client.post("/chats", {"tools": ["ask_person"], "model": "some/model"}, status=201)["chat"]
    fake.always({"calls": [{"tool": "ask_person", "arguments": {"question": "Which?"}}]})

    result = modern.call("ask_model", message="Hello", chat_id=chat["id"])

    assert (result["structuredContent"]["status"], result["isError"]) == ("waiting", False)
    assert "decision" in result["content"][0]["text"]


def test_a_failure_is_an_error_of_the_tool(modern, fake):
    fake.always({"status": 400, "json": {"error": {"code": 400, "message": "No such thing."}}})

    assert "No such thing" in modern.failed("ask_model", message="Hello")


def test_limits_of_answers_count_here_too(modern, fake, app):
    fake.says("Fine.")
    with app.app_context():
        set_setting("limits.streams_per_minute", "1")
        set_setting("limits.streams_burst", "1")
    modern.call("ask_model", message="Hello")

    assert "Try again in" in modern.failed("ask_model", message="Hello")


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("ask_model", {}, "message is missing"),
        ("ask_model", {"message": 5}, "type string"),
        ("ask_model", {"message": "  "}, ""),
        ("ask_model", {"message": "Hi", "model": "demo/no-such"}, "no-such"),
        ("ask_model", {"message": "Hi\ud800"}, "can't be stored"),
        ("ask_model", {"message": "Hi", "wait_seconds": 10**6}, "600"),
        ("ask_model", {"message": "Hi", "chat_id": "nothing"}, ""),
        ("ask_model", {"message": "Hi", "temperature": 3}, "unknown"),
        ("read_chat", {"chat_id": "a\0b"}, "can't be stored"),
        ("read_chat", {"chat_id": "x" * 100}, "40"),
        ("read_document", {"document_id": "nothing"}, "no document"),
        ("search_documents", {"query": "a", "limit": 0}, "at least 1"),
        ("search_documents", {"query": "a", "collection_ids": ["nothing"]}, ""),
        ("list_chats", {"cursor": "nothing"}, "cursor"),
        ("list_chats", {"query": "a", "cursor": "b"}, "cursor"),
    ],
)
def test_what_does_not_fit_is_told_to_the_model(modern, fake, tool, arguments, words):
    assert words in modern.failed(tool, **arguments)
    assert fake.posts() == []


def test_nobody_reads_what_is_somebody_elses(make_mcp, fake, app):
    fake.says("A secret.")
    mine, theirs = make_mcp("ada@example.org"), make_mcp("ben@example.org")
    chat_id = mine.call("ask_model", message="Hello otters")["structuredContent"]["chat_id"]

    assert theirs.call("list_chats")["structuredContent"]["chats"] == []
    assert theirs.call("list_chats", query="otters")["structuredContent"]["chats"] == []
    for tool, arguments in (("read_chat", {}), ("ask_model", {"message": "Hi"})):
        said = theirs.failed(tool, chat_id=chat_id, **arguments)
        assert said == theirs.failed(tool, chat_id="0" * 26, **arguments)
    assert [chat["id"] for chat in mine.call("list_chats", query="otters")["structuredContent"]["chats"]] == [chat_id]
    assert len(fake.posts()) == 1


def test_documents_are_found_and_read_by_those_who_may(make_mcp, app):
    mine, theirs = make_mcp("ada@example.org"), make_mcp("ben@example.org")
    client = client_of(app, "ada@example.org")
    collection = client.post("/collections", {"name": "Rivers"}, status=201)["id"]
    client.post(f"/collections/{collection}/documents", {"text": "Otters hold hands.", "title": "Otters"}, status=202)
    until(lambda: mine.call("search_documents", query="otters")["structuredContent"]["sources"], "it is read")

    found = mine.call("search_documents", query="otters", collection_ids=[collection])

    (source,) = found["structuredContent"]["sources"]
    assert (source["title"], source["number"]) == ("Otters", 1)
    assert source["url"].startswith("http")
    assert "Otters hold hands." in found["content"][0]["text"]
    assert "Otters hold hands." in mine.call("read_document", document_id=source["document_id"])["content"][0]["text"]
    assert theirs.call("search_documents", query="otters")["structuredContent"]["sources"] == []
    assert "no document" in theirs.failed("read_document", document_id=source["document_id"])
    assert theirs.failed("search_documents", query="otters", collection_ids=[collection])


def test_long_lists_and_chats_come_in_pages(modern, fake, app):
    fake.says("Fine.")
    with app.app_context():
        for name in ("limits.streams_per_minute", "limits.concurrent_streams"):
            set_setting(name, "0")
    ids = [modern.call("ask_model", message=f"Chat {number}")["structuredContent"]["chat_id"] for number in range(3)]
    first = modern.call("list_chats", limit=2)["structuredContent"]
    rest = modern.call("list_chats", limit=2, cursor=first["next_cursor"])["structuredContent"]
    assert [chat["id"] for chat in (*first["chats"], *rest["chats"])] == ids[::-1]
    assert rest["next_cursor"] is None
    modern.call("ask_model", message="x" * 40_000, chat_id=ids[0])
    modern.call("ask_model", message="y" * 40_000, chat_id=ids[0])
    texts, cursor = [], {}
    while cursor is not None:
        page = modern.call("read_chat", chat_id=ids[0], **cursor)["structuredContent"]
        assert sum(len(message["content"]) for message in page["messages"]) < 66_000
        texts += [message["content"][:1] for message in page["messages"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert texts == ["C", "F", "x", "F", "y", "F"]


def test_without_a_token_one_is_told_how_to_authenticate(app, modern):
    nobody, wrong = McpClient(Client(app), MODERN), McpClient(Client(app, "millrace_wrong"), MODERN)

    for client, sign in ((nobody, 'scope="mcp"'), (wrong, "invalid_token")):
        refused = client.send("tools/list")
        assert error_of(refused, 401)["code"] == 401
        assert refused.headers["WWW-Authenticate"].startswith("Bearer ")
        assert sign in refused.headers["WWW-Authenticate"]


def test_another_scope_is_not_enough(make_mcp):
    refused = make_mcp("ada@example.org", "read", "chat").send("tools/list")

    assert "scope mcp" in error_of(refused, 403)["message"]
    assert 'error="insufficient_scope", scope="mcp"' in refused.headers["WWW-Authenticate"]


def test_a_token_for_tool_servers_works_for_clients_and_not_the_other_way_round(make_mcp):
    assert make_mcp("ada@example.org", "tools").result("tools/list")["tools"]
    client = make_mcp("bo@example.org", "mcp")
    assert client.result("tools/list")["tools"]
    client.program.said("GET", "/tool-servers", 403)


def test_a_page_of_another_site_is_refused(modern):
    for origin in ("https://evil.example", "null"):
        assert error_of(modern.send("tools/list", Origin=origin), 403)["code"] == 403
    assert modern.send("tools/list", Origin="http://localhost").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, -32700),
        (b"{", 400, -32700),
        (b"\xff\xfe", 400, -32700),
        (b"[" * 9_000, 400, -32700),
        (b'{"a":' * 9_000 + b"1" + b"}" * 9_000, 400, -32700),
        (b"[" + b"1," * 20_000 + b"1]", 400, -32700),
        (b"5", 400, -32600),
        (b"[]", 400, -32600),
        ([{"jsonrpc": "2.0", "id": 1, "method": "ping"}], 400, -32600),
        ({"id": 1, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": [1], "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": "x" * 201, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 10**30, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": 7}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}, 400, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "initialize"}, 200, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "resources/list"}, 200, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": "x" * 100_000}, 200, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": "a"}}, 200, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call"}, 200, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": ["a"]}}, 200, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "delete_all"}}, 200, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_chats", "arguments": [1]}}, 200, -32602),
    ],
)
def test_bad_messages_are_refused_in_one_sentence(legacy, body, status, code):
    assert error_of(legacy.raw(body, Accept=BOTH), status)["code"] == code


def test_too_large_and_other_types_are_refused(legacy):
    assert error_of(legacy.raw(b"x" * 10_000_000), 413)["code"] == -32600
    assert error_of(legacy.raw(b"a=b", **{"Content-Type": "application/x-www-form-urlencoded"}), 415)["code"] == 415
    assert legacy.program.client.get("/mcp", headers=legacy.program.headers).status_code == 405
    assert legacy.program.client.delete("/mcp", headers=legacy.program.headers).status_code == 405


@pytest.mark.parametrize(
    ("headers", "meta", "code"),
    [
        ({"MCP-Protocol-Version": None}, {}, -32020),
        ({"MCP-Protocol-Version": LEGACY}, {}, -32020),
        ({"Mcp-Method": None}, {}, -32020),
        ({"Mcp-Method": "tools/list"}, {}, -32020),
        ({"Mcp-Name": None}, {}, -32020),
        ({"Mcp-Name": "read_chat"}, {}, -32020),
        ({"Mcp-Name": "=?base64?%%?="}, {}, -32020),
        ({}, {f"{META}protocolVersion": "1900-01-01"}, -32020),
        ({}, {f"{META}clientCapabilities": None}, -32602),
        ({}, {f"{META}protocolVersion": None}, -32602),
        ({"MCP-Protocol-Version": "1900-01-01"}, {f"{META}protocolVersion": "1900-01-01"}, -32022),
    ],
)
def test_headers_and_body_of_2026_must_say_the_same(modern, headers, meta, code):
    params = {"name": "list_chats", "arguments": {}}

    error = error_of(modern.send("tools/call", params, meta=meta, **headers), 400)

    assert error["code"] == code
    if code == -32022:
        assert error["data"] == {"supported": [MODERN, LEGACY, "2025-06-18"], "requested": "1900-01-01"}


def test_an_encoded_name_is_decoded(modern):
    name = f"=?base64?{b64encode(b'list_chats').decode()}?="
    sent = modern.send("tools/call", {"name": "list_chats", "arguments": {}}, **{"Mcp-Name": name})

    assert modern.messages(sent)[0]["result"]["isError"] is False


def test_an_unknown_method_of_2026_is_not_found(modern):
    for method in ("ping", "resources/list", "subscriptions/listen"):
        assert error_of(modern.send(method), 404)["code"] == -32601


def test_an_unsupported_version_in_the_header_alone_is_refused(legacy):
    assert error_of(legacy.send("tools/list", **{"MCP-Protocol-Version": "1900-01-01"}), 400)["code"] == -32022
    assert legacy.send("tools/list", **{"MCP-Protocol-Version": None}).status_code == 200


def test_a_notification_is_accepted_whatever_it_says(mcp):
    for method in ("notifications/cancelled", "notifications/initialized", "notifications/nonsense"):
        response = mcp.raw({"jsonrpc": "2.0", "method": method, "params": {"requestId": 1}}, Accept=BOTH)
        assert (response.status_code, response.get_data()) == (202, b"")


def test_the_schemas_are_schemas():
    import jsonschema

    for tool in TOOLS.values():
        jsonschema.Draft202012Validator.check_schema(dict(tool.schema))
