"""More pages than a browser opens connections: they share one, and each is as live as if it were alone."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chats import ChatPage, Person, until
from tests.browser.conftest import Visit
from tests.support.rounds import ROUNDS
from tests.support.server import Server
from tests.upstream.handle import Upstream

# For each of two chats. A browser opens six connections.
MORE_TABS = 12 if ROUNDS > 1 else 2
ALONE = "delete window.SharedWorker"


def shared_workers(browser: Browser, server: Server, method: str = "") -> list[Any]:
    """Returns the shared workers of this server's pages, after calling a DevTools protocol method on each if one is given."""
    session = browser.new_browser_cdp_session()
    found = session.send("Target.getTargets", {"filter": [{"type": "shared_worker"}]})["targetInfos"]
    ours = [entry["targetId"] for entry in found if entry["url"].startswith(server.url)]
    for target in ours if method else []:
        session.send(method, {"targetId": target})
    session.detach()
    return ours


def is_shared(person: Person) -> bool:
    """Whether the page's latest feed uses the stream that all pages share."""
    return "shared-stream" in [request for request in person.requests if "/events" in request.url][-1].headers


def complete(chat: ChatPage, words: str) -> None:
    """Waits for the answer's end, and asserts that the page shows exactly its text."""
    chat.wait_for(words)
    chat.expect("completed")
    assert chat.html() == chat.rendered(chat.raw())


def connected(person: Person, like: ChatPage, count: int) -> list[ChatPage]:
    tabs = [person.look_at(like) for _ in range(count)]
    for tab in tabs:
        until(tab.page, tab.is_connected)
    return tabs


@pytest.mark.rounds
def test_more_tabs_than_connections(server: Server, upstream: Upstream, visit: Visit, chromium: Browser) -> None:
    upstream.says("One.")
    person = visit(server)
    first, second = person.begin("first"), person.begin("second")
    second.expect("completed")
    others = [person.open(path) for path in ("/", "/chats", "/plans", "/characters")]
    tabs = [first, *connected(person, first, MORE_TABS), second, *connected(person, second, MORE_TABS)]
    assert len(tabs) + len(others) > 6
    # The workers of closed browsers end a moment later.
    until(first.page, lambda: len(shared_workers(chromium, server)) == 1)
    upstream.counts(60, pace=0.05)
    # If the pages held all connections, a form would wait as long as they are open.
    first.ask("And now?")
    tabs[-1].ask("And here?")
    for tab in tabs:
        complete(tab, "w000060")
    tabs[1].page.locator("#chat-title a").click()
    tabs[1].page.get_by_label("Title").fill("Weirs")
    tabs[1].page.get_by_role("button", name="Save").click()
    for page in [*others, *(tab.page for tab in tabs)]:
        expect(page.locator("#sidebar-chats").get_by_text("Weirs")).to_be_attached()


def test_nothing_is_lost_or_doubled_when_a_tab_closes_or_freezes(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.counts(200, pace=0.03)
    person = visit(server)
    first = person.begin("Count")
    second, third, fourth = connected(person, first, 3)
    first.wait_for("w000010")
    first.page.close()
    frozen = person.context.new_cdp_session(second.page)
    frozen.send("Page.setWebLifecycleState", {"state": "frozen"})
    third.wait_for_chars(len(third.seen()) + 100, seconds=60)
    third.page.goto("/")
    complete(fourth, "w000200")
    frozen.send("Page.setWebLifecycleState", {"state": "active"})
    complete(second, "w000200")


def test_when_the_worker_dies_another_takes_its_place(
    server: Server, upstream: Upstream, visit: Visit, chromium: Browser
) -> None:
    upstream.counts(200, pace=0.03, holds=[60])
    person = visit(server)
    first = person.begin("Count")
    (second,) = connected(person, first, 1)
    assert is_shared(person)
    first.wait_for("w000010")
    until(first.page, lambda: len(shared_workers(chromium, server)) == 1)
    before = shared_workers(chromium, server, "Target.closeTarget")
    assert len(before) == 1
    upstream.goes_on()
    for tab in (first, second):
        complete(tab, "w000200")
    assert is_shared(person)
    until(first.page, lambda: len(after := shared_workers(chromium, server)) == 1 and after != before)


@pytest.mark.parametrize("script", [ALONE, "window.SharedWorker = class { port = { postMessage() {} } }"], ids=["none", "dumb"])
def test_a_page_without_a_worker_has_a_stream_of_its_own(server: Server, upstream: Upstream, visit: Visit, script: str) -> None:
    upstream.counts(60, pace=0.03)
    person = visit(server)
    person.context.add_init_script(script)
    chat = person.begin("Count")
    complete(chat, "w000060")
    assert not is_shared(person)
