"""The pages of tool servers: connecting one, accepting its tools, what changed, policies, trying, granting and deleting."""

from typing import Any

import pytest

from tests.support.browser import Browser
from tests.support.mcp_server import McpServer, Said
from webapp.settings.service import set_setting
from webapp.tools.servers.known import KNOWN, KnownServer
from webapp.tools.servers.service import ToolServerInput

HOSTILE = "<script>alert(1)</script>"


def connect(owner: Browser, server: McpServer, **fields: str) -> str:
    sent = owner.send("/tools/servers", {"name": "Stand-in", "url": server.url, "sign_in": "none", **fields}, follow=False)
    assert sent.status_code == 303, sent.text
    return str(sent.location)


def accept(owner: Browser, path: str, *names: str) -> Any:
    page = owner.page(path)
    boxes = [box.attributes["value"] for box in page.all('input[name="tool"]')]
    chosen = [str(box) for box in boxes if not names or str(box).partition(" ")[2] in names]
    return owner.client.post(
        f"{path}/accept", data={"tool": chosen}, headers={"Origin": owner.origin, "Sec-Fetch-Site": "same-origin"}
    )


def test_a_server_is_connected_its_tools_are_accepted_and_then_used(owner: Browser, member: Browser, stand_in: McpServer) -> None:
    assert owner.page("/admin/tools").link("Enter an address")
    path = connect(owner, stand_in)
    page = owner.page(path)
    assert page.says("Review 8 tools")
    assert page.says("Says it again.")
    assert page.says("Only reads")
    assert accept(owner, path, "echo", "count").status_code == 303
    page = owner.page(path)
    assert page.says("Review 6 tools")
    assert owner.page("/admin/tools").says("2 tools")
    assert member.page("/settings/tools").says("Echo (Stand-in)")
    assert not member.page("/settings/tools").says("Shows everything.")


def test_an_app_that_many_use_is_connected_by_its_tile(app, owner: Browser, member: Browser) -> None:
    """The tile of one without a token is a form with its address; one with a token asks for it."""
    tiles = {tile.css(".what")[0].text(): tile for tile in owner.page("/admin/tools").all(".app")}
    assert {"GitHub", "Notion", "DeepWiki"} <= tiles.keys()
    sent = {field.attributes["name"]: field.attributes["value"] for field in tiles["Notion"].css("input")}
    assert sent == {"name": "Notion", "url": "https://mcp.notion.com/mcp", "sign_in": "oauth"}
    (link,) = tiles["GitHub"].css("a")
    page = owner.page(str(link.attributes["href"]))
    assert page.all("input[name=url]")[0].attributes["value"] == "https://api.githubcopilot.com/mcp/"
    assert page.says("A personal access token")
    with app.app_context():
        set_setting("tools.personal_servers", "1")
    (form,) = [form for form in member.page("/settings/tools").all(".app form") if form.css("input[value=Notion]")]
    assert form.css("input[name=own]")


@pytest.mark.parametrize("app", KNOWN.values(), ids=KNOWN)
def test_each_known_app_can_be_entered(app: KnownServer) -> None:
    entered = ToolServerInput.entered({"name": app.name, "url": app.url, "sign_in": app.sign_in})
    assert entered.url.startswith("https://") or app.slug == "home-assistant"
    assert (app.sign_in == "bearer") == bool(app.help)


def test_what_was_typed_is_kept_and_a_token_is_not_sent_back(owner: Browser, stand_in: McpServer) -> None:
    stand_in.token = "the-right-token-1234"
    fields = {"name": "Stand-in", "url": stand_in.url, "sign_in": "bearer", "headers": "X-Team: otters"}
    page = owner.send("/tools/servers", {**fields, "token": "a-wrong-token-5678"}, follow=False)
    assert page.status_code == 422
    assert page.says("doesn't accept its token")
    assert page.says("Not connected yet")
    assert "a-wrong-token-5678" not in page.text
    assert page.all('input[name="url"]')[0].attributes["value"] == stand_in.url
    assert owner.page("/admin/tools").all('a[href^="/tools/servers/0"]') == []
    shown = owner.page(connect(owner, stand_in, **{**fields, "token": stand_in.token}))
    assert stand_in.token not in shown.text
    assert "otters" not in shown.text
    assert shown.says("Stored: X-Team.")


@pytest.mark.parametrize("headers", ["no colon", "Host: example.org", "X-A: é"])
def test_headers_that_can_not_be_sent_are_refused(owner: Browser, stand_in: McpServer, headers: str) -> None:
    fields = {"name": "Stand-in", "url": stand_in.url, "sign_in": "none", "headers": headers}
    assert owner.send("/tools/servers", fields, follow=False).status_code == 422
    assert stand_in.log == []


def test_a_tool_that_has_changed_is_shown_beside_what_was_accepted(owner: Browser, stand_in: McpServer) -> None:
    path = connect(owner, stand_in)
    accept(owner, path)
    stand_in.tools["echo"] = {**stand_in.tools["echo"], "description": f"Says it again. {HOSTILE}", "annotations": {}}
    owner.post(f"{path}/refresh")
    page = owner.page(path)
    assert page.says("Review 1 tool")
    (description, hints) = page.all(".sides")
    assert [node.text(strip=True) for node in description.css("h3")] == ["Description: accepted", "Description: now"]
    assert "<script>alert" not in page.text
    assert HOSTILE in description.css("ins")[0].text()
    assert "Only reads" in hints.text()
    # What was looked at isn't what is listed by now.
    stand_in.tools["echo"] = {**stand_in.tools["echo"], "description": "Something else."}
    owner.post(f"{path}/refresh")
    stale = owner.client.post(
        f"{path}/accept",
        data={"tool": f"{'0' * 64} echo"},
        headers={"Origin": owner.origin, "Sec-Fetch-Site": "same-origin"},
    )
    assert stale.status_code == 409
    assert "has changed since you looked" in stale.text
    assert accept(owner, path).status_code == 303
    assert not owner.page(path).says("Review 1 tool")


def test_what_a_tool_may_do_is_decided_on_the_page(owner: Browser, stand_in: McpServer) -> None:
    path = connect(owner, stand_in)
    accept(owner, path, "echo")
    assert owner.post(f"{path}/policies", name="echo", policy="deny").status_code == 303
    (pressed,) = owner.page(path).all(".segments [aria-pressed=true]")
    assert pressed.text() == "Off"
    assert owner.post(f"{path}/policies", name="fly", policy="deny").status_code == 422


def test_a_tool_that_reads_is_tried(owner: Browser, stand_in: McpServer) -> None:
    path = connect(owner, stand_in)
    accept(owner, path)
    page = owner.post(f"{path}/test", tool="echo", arguments='{"say": "<b>"}')
    assert '{"say": "<b>"}' in page.all(".offered__result")[0].text()
    assert owner.post(f"{path}/test", tool="count", arguments="{}").status_code == 422
    assert owner.post(f"{path}/test", tool="echo", arguments="{").says("That isn't JSON.")
    assert stand_in.counted == 0


def test_a_server_that_fails_says_why_on_its_page_and_in_health(owner: Browser, stand_in: McpServer) -> None:
    path = connect(owner, stand_in)
    stand_in.instead["tools/list"] = lambda _: Said(b"<html>", "text/html")
    page = owner.post(f"{path}/refresh")
    assert page.status_code == 409
    assert page.all(".notice--amber")
    assert owner.page("/admin/tools").says("not working")
    assert owner.page("/admin/health").says("Stand-in")


def test_it_is_granted_turned_off_and_deleted(owner: Browser, member: Browser, stand_in: McpServer) -> None:
    path = connect(owner, stand_in)
    accept(owner, path)
    assert owner.page(f"{path}/people").says("Everyone on the team")
    owner.post(f"{path}/off")
    assert member.page("/settings/tools").says("This app is turned off.")
    owner.post(f"{path}/on")
    assert owner.page(f"{path}/delete").says("This can't be undone.")
    assert owner.post(f"{path}/delete").location == "/admin/tools"
    assert owner.get(path).status_code == 404
    assert not member.page("/settings/tools").says("Stand-in")


def test_people_have_servers_of_their_own_only_where_it_is_allowed(app, owner: Browser, member: Browser) -> None:
    assert member.get("/tools/servers/new?own=y").status_code == 403
    assert not member.page("/settings/tools").says("Connect an app")
    with app.app_context():
        set_setting("tools.personal_servers", "1")
    assert member.page("/settings/tools").link("Enter an address")
    assert member.page("/tools/servers/new?own=y").says("Connect an app")
    page = member.post("/tools/servers", own="y", name="Mine", url="http://127.0.0.1:9/mcp", sign_in="none")
    assert page.status_code == 422
    assert page.says("isn't allowed to use")


def test_the_log_says_who_connected_changed_accepted_and_deleted(owner: Browser, stand_in: McpServer) -> None:
    path = connect(owner, stand_in)
    accept(owner, path, "echo")
    owner.post(path, name="Renamed", url=stand_in.url, sign_in="none")
    owner.post(f"{path}/delete")
    log = owner.page("/admin/audit")
    for words in ("connected a tool server", "accepted tools", "changed a tool server", "deleted a tool server"):
        assert log.says(words), words


def test_every_name_has_a_page_of_its_policy_and_is_found_among_two_hundred(owner: Browser, stand_in: McpServer) -> None:
    echo, odd = stand_in.tools["echo"], "../a//b?c#d&e=%2F/"
    stand_in.tools |= {name: {**echo, "name": name, "title": f"Number {name}"} for name in (odd, *map(str, range(200)))}
    path = connect(owner, stand_in)
    assert accept(owner, path).status_code == 303
    (link,) = [str(link.attributes["href"]) for link in owner.page(path).all("a") if f"for Number {odd}" in link.text()]
    assert owner.page(link).says("Use freely")
    assert owner.post(link, policy="deny").status_code == 303
    assert owner.page(link).all('option[value="deny"][selected]')
    chat = owner.post("/chats", message="Go").location.partition("#")[0]
    page = owner.page(f"{chat}/tools?q=number+177")
    (box,) = page.all('input[name="tool"]')
    assert owner.post(f"{chat}/tools", tool=str(box.attributes["value"]), shown=str(box.attributes["value"])).status_code == 303
    assert owner.page(f"{chat}/tools?q=number+177").all('input[name="tool"][checked]')
    assert "Off" in owner.page(f"{chat}/tools?q=a//b").all(".tool")[0].text()
