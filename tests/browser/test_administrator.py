"""A first-time administrator, using only pages: a key, a colleague, a limit, the log and another encryption key."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.chats import EMAIL, PASSWORD, ChatPage, Person, answers_asked, become_owner, copied, press, reload, until
from tests.browser.conftest import Visit
from tests.support.server import Server, prepared
from tests.upstream.handle import Upstream

KEY = "sk-or-v1-0123456789abcdef4f2a"


@pytest.fixture
def fresh(upstream: Upstream, tmp_path: Path) -> Iterator[Server]:
    """A server without any settings but OpenRouter's address."""
    with prepared(tmp_path, OPENROUTER_BASE_URL=upstream.base_url) as server:
        server.start()
        yield server


def test_everything_is_done_by_following_the_pages(fresh: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("The wheel turns.")
    person = visit(fresh, is_signed_in=False)
    page = person.open(fresh.owner_link)
    become_owner(page)
    paste_and_test_a_key(page)
    colleague = invite(page, visit(fresh, is_signed_in=False))
    limit_models(page, colleague)
    change_the_encryption_key(page)
    read_the_log(page)
    chat = person.begin("Does the key still work?")
    chat.expect("completed")
    assert {entry["headers"].get("authorization") for entry in answers_asked(upstream.log())} == {f"Bearer {KEY}"}

    plain = visit(fresh, is_signed_in=False, java_script_enabled=False)
    plain.context.add_cookies(person.context.cookies())
    page = plain.open("/admin/health")
    expect(page.get_by_text("This test needs JavaScript")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Writable, in")
    change_the_encryption_key(page)
    paste_another_key(page)
    assert KEY not in (fresh.folder / "encryption_key").read_text()


def go_to(page: Page, area: str, name: str) -> None:
    """Opens an admin page by the list of areas beside all of them."""
    rail = page.get_by_role("navigation", name="Administration")
    press(page, rail.get_by_role("link", name=area, exact=True).first)
    press(page, rail.get_by_role("link", name=name, exact=True).last)
    # An area can have the same name.
    expect(rail.get_by_role("link", name=name, exact=True).last).to_have_attribute("aria-current", "page")


def paste_and_test_a_key(page: Page) -> None:
    press(page, page.get_by_role("link", name="Add a key"))
    page.get_by_label("key", exact=False).first.fill(KEY)
    press(page, page.get_by_role("button", name="Save and test"))
    expect(page.locator(".test")).to_contain_text("works")
    expect(page.get_by_role("main")).to_contain_text("4f2a")
    assert KEY not in page.content()


def paste_another_key(page: Page) -> None:
    go_to(page, "Models", "Connections")
    press(page, page.get_by_role("link", name=re.compile(r"Change 127\.0\.0\.1")))
    page.get_by_label("New key").fill(f"{KEY[:-4]}beef")
    press(page, page.get_by_role("button", name="Save and test"))
    expect(page.get_by_role("main")).to_contain_text("beef")


def invite(page: Page, colleague: Person) -> Page:
    """Creates an invite link and opens it in another browser; returns the colleague's page."""
    go_to(page, "People", "People")
    press(page, page.get_by_role("button", name="Create link"))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copied(page.get_by_role("button", name="Copy"))
    theirs = colleague.open(page.evaluate("navigator.clipboard.readText()"))
    theirs.get_by_label("Email").fill("ben@example.org")
    theirs.get_by_label("Name").fill("Ben")
    theirs.get_by_label("Password").fill(PASSWORD)
    press(theirs, theirs.get_by_role("button", name="Create account"))
    expect(ChatPage(theirs).box).to_be_visible()
    theirs.get_by_role("button", name="account menu").click()
    expect(theirs.get_by_role("link", name="Settings")).to_be_visible()
    expect(theirs.get_by_role("link", name="Administration")).to_have_count(0)
    theirs.keyboard.press("Escape")
    return theirs


def limit_models(page: Page, colleague: Page) -> None:
    go_to(page, "Models", "Models")
    before = page.get_by_role("checkbox").count()
    assert before > 1
    page.get_by_role("checkbox").first.check()
    press(page, page.get_by_role("button", name="Restrict to selected"))
    expect(page.get_by_role("main")).to_contain_text(re.compile(rf"1 of {before} models available"))
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(1)
    reload(colleague)
    # With a single model there is nothing to choose.
    assert colleague.locator("#composer select[name=model] option").count() in (0, 1)


def change_the_encryption_key(page: Page) -> None:
    go_to(page, "Advanced", "Keys")
    before = page.locator(".facts code").first.inner_text()
    press(page, page.get_by_role("button", name="Create new key"))
    expect(page.locator("#stored + .table-box")).to_contain_text(f"{before}, the old one")
    press(page, page.get_by_role("button", name="Re-encrypt now"))
    expect(page.locator("#stored + .table-box")).to_contain_text("re-encrypted")
    press(page, page.get_by_role("button", name="Remove the old key"))
    expect(page.get_by_role("main")).to_contain_text("The key change is complete.")
    assert page.locator(".facts code").first.inner_text() != before


def read_the_log(page: Page) -> None:
    go_to(page, "System", "Audit log")
    done = page.locator(".log")
    for deed in ("created the owner", "entered a key", "tested a connection", "created an invite", "accepted an invite"):
        expect(done).to_contain_text(deed)
    for deed in ("changed a setting", "added an encryption key", "re-encrypted a key", "removed old encryption keys"):
        expect(done).to_contain_text(deed)
    page.get_by_label("Person").fill("ben@example.org")
    press(page, page.get_by_role("button", name="Show"))
    expect(done).to_contain_text("accepted an invite")
    expect(done).not_to_contain_text(EMAIL)


def test_the_self_test_says_what_stands_between(server: Server, visit: Visit) -> None:
    page = visit(server).open("/admin/health")
    listens(page, "Streaming works.")
    expect(page.get_by_text("Your browser is using HTTP/1.1")).to_be_visible()
    expect(page.locator("[data-measured]")).to_have_text(MEASURED)
    for words in ("Streaming is blocked.", "Streaming is being buffered.", "The connection was lost.", "is using HTTP/2"):
        expect(page.get_by_text(words)).to_be_hidden()

    # A proxy that buffers the whole response, and one that cuts it off.
    for body, words in ((PIECES, "Streaming is blocked."), (PIECES[:200], "The connection was lost.")):
        page.route("**/admin/health/stream", partial(passed_on, body))
        listens(page, words)
        page.unroute("**/admin/health/stream")


def listens(page: Page, words: str) -> None:
    """Reloads until the test of streaming shows these words: a stall of the machine can distort a single result."""

    def heard() -> bool:
        reload(page)
        expect(page.locator("[data-verdict=wait]")).to_be_hidden()
        return page.get_by_text(words).is_visible()

    until(page, heard, seconds=100)


def passed_on(body: str, route: Route) -> None:
    route.fulfill(body=body, content_type="text/event-stream")


PIECES = "".join(f'data: {{"number": {number}, "at": {number * 150}}}\n\n' for number in range(1, 13))
MEASURED = re.compile(r"^12 pieces: sent over \d{4,} ms, received over \d{4,} ms\.$")
