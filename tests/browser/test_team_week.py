"""A team's week in four browsers: a project with a file, shared chats, models side by side, a link, and someone who leaves."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chats import PASSWORD, ChatPage, Person, load_later, press
from tests.browser.conftest import Visit
from tests.browser.test_knowledge import READ_MS
from tests.browser.test_lost_access import GONE
from tests.browser.ways import PHONE
from tests.support.inserted import add_member
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
# Where to put pictures of the week, for people to look at.
PICTURES = os.environ.get("PICTURES", "")
TOLD = "The launch is on 12 May. Answer in a sentence."
FILE = {"name": "posters.md", "mimeType": "text/markdown", "buffer": b"The posters hang in the station from the first of May."}
BESIDE = ("fake/plain", "demo/quick")
# Within a second, of which a machine that others use may take some more.
NOTICED_MS = 5_000


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"week-{name}.png")


@pytest.fixture
def colleague(chromium: Browser, server: Server) -> Iterator[Callable[..., Person]]:
    """A function that opens the browser of a new member."""
    people: list[Person] = []

    def come(name: str, **options: object) -> Person:
        add_member(server, f"{name}@example.org")
        people.append(Person(chromium, server.url, **options))
        page = people[-1].open("/login")
        page.get_by_label("Email").fill(f"{name}@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{server.url}/")
        page.close()
        return people[-1]

    yield come
    for person in people:
        person.leave()
        assert not person.oddities


def shared_project(desk: Page) -> str:
    """Creates the project, shares it with all the others, and returns its path."""
    if desk.get_by_label("Name").is_hidden():
        desk.locator("summary", has_text="New project").click()
    desk.get_by_label("Name").fill("Launch")
    desk.get_by_label("Instructions").fill(TOLD)
    press(desk, desk.get_by_role("button", name="Create project"))
    project = urlsplit(desk.url).path
    for name in ("hanna", "karl", "mara"):
        desk.goto(f"{project}/people")
        desk.get_by_label("Who").select_option(label=f"{name} ({name}@example.org)")
        desk.get_by_label("Access").select_option("write")
        press(desk, desk.get_by_role("button", name="Share", exact=True))
    return project


def asked_side_by_side(page: Page, text: str) -> ChatPage:
    """Has two models answer a new chat of this project side by side, and keeps the answer of the first."""
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("button", name="Model:").click()
    press(page, page.get_by_role("button", name="Side by side…"))
    for model in BESIDE:
        page.locator(f'input[name=models][value="{model}"]').check()
    picture(page, "wednesday-models")
    press(page, page.get_by_role("button", name="Answer side by side"))
    expect(page.get_by_role("main")).to_contain_text("In Launch")
    picture(page, "wednesday-new-chat")
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url("**/chats/*")
    kept = page.locator(".column").first.get_by_role("button", name="Keep this one")
    expect(kept).to_be_visible()
    picture(page, "wednesday-side-by-side")
    kept.click()
    expect(page.locator(".columns")).to_have_count(0)
    return ChatPage(page)


def with_a_file(desk: Page) -> str:
    """Makes the project that all share, and puts a file into it; returns its path."""
    project = shared_project(desk)
    picture(desk, "monday-people")
    desk.goto(project)
    load_later(desk)
    desk.get_by_label("Add files to the project").set_input_files(FILE)  # type: ignore[arg-type]
    expect(desk.locator("#documents [data-state=ready]")).to_have_count(1, timeout=READ_MS)
    picture(desk, "monday-files")
    return project


def asked_in(page: Page, question: str) -> ChatPage:
    """Begins a chat from the page of a project, and waits for its answer."""
    chat = ChatPage(page)
    chat.box.fill(question)
    chat.send.click()
    page.wait_for_url("**/chats/*")
    chat.expect("completed")
    return chat


def test_a_week(server: Server, upstream: Upstream, visit: Visit, colleague: Callable[..., Person]) -> None:
    olive, hanna, karl, mara = visit(server), colleague("hanna"), colleague("karl", **PHONE), colleague("mara")

    # Monday: a project with instructions, for all of them.
    desk = olive.open("/projects")
    project = with_a_file(desk)

    # Tuesday: a chat in it knows what the project knows, and is Hanna's alone until she shares it.
    phone = karl.open(project)
    upstream.says("On 12 May.")
    hers = asked_in(hanna.open(project), "When do we launch, and where do the posters hang?")
    page = hers.page
    assert TOLD in str(upstream.posts()[-1])
    assert "in the station" in str(upstream.posts()[-1])
    expect(phone.get_by_role("main").get_by_text("When do we launch")).to_have_count(0)
    shared = hers.path
    page.goto(f"{shared}/people")
    press(page, page.get_by_role("button", name="Share with the project"))
    expect(phone.get_by_role("main").get_by_text("When do we launch")).to_be_visible(timeout=NOTICED_MS)
    picture(phone, "tuesday-phone")

    # Wednesday: Karl writes in it from his phone, and Mara watches.
    watching = ChatPage(mara.open(shared))
    upstream.says("Two weeks before.")
    phone.goto(shared)
    his = ChatPage(phone)
    his.ask("And when do we tell the press?")
    his.expect("completed")
    expect(watching.text).to_have_text("Two weeks before.")
    picture(watching.page, "wednesday-watching")

    # On the same day Hanna asks two models side by side, in the project, and keeps one.
    upstream.says("Twelve, and go.")
    slogan = asked_side_by_side(hanna.open(project), "A slogan?")
    expect(slogan.text).to_have_text("Twelve, and go.")
    assert TOLD in str(upstream.posts()[-1])
    slogan.page.goto(project)
    expect(slogan.page.get_by_role("main").get_by_text("A slogan?")).to_be_visible()

    # Thursday: a link for a customer, who has no account.
    page.goto(f"{shared}/links")
    press(page, page.get_by_role("button", name="Create link"))
    address = page.get_by_label("Address of the link").input_value().removeprefix(server.url)
    customer = visit(server, is_signed_in=False)
    outside = customer.open(address)
    expect(outside.locator("article").last).to_contain_text("Two weeks before.")
    assert customer.context.cookies() == []
    picture(outside, "thursday-customer")

    # Friday: Mara leaves. What she has open closes, and her address opens nothing.
    desk.goto(f"{project}/people")
    row = desk.get_by_role("listitem").filter(has_text="mara")
    press(desk, row.get_by_role("button", name="Remove"))
    expect(watching.status_line).to_contain_text(GONE, timeout=NOTICED_MS)
    assert mara.open(shared).get_by_text("Page not found").count() == 1
    assert mara.open(project).get_by_text("Page not found").count() == 1
    page.goto(f"{shared}/links")
    press(page, page.get_by_role("button", name="Revoke the link"))
    expect(outside.locator("article")).to_have_count(0, timeout=NOTICED_MS)
    picture(outside, "friday-customer")
