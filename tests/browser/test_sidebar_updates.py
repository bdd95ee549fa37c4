"""Row updates keep every tab's sidebar equal to that of a new page, without disturbing a user who is in it."""

from random import Random

from playwright.sync_api import Locator, Page, expect

from tests.browser.chats import ChatPage, Person, until
from tests.browser.conftest import Visit
from tests.support.list_parts import changed
from tests.support.server import Server
from tests.upstream.handle import Upstream
from webapp.engine.watching.difference import difference

# Applies the updates with the page's htmx, one after another; returns each resulting list, and the expected one.
BECOMES = """async pairs => {
  const box = document.createElement("div"), found = [];
  const plain = () => box.innerHTML.replace(/>\\s+</g, "><");
  document.body.append(box);
  for (const [old, text, now] of pairs) {
    box.innerHTML = now;
    const wanted = plain();
    box.innerHTML = old;
    await htmx.swap({text, sourceElement: box, target: box, swap: "none"});
    found.push([plain(), wanted]);
  }
  return found;
}"""
# Records the swap style of each update in the sidebar.
HEAR = """() => {
  window.put = [];
  document.addEventListener("htmx:before:swap", ({detail}) => {
    for (const {target, swapSpec} of detail.tasks) if (target?.id.startsWith("sidebar-")) put.push(swapSpec.style);
  });
}"""
SHOWN = """list => [...list.querySelectorAll("h2, li")].map(each =>
  [each.innerText, each.id, each.querySelector("[aria-current]") !== null, each.querySelector(".sr")?.innerText])"""


def test_htmx_makes_of_the_parts_what_is_there_now(server: Server, visit: Visit) -> None:
    lists = [changed(Random(seed)) for seed in range(600)]
    pairs = [(old, parts, new) for old, new in lists if (parts := difference(old, new))]
    assert len(pairs) > 100
    for is_now, wanted in visit(server).open("/account").evaluate(BECOMES, pairs):
        assert is_now == wanted


def test_a_row_that_comes_up_is_the_same_with_the_focus_in_it(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    upstream.says("Fine.")
    oldest = begun(person, "The sluice with the number 0")
    for number in range(1, 5):
        person.post_first(f"The sluice with the number {number}")
    newest = begun(person, "The sluice with the number 5")
    elsewhere = person.look_at(newest)
    # The first update is the whole list; later ones contain only changes.
    newest.ask("And?")
    newest.expect("completed")
    until_as_new(person, newest, elsewhere)
    elsewhere.page.evaluate(HEAR)
    row = elsewhere.page.locator(f"#sidebar-{oldest.path.rpartition('/')[2]}")
    row.evaluate("row => window.seen = row")
    row.get_by_role("link", name="Options").focus()
    upstream.counts(60, pace=0.03, holds=[30])
    oldest.ask("Does it come up?")
    expect(row.get_by_title("answering")).to_be_visible()
    expect(rows(elsewhere.page).first).to_have_id(str(row.get_attribute("id")))
    upstream.goes_on()
    oldest.expect("completed")
    until_as_new(person, newest, elsewhere)
    assert row.evaluate("row => row === seen && row.contains(document.activeElement)")
    assert set(elsewhere.page.evaluate("put")) == {"beforebegin", "outerMorph"}
    assert elsewhere.page.locator("#sidebar-chats [aria-current]").get_attribute("href") == newest.path


def test_tabs_that_came_at_different_times_show_the_same(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    upstream.says("Fine.")
    oldest, second = begun(person, "A weir that is the oldest"), begun(person, "A weir that is the second")
    person.post_first("A weir between")
    fourth = begun(person, "A weir that is the fourth")
    person.post_first("A weir that is the last")
    tabs = [person.look_at(oldest)]
    for chat in (second, fourth, oldest):
        chat.ask("Once more")
        chat.expect("completed")
        tabs.append(person.look_at(chat))
    begun(person, "A weir that is new")
    for tab in tabs:
        until_as_new(person, tab, tab)


def begun(person: Person, question: str) -> ChatPage:
    chat = person.begin(question)
    chat.expect("completed")
    return chat


def rows(page: Page) -> Locator:
    """Returns the rows of chats; what other tests on this server have pinned or put into projects is above them."""
    heading = page.locator("#sidebar-chats h2", has_not_text="Pinned")
    return heading.locator("xpath=following-sibling::ol[1][not(@class)]/li")


def until_as_new(person: Person, chat: ChatPage, tab: ChatPage) -> None:
    """Waits until the tab shows the same sidebar as a newly opened page of this chat, where no answer is running."""
    new = person.look_at(chat).page
    # A page has the newest rows at first; the others come with the end of the list.
    for page in (new, tab.page):
        page.locator("#sidebar-chats .chats__all").scroll_into_view_if_needed()

    def shown(page: Page) -> object:
        return page.locator("#sidebar-chats").evaluate(SHOWN)

    until(tab.page, lambda: shown(tab.page) == shown(new))
    new.close()
