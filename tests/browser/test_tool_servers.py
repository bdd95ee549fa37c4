"""A tool server is connected, corrected and accepted, and asks: at a desk, on a phone and without scripts."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chats import press
from tests.browser.conftest import Visit, running
from tests.browser.test_accessibility import overflows, violations
from tests.browser.test_tools import begun, card
from tests.browser.ways import DESKTOP, NO_SCRIPTS, PHONE
from tests.support.server import Server
from tests.support.source import ROOT
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
# In a process of its own, as the browser's library waits without letting greenlets run.
STAND_IN = """
from gevent import monkey; monkey.patch_all()
import gevent
from tests.support.mcp_server import HANDSHAKE, STATELESS, McpServer
print(McpServer({}, replies="stream").url, flush=True)
while True:
    gevent.sleep(60)
"""


@pytest.fixture(params=["STATELESS"], scope="module")
def stand_in(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a tool server."""
    with subprocess.Popen(
        [sys.executable, "-c", STAND_IN.format(request.param)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.kill()


@pytest.fixture(scope="module")
def connecting(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server to which each way connects a tool server."""
    with running(tmp_path_factory.mktemp("connecting"), upstream_process) as server:
        yield server


@pytest.mark.parametrize(
    ("way", "name"), [(DESKTOP, "House"), (PHONE, "Barn"), (NO_SCRIPTS, "Shed")], ids=["desktop", "phone", "no scripts"]
)
def test_a_tool_server_is_connected_and_its_tools_are_accepted(
    way: dict[str, Any], name: str, connecting: Server, stand_in: str, visit: Visit
) -> None:
    page = visit(connecting, **way).open("/admin/tools")
    press(page, page.get_by_role("link", name="Enter an address"))
    expect(page.get_by_label("Token", exact=True)).to_be_hidden()
    page.get_by_label("Sign-in").select_option("bearer")
    expect(page.get_by_label("Token", exact=True)).to_be_visible()
    page.get_by_label("Sign-in").select_option("none")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Address", exact=True).fill("http://127.0.0.1:9/mcp")
    press(page, page.get_by_role("button", name="Connect", exact=True))

    expect(page.get_by_role("alert")).to_contain_text("refused the connection")
    expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    if way is not NO_SCRIPTS:
        assert not violations(page)
        assert not overflows(page)
    page.get_by_label("Address", exact=True).fill(stand_in)
    press(page, page.get_by_role("button", name="Connect", exact=True))

    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("heading", name="Review 8 tools")).to_be_visible()
    if way is not NO_SCRIPTS:
        assert not violations(page)
        assert not overflows(page)
    page.get_by_role("checkbox", name="show").uncheck()
    press(page, page.get_by_role("button", name="Accept these tools"))

    expect(page.get_by_role("heading", name="Review 1 tool")).to_be_visible()
    rows = page.get_by_role("group", name="What Echo may do")
    press(page, rows.get_by_role("button", name="Off"))
    expect(rows.get_by_role("button", name="Off")).to_have_attribute("aria-pressed", "true")
    if way is not NO_SCRIPTS:
        assert not violations(page)
        assert not overflows(page)


@pytest.mark.parametrize("way", [DESKTOP, PHONE, NO_SCRIPTS], ids=["desktop", "phone", "no scripts"])
def test_an_admin_turns_tools_on_and_off_and_says_which_ask(way: dict[str, Any], connecting: Server, visit: Visit) -> None:
    page = visit(connecting, **way).open("/admin/tools")
    switch = page.get_by_role("switch", name="Documents")
    expect(switch).to_be_checked()
    press(page, switch)
    expect(switch).not_to_be_checked()
    press(page, switch)
    expect(switch).to_be_checked()
    row = page.get_by_role("group", name="What Read a document may do")
    press(page, row.get_by_role("button", name="Ask first"))
    expect(row.get_by_role("button", name="Ask first")).to_have_attribute("aria-pressed", "true")
    press(page, row.get_by_role("button", name="Use freely"))
    expect(row.get_by_role("button", name="Use freely")).to_have_attribute("aria-pressed", "true")
    if way is not NO_SCRIPTS:
        assert not violations(page)
        assert not overflows(page)
    press(page, page.get_by_role("link", name="Set up Web"))
    expect(page.get_by_label("Key", exact=True)).to_be_hidden()
    page.get_by_label("SearXNG").check()
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    if way is not NO_SCRIPTS:
        assert not violations(page)
        assert not overflows(page)


@pytest.mark.parametrize(
    ("stand_in", "way"),
    [("HANDSHAKE", DESKTOP), ("STATELESS", PHONE), ("STATELESS", NO_SCRIPTS)],
    ids=["open call", "phone", "no scripts"],
    indirect=["stand_in"],
)
def test_what_a_tool_server_asks_is_answered_in_a_form(
    way: dict[str, Any], own_server: Server, upstream: Upstream, stand_in: str, visit: Visit
) -> None:
    own_server.lift_limits()
    own_server.start()
    upstream.always({"rounds": [{"says": "Hm.", "calls": [{"tool": "house_book", "arguments": {}}]}, {"says": "It is booked."}]})
    person = visit(own_server, **way)
    page = person.open("/admin/tools")
    press(page, page.get_by_role("link", name="Enter an address"))
    page.get_by_label("Name", exact=True).fill("House")
    page.get_by_label("Address", exact=True).fill(stand_in)
    press(page, page.get_by_role("button", name="Connect", exact=True))
    # So that it is among the few tools that a new chat offers at once.
    for name in ("Echo", "show", "wait", "fail"):
        page.get_by_role("checkbox", name=name).uncheck()
    press(page, page.get_by_role("button", name="Accept these tools"))
    chat = begun(person, "book (House)")
    page = chat.page
    card(page, "Allow").get_by_role("button", name="Allow once").click()
    if way is NO_SCRIPTS:
        chat.expect("waiting")
        own_server.kill()
        own_server.start()
        page.goto(page.url)
    form = card(page, "House asks you")
    expect(form).to_contain_text("For how many?")
    form.get_by_label("People").fill("4")
    form.get_by_label("tea").check()
    form.get_by_label("coffee").check()
    if way is not NO_SCRIPTS:
        assert not violations(page)
        assert not overflows(page)
    form.get_by_role("button", name="Send").click()

    expect(form).to_contain_text("“extras” must be at most 1 choice.")
    expect(form.get_by_label("People")).to_have_value("4")
    if way is not NO_SCRIPTS:
        assert not violations(page)
    form.get_by_label("coffee").uncheck()
    form.get_by_role("button", name="Send").click()
    chat.expect("completed")
    expect(form).to_have_count(0)
    expect(chat.answer).to_contain_text("It is booked.")
