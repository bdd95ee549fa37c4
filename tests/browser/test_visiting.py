"""Going from page to page: the body is swapped, style sheets and scripts stay, and everything else is as with a new page."""

import re

from playwright.sync_api import Page, expect

from tests.browser.chats import ChatPage, Person, press, read_further_up, until
from tests.browser.conftest import Visit
from tests.browser.ways import PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream

LONG = "\n\n".join(f"Line {n} of many." for n in range(80))
IS_AT_END = "() => scrollY > 0 && document.documentElement.scrollHeight - innerHeight - scrollY < 8"


def marked(page: Page) -> Page:
    """Returns the page with something that only a new document loses."""
    page.evaluate("() => { window.isTheSame = true; }")
    return page


def is_same(page: Page) -> bool:
    return bool(page.evaluate("() => Boolean(window.isTheSame)"))


def to(page: Page, path: str) -> None:
    page.locator(f"#sidebar-chats a[href='{path}']").first.click()
    page.wait_for_url(f"**{path}*")


def two_chats(person: Person, upstream: Upstream) -> tuple[ChatPage, str]:
    """Returns the page of a chat that is one of two, and the path of the other."""
    upstream.says(LONG)
    other = person.post_first("What is a weir?").partition("#")[0]
    chat = person.begin("What is a sluice?")
    chat.expect("completed")
    return chat, other


def test_a_click_in_the_sidebar_keeps_scripts_and_streams_the_next_answer(
    server: Server, upstream: Upstream, visit: Visit
) -> None:
    person = visit(server)
    chat, other = two_chats(person, upstream)
    page, first = marked(chat.page), chat.path
    to(page, other)
    expect(page).to_have_title("What is a weir? · Millrace")
    expect(page.locator(f"#sidebar-chats a[href='{other}']").first).to_have_attribute("aria-current", "page")
    expect(page.locator("#composer-text")).to_be_focused()
    chat.expect("completed")
    page.wait_for_function(IS_AT_END)
    upstream.says("It holds the water back.")
    chat.ask("And what does it do?")
    chat.expect("completed")
    expect(chat.text).to_contain_text("holds the water back")
    to(page, first)
    expect(page).to_have_title("What is a sluice? · Millrace")
    assert is_same(page)


def test_the_stream_of_a_page_that_was_left_ends(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.start()
    person = visit(own_server)
    chat, other = two_chats(person, upstream)
    page, first = marked(chat.page), chat.path

    def streams() -> list[str]:
        return re.findall(r"(\d+) open\b", person.context.request.get("/admin/health").text())

    before = streams()
    for path in (other, first, other):
        to(page, path)
    until(page, lambda: streams() == before)
    assert is_same(page)


def test_going_back_shows_the_page_where_it_was_left(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat, other = two_chats(visit(server), upstream)
    page, first = marked(chat.page), chat.page.url
    # By the wheel: from what a script scrolls to, a browser returns to the message in the address until the page is loaded.
    page.wait_for_function(IS_AT_END)
    read_further_up(page, 900)
    page.wait_for_function("() => history.state?.y === scrollY && scrollY")
    # A wheel moves a page for a while after it has been turned.
    page.evaluate("() => addEventListener('pagehide', () => { window.leftAt = scrollY; }, {once: true})")
    to(page, other)
    left_at = page.evaluate("() => leftAt")
    assert left_at > 0
    page.go_back()
    page.wait_for_url(first)
    expect(page).to_have_title("What is a sluice? · Millrace")
    page.wait_for_function("y => Math.abs(scrollY - y) < 2", arg=left_at)
    page.go_forward()
    expect(page).to_have_title("What is a weir? · Millrace")
    assert is_same(page)


def test_going_up_right_after_text_has_come_is_not_undone(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Short.")
    chat = visit(server).begin("What is a sluice?")
    chat.expect("completed")
    chat.page.evaluate(
        """() => new Promise(done => {
            const text = document.getElementById("main"), more = () => text.style.paddingBlockEnd =
                `${parseInt(getComputedStyle(text).paddingBlockEnd) + 2000}px`;
            // Called after the page was taken to its end, and before it hears that it was.
            new ResizeObserver((_, own) => {
                if (scrollY < 500) return;
                own.disconnect();
                scrollTo(0, 300);
                addEventListener("scroll", () => { more(); setTimeout(done, 200); }, {once: true});
            }).observe(document.body);
            more();
        })"""
    )
    assert chat.page.evaluate("() => scrollY") == 300


def test_a_page_is_fetched_ahead_once(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    chat, other = two_chats(person, upstream)
    page = marked(chat.page)
    with page.expect_request(f"**{other}"):
        page.locator(f"#sidebar-chats a[href='{other}']").first.hover()
    to(page, other)
    expect(page).to_have_title("What is a weir? · Millrace")
    assert sum(request.url.endswith(other) for request in person.requests) == 1
    # Only navigation: nothing else is asked for by pointing at it.
    page.locator(".top__title").hover()
    page.wait_for_timeout(200)
    assert not [request for request in person.requests if request.url.endswith("/rename")]


def test_sheets_and_scripts_of_the_next_page_come_with_it(server: Server, visit: Visit) -> None:
    page = marked(visit(server).open("/"))
    page.locator("#sidebar a[href='/knowledge']").click()
    expect(page).to_have_title("Knowledge · Millrace")
    sheets = page.evaluate("() => [...document.styleSheets].map(each => each.href).sort()")
    assert is_same(page)
    page.reload()
    assert page.evaluate("() => [...document.styleSheets].map(each => each.href).sort()") == sheets
    assert not is_same(page)


def test_a_draft_is_saved_before_its_chat_is_left(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat, other = two_chats(visit(server), upstream)
    page, first = marked(chat.page), chat.path
    chat.box.press_sequentially("Half a thou")
    to(page, other)
    expect(chat.box).to_have_value("")
    to(page, first)
    expect(chat.box).to_have_value("Half a thou")
    assert is_same(page)


def test_what_is_no_page_of_the_frame_is_loaded(server: Server, visit: Visit) -> None:
    page = marked(visit(server).open("/help"))
    page.evaluate("() => document.querySelector('main').insertAdjacentHTML('beforeend', '<a href=\"/chats/none\">Nowhere</a>')")
    press(page, page.get_by_role("link", name="Nowhere"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    assert not is_same(page)


def test_it_works_by_touch_and_closes_the_sidebar(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat, other = two_chats(visit(server, **PHONE), upstream)
    page = marked(chat.page)
    page.get_by_role("button", name="Chats").tap()
    page.locator(f"#sidebar-chats a[href='{other}']").first.tap()
    expect(page).to_have_title("What is a weir? · Millrace")
    expect(page.locator("#sidebar")).to_be_hidden()
    assert is_same(page)
