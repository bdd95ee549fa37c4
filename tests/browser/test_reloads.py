"""One answer, watched in many ways: every page, however often it reloads, ends with the same text."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Request

from tests.browser.chats import ChatPage, Person, reload, until
from tests.browser.conftest import Visit
from tests.browser.texts import RICH
from tests.browser.weir import Weir
from tests.support.rounds import ROUNDS
from tests.support.server import Server
from tests.upstream.handle import Upstream

RELOADS = 50 if ROUNDS > 1 else 5
# The answer continues between reloads, so that it neither ends before the last one nor pauses for long.
HOLDS = range(0, len(RICH.split()), len(RICH.split()) // RELOADS)[:RELOADS]


@pytest.fixture
def weir(server: Server) -> Iterator[Weir]:
    weir = Weir(server.port)
    yield weir
    weir.close()


@pytest.mark.rounds
@pytest.mark.slow
def test_reloads_and_cut_connections_end_with_one_and_the_same_text(
    server: Server, upstream: Upstream, visit: Visit, weir: Weir
) -> None:
    upstream.says(RICH, pace=0.006, holds=list(HOLDS))
    person = visit(server)
    reloading = person.begin("Tell me about mills")
    resting = person.look_at(reloading)
    cut = behind(weir, person, reloading)
    for number in range(len(HOLDS)):
        assert not resting.has_ended()
        reload(reloading.page, wait_until="commit")
        upstream.goes_on()
        if number % 3 == 0:
            weir.cut()
    for chat in (resting, reloading, cut):
        chat.expect("completed", seconds=60)
    wanted = resting.rendered(RICH)
    assert resting.html() == wanted
    assert reloading.html() == wanted
    assert cut.html() == wanted
    assert person.look_at(reloading).html() == wanted
    positions = [request.headers["last-event-id"] for request in reconnections(person, weir)]
    assert len(set(positions)) > RELOADS // 10


def test_a_page_that_was_away_is_told_only_what_it_lacks(server: Server, upstream: Upstream, visit: Visit, weir: Weir) -> None:
    upstream.says(RICH[:3000], pace=0.01, holds=[200])
    person = visit(server)
    chat = person.begin("Tell me about mills")
    other = behind(weir, person, chat)
    other.wait_for_chars(500)
    first = other.text.locator("> :first-child")
    first.evaluate("block => { block.dataset.old = 'yes'; }")
    weir.cut()
    until(other.page, lambda: reconnections(person, weir))
    upstream.goes_on()
    other.expect("completed", seconds=60)
    assert first.get_attribute("data-old"), "the sealed blocks were sent again"
    chat.expect("completed", seconds=60)
    assert chat.html() == chat.rendered(RICH[:3000])


def test_a_tab_whose_network_went_away_heals(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says(RICH[:2500], pace=0.01)
    home, train = visit(server), visit(server)
    chat = home.begin("Tell me about mills")
    other = train.look_at(chat)
    other.wait_for_chars(300)
    train.context.set_offline(True)
    chat.expect("completed", seconds=60)
    train.context.set_offline(False)
    other.expect("completed", seconds=60)
    assert other.html() == chat.html() == chat.rendered(RICH[:2500])


@pytest.mark.mostly_deep(2)
@pytest.mark.parametrize("stop_at", ["| wheel | tur", "def turn(wheel", "[the pla", "   - with a", "parts 👩🏽"])
def test_a_page_loaded_at_every_kind_of_moment_shows_what_the_others_show(
    server: Server, upstream: Upstream, visit: Visit, stop_at: str
) -> None:
    """A page loaded while the text ends inside a table, a fence, a link, a list or an emoji shows the answer correctly."""
    person = visit(server)
    said = RICH[: RICH.index(stop_at) + len(stop_at)]
    upstream.behaves([{"tokens": [said, "\n\nAnd on."], "holds": [1]}])
    chat = person.begin("Go on")
    chat.wait_for_chars(60)
    late = person.look_at(chat)
    upstream.goes_on()
    late.expect("completed")
    chat.expect("completed")
    assert chat.html() == late.html() == chat.rendered(said + "\n\nAnd on.")


def behind(weir: Weir, person: Person, chat: ChatPage) -> ChatPage:
    """Opens the chat in a tab that connects through the weir; cookies are shared, as they ignore ports."""
    person.welcome.append(weir.url)
    page: Page = person.context.new_page()
    page.goto(chat.page.url.replace(person.url, weir.url))
    return ChatPage(page)


def reconnections(person: Person, weir: Weir) -> list[Request]:
    return [request for request in person.requests if request.url.startswith(weir.url) and "last-event-id" in request.headers]
