"""Tool servers in the API: connected, accepted tool by tool, granted, changed and deleted; secrets never come back."""

from typing import Any

import pytest

from tests.api.client import Client
from tests.support.marks import on_both_databases
from tests.support.mcp_server import McpServer
from tests.tools.servers.conftest import accept_all, accepted, connected, stand_in, tool_of
from webapp.settings.service import set_setting

__all__ = ["accepted", "connected", "stand_in"]


def keys(program: Client) -> set[str]:
    return {tool["key"] for tool in program.get("/tools")["tools"] if tool["server_id"]}


def test_a_server_is_connected_and_nothing_of_it_can_be_used_before_it_is_accepted(
    admin: Client, program: Client, connected: dict[str, Any]
) -> None:
    assert (connected["slug"], connected["sign_in"], connected["version"]) == ("stand-in", "none", "2026-07-28")
    echo = tool_of(connected, "echo")
    assert (echo["key"], echo["state"], echo["accepted"], echo["policy"]) == ("stand-in.echo", "new", None, "allow")
    assert keys(program) == set()
    path = f"/tool-servers/{connected['id']}/tools/echo"
    admin.said("PATCH", path, 409, {"accept": "0" * 64})
    admin.said("PATCH", path, 422, {})
    assert tool_of(admin.said("PATCH", path, 200, {"accept": echo["hash"]}), "echo")["state"] == "accepted"
    assert keys(program) == {"stand-in.echo"}
    (tool,) = (tool for tool in program.get("/tools")["tools"] if tool["server_id"])
    assert (tool["title"], tool["policy"], tool["is_available"]) == ("Echo (Stand-in)", "allow", True)
    assert tool["description"] == "Says it again."


def test_a_server_that_does_not_answer_is_not_connected_and_the_reason_is_said(admin: Client) -> None:
    problem = admin.post("/tool-servers", {"name": "Nobody", "url": "http://127.0.0.1:9/mcp"}, status=422)
    assert "refused the connection" in problem["detail"]
    assert admin.get("/tool-servers") == {"tool_servers": []}


@pytest.mark.parametrize(
    "url", ["ftp://example.org", "http://user:pass@example.org/mcp", "", "nonsense", "http://169.254.169.254/"]
)
def test_an_address_that_can_not_be_one_is_refused(admin: Client, url: str) -> None:
    admin.post("/tool-servers", {"name": "Bad", "url": url}, status=422)


def test_a_token_is_sent_and_never_comes_back(admin: Client, stand_in: McpServer) -> None:
    stand_in.token = "a-token-that-nobody-sees"
    body = {"name": "Safe", "url": stand_in.url, "sign_in": "bearer", "headers": {"X-Team": "not-for-others"}}
    admin.post("/tool-servers", body | {"token": "another-token-entirely"}, status=422)
    server = admin.post("/tool-servers", body | {"token": stand_in.token}, status=201)
    assert server["has_secrets"]
    assert stand_in.log[-1].headers["x-team"] == "not-for-others"
    for answer in (server, admin.get(f"/tool-servers/{server['id']}"), admin.get("/tool-servers")):
        assert stand_in.token not in str(answer)
        assert "not-for-others" not in str(answer)
    # Another address is another server, which gets the token only if it is entered again.
    admin.said("PATCH", f"/tool-servers/{server['id']}", 422, {"url": f"{stand_in.origin}/other"})


@pytest.mark.parametrize("name", ["Host", "Mcp-Session-Id", "Bad Name", "Content-Length"])
def test_a_header_that_is_not_for_people_to_set_is_refused(admin: Client, stand_in: McpServer, name: str) -> None:
    body = {"name": "Bad", "url": stand_in.url, "headers": {name: "x"}}
    admin.post("/tool-servers", body, status=422)
    assert stand_in.log == []


def test_only_those_it_is_granted_to_can_use_it(admin: Client, program: Client, other: Client, accepted: dict[str, Any]) -> None:
    id = accepted["id"]
    (grant,) = admin.get(f"/tool-servers/{id}/grants")["grants"]
    assert (grant["to"], grant["right"]) == ("everyone", "read")
    assert keys(program) == keys(other) != set()
    admin.said("DELETE", f"/tool-servers/{id}/grants/{grant['id']}", 204)
    assert keys(program) == keys(other) == set()
    program.call("GET", f"/tool-servers/{id}").status_code = 404
    admin.said("PUT", f"/tool-servers/{id}/grants", 200, {"to": "user", "to_id": program.get("/me")["id"], "right": "read"})
    assert keys(program)
    assert keys(other) == set()
    program.said("GET", f"/tool-servers/{id}", 200)
    other.said("GET", f"/tool-servers/{id}", 404)
    for verb, path, body in (
        ("PATCH", "", {"name": "Mine"}),
        ("DELETE", "", None),
        ("POST", "/refresh", None),
        ("GET", "/grants", None),
        ("PATCH", "/tools/echo", {"policy": "allow"}),
    ):
        program.said(verb, f"/tool-servers/{id}{path}", 403, body)
        other.said(verb, f"/tool-servers/{id}{path}", 404, body)


@on_both_databases
def test_a_tool_that_has_changed_is_off_until_the_difference_is_accepted(
    admin: Client, program: Client, accepted: dict[str, Any], stand_in: McpServer
) -> None:
    path, echo = f"/tool-servers/{accepted['id']}", tool_of(accepted, "echo")
    stand_in.tools["echo"] = {**stand_in.tools["echo"], "description": "Says it again, and sends it on."}
    del stand_in.tools["add"]
    changed = admin.post(f"{path}/refresh")
    assert {tool["name"]: tool["state"] for tool in changed["tools"]} | {"echo": "changed", "add": "gone"} == {
        tool["name"]: tool["state"] for tool in changed["tools"]
    }
    now = tool_of(changed, "echo")
    assert (now["accepted"]["description"], now["listed"]["description"]) == ("Says it again.", "Says it again, and sends it on.")
    reasons = {tool["key"]: tool["reason"] for tool in program.get("/tools")["tools"]}
    assert "changed" in reasons["stand-in.echo"]
    assert "no longer" in reasons["stand-in.add"]
    assert reasons["stand-in.count"] == ""
    admin.said("PATCH", f"{path}/tools/echo", 409, {"accept": echo["hash"]})
    accept_all(admin, accepted["id"])
    assert {tool["key"]: tool["reason"] for tool in program.get("/tools")["tools"]}["stand-in.echo"] == ""


def test_policies_are_decided_by_whoever_looks_after_it(admin: Client, program: Client, accepted: dict[str, Any]) -> None:
    path = f"/tool-servers/{accepted['id']}/tools/echo"
    assert tool_of(admin.said("PATCH", path, 200, {"policy": "deny"}), "echo")["policy"] == "deny"
    policies = {tool["key"]: tool["policy"] for tool in program.get("/tools")["tools"]}
    assert (policies["stand-in.echo"], policies["stand-in.count"]) == ("deny", "ask")
    assert tool_of(admin.said("PATCH", path, 200, {"policy": "usual"}), "echo")["policy"] == "allow"
    admin.said("PATCH", f"/tool-servers/{accepted['id']}/tools/fly", 404, {"policy": "deny"})


@on_both_databases
def test_a_deleted_server_leaves_nothing_that_another_could_take_over(
    admin: Client, program: Client, accepted: dict[str, Any], stand_in: McpServer
) -> None:
    admin.said("PATCH", f"/tool-servers/{accepted['id']}/tools/count", 200, {"policy": "allow"})
    chat = program.post("/chats", {"message": "Hm", "tools": ["stand-in.count"]}, status=201)["sent"]["chat_id"]
    program.said("DELETE", f"/tool-servers/{accepted['id']}", 403)
    admin.said("DELETE", f"/tool-servers/{accepted['id']}", 204)
    assert keys(program) == set()
    impostor = McpServer()
    try:
        another = admin.post("/tool-servers", {"name": "Stand-in", "url": impostor.url}, status=201)
    finally:
        impostor.close()
    assert another["slug"] == "stand-in-2"
    assert program.get(f"/chats/{chat}")["tools"] == ["stand-in.count"]
    admin.said("DELETE", f"/tool-servers/{another['id']}", 204)
    again = admin.post("/tool-servers", {"name": "Stand-in", "url": stand_in.url}, status=201)
    assert again["slug"] == "stand-in"
    assert {tool["state"] for tool in again["tools"]} == {"new"}
    assert tool_of(again, "count")["policy"] == "ask"


def test_people_connect_servers_of_their_own_only_where_it_is_allowed(app, admin: Client, program: Client, other: Client) -> None:
    body = {"name": "Mine", "url": "http://127.0.0.1:9/mcp"}
    program.post("/tool-servers", body, status=403)
    program.post("/tool-servers", body | {"is_own": False}, status=403)
    with app.app_context():
        set_setting("tools.personal_servers", "1")
    # What people enter is never in this network.
    problem = program.post("/tool-servers", body, status=422)
    assert "isn't allowed to use" in problem["detail"]


def test_a_token_needs_the_scope(app, with_scopes, connected: dict[str, Any]) -> None:
    with_scopes("read", "chat").said("GET", "/tool-servers", 403)
    with_scopes("tools").said("GET", "/tool-servers", 200)
