"""From files to the passage that an answer cites, and what remains of it after access or the document is removed."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.chats import PASSWORD, ChatPage, Person, new_collection, press, reload
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.browser.test_knowledge import LOOKS, READ_MS
from tests.knowledge.office import docx, paragraph, pdf
from tests.support.inserted import add_member
from tests.support.server import Server
from tests.upstream.handle import Upstream

WORDS = "The gudgeon is greased at dawn."
FILES = (
    ("gudgeons.pdf", "application/pdf", pdf(["Contents"], [WORDS])),
    ("ropes.docx", "application/octet-stream", docx(paragraph("Ropes hang in the loft."))),
)


@pytest.fixture
def reader(chromium: Browser, server: Server) -> Iterator[Callable[..., Person]]:
    """A function that adds a colleague with this kind of browser, and signs them in."""
    people: list[Person] = []

    def bring(email: str, **look: object) -> Person:
        add_member(server, email)
        person = Person(chromium, server.url, **look)
        people.append(person)
        page = person.open("/login")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        press(page, page.get_by_role("button", name="Sign in"))
        return person

    yield bring
    for person in people:
        person.leave()
    assert [oddity for person in people for oddity in person.oddities] == []


def filled(mine: Page, name: str) -> tuple[str, str]:
    """Creates a collection with the files and waits until they are read; returns its address and that of the document to cite."""
    new_collection(mine, name)
    collection = mine.url
    mine.get_by_label("Files").set_input_files([{"name": n, "mimeType": kind, "buffer": content} for n, kind, content in FILES])
    press(mine, mine.get_by_role("button", name="Add", exact=True))
    expect(mine.locator("#documents [data-state=ready]")).to_have_count(2, timeout=READ_MS)
    return collection, mine.locator("#documents a", has_text="gudgeons").get_attribute("href") or ""


def page_of(link: Locator) -> str:
    """Returns the address of what a script opens beside the chat."""
    return str(link.evaluate("link => link.href"))


def source_of(chat: ChatPage) -> Locator:
    """Returns the number below the answer that links to its source."""
    return chat.answer.get_by_role("link", name="Source 1", exact=True)


def beside(page: Page, path: str) -> ChatPage:
    """Opens a chat in another tab, with its answer and its source."""
    chat = ChatPage(page.context.new_page())
    chat.page.goto(path)
    expect(source_of(chat)).to_be_visible()
    return chat


def expect_withheld(chat: ChatPage, *, has_scripts: bool) -> None:
    source_of(chat).click()
    told = chat.page.locator("#panel") if has_scripts else chat.page.locator("#source-1")
    expect(told).to_contain_text("You can't see this source.")
    expect(chat.page.locator("body")).not_to_contain_text(WORDS)
    chat.page.close()


@pytest.mark.slow
@pytest.mark.mostly_deep
@pytest.mark.parametrize("look", LOOKS)
def test_a_number_leads_to_its_passage_as_long_as_it_may(
    server: Server,
    upstream: Upstream,
    visit: Visit,
    reader: Callable[..., Person],
    look: dict[str, object],
    request: pytest.FixtureRequest,
) -> None:
    server.set(knowledge__search_seconds="60")
    name = f"Gudgeons {request.node.callspec.id}"
    has_scripts = bool(look.get("java_script_enabled", True))
    mine = visit(server, **look).open("/knowledge")
    collection, document = filled(mine, name)

    def share() -> None:
        mine.goto(f"{collection}/people")
        mine.get_by_label("Who").select_option("everyone:")
        press(mine, mine.get_by_role("button", name="Share", exact=True))

    share()
    page = reader(f"{name.replace(' ', '-').lower()}@example.org", **look).open(collection)
    press(page, page.get_by_role("link", name="Start a chat"))
    chat = ChatPage(page)
    upstream.says("At dawn [1], not at noon [7], `as[1]`.")
    chat.box.fill("When is a gudgeon greased?")
    chat.send.click()
    chat.expect("completed")
    text = chat.answer.locator(".message-text")
    expect(text).to_have_text("At dawn 1, not at noon, as[1].")
    if has_scripts:
        assert violations(page) == []
    thread = page.url
    page.goto(page_of(text.get_by_role("link", name="1", exact=True)))
    wanted = page.locator(".passage--wanted")
    expect(wanted).to_contain_text(WORDS)
    expect(wanted).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]

    # Their page that is still open shows the same without a reload.
    still_open = beside(page, thread)
    mine.goto(f"{collection}/people")
    press(mine, mine.get_by_role("button", name="Remove"))
    expect_withheld(still_open, has_scripts=has_scripts)
    reload(page)
    expect(page.locator("main")).to_contain_text("you don't have access")
    expect(page.locator("body")).not_to_contain_text(WORDS)
    page.goto(thread)
    page.goto(page_of(text.get_by_role("link", name="1", exact=True)))
    expect(page.locator("main")).to_contain_text("You can't see this source.")
    expect(page.locator("body")).not_to_contain_text(WORDS)

    share()
    mine.goto(f"{server.url}{document}")
    mine.get_by_text("Edit or delete").click()
    press(mine, mine.get_by_role("button", name="Delete document"))
    page.goto(thread)
    page.goto(page_of(text.get_by_role("link", name="1", exact=True)))
    expect(page.locator("main")).to_contain_text("The document was deleted.")
    expect(page.locator("body")).not_to_contain_text(WORDS)
