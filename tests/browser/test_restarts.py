"""The server disappears while a page is open, and comes back."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chats import reload
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

COUNTED = " ".join(f"w{number:06d}" for number in range(1, 301))
SIGTERM, SIGKILL = pytest.param(Server.terminate, id="SIGTERM"), pytest.param(Server.kill, id="SIGKILL")


@pytest.mark.slow
@pytest.mark.mostly_deep
@pytest.mark.parametrize("end", [SIGKILL, SIGTERM])
def test_the_open_page_heals_and_the_answer_goes_on(
    own_server: Server, upstream: Upstream, visit: Visit, end: Callable[[Server], object]
) -> None:
    own_server.start()
    upstream.counts(300, pace=0.03, holds=[100])
    chat = visit(own_server).begin("Count to three hundred")
    chat.wait_for("w000040")
    chat.box.fill("typed before the restart")
    end(own_server)
    expect(chat.status_line).to_contain_text("Connection lost")
    at_the_end = chat.seen()
    assert "w000040" in at_the_end, "what was there has been taken away"
    upstream.counts(300)
    own_server.start()
    chat.expect("completed", seconds=60)
    expect(chat.status_line).to_be_empty()
    expect(chat.box).to_have_value("typed before the restart")
    assert chat.raw() == COUNTED
    seam = chat.text.locator(".seam")
    expect(seam).to_have_count(1)
    expect(seam).to_contain_text("the server restarted here")
    expect(seam).to_be_visible()
    # The time is converted to the reader's time zone as soon as it is shown.
    expect(seam).not_to_contain_text("UTC")
    without = seam.inner_text().split()
    assert [word for word in chat.seen().split() if word not in without] == COUNTED.split()
    live = chat.html()
    reload(chat.page)
    expect(seam).not_to_contain_text("UTC")
    assert chat.html() == live
    expect(chat.page.locator("article")).to_have_count(2)


@pytest.mark.slow
@pytest.mark.mostly_deep
@pytest.mark.parametrize("end", [SIGTERM, SIGKILL])
def test_with_asking_first_the_answer_waits_for_continue(
    own_server: Server, upstream: Upstream, visit: Visit, end: Callable[[Server], object]
) -> None:
    own_server.set(restart__policy="ask")
    own_server.start()
    upstream.counts(150, pace=0.03, holds=[60])
    chat = visit(own_server).begin("Count to a hundred and fifty")
    chat.wait_for("w000020")
    end(own_server)
    own_server.start()
    chat.expect("interrupted", seconds=60)
    said = chat.raw()
    assert COUNTED.startswith(said)
    upstream.counts(150)
    chat.go_on.click()
    chat.expect("completed", seconds=60)
    assert chat.raw() == " ".join(COUNTED.split()[:150])
    expect(chat.text.locator(".seam")).to_contain_text("the server restarted here")


@pytest.mark.slow
def test_the_notice_continues_all_or_leaves_them(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.set(restart__policy="ask")
    own_server.start()
    person = visit(own_server)
    for action, status in (("Leave as is", "interrupted"), ("Continue all", "completed")):
        upstream.counts(150, pace=0.03, holds=[60])
        chat = person.begin("Count to a hundred and fifty")
        chat.wait_for("w000020")
        own_server.kill()
        upstream.counts(150)
        own_server.start()
        chat.expect("interrupted", seconds=60)
        reload(chat.page)
        notice = chat.page.locator("#cut-answers")
        expect(notice).to_contain_text("A restart interrupted 1 answer.")
        notice.get_by_role("button", name=action).click()
        expect(notice).to_have_count(0)
        chat.expect(status, seconds=60)
        reload(chat.page)
        expect(notice).to_have_count(0)
    assert chat.raw() == " ".join(COUNTED.split()[:150])


@pytest.mark.deep
@pytest.mark.slow
def test_a_page_opened_while_the_server_starts_finds_everything(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.start()
    upstream.counts(200, pace=0.03, holds=[80])
    person = visit(own_server)
    chat = person.begin("Count")
    chat.wait_for("w000030")
    own_server.kill()
    upstream.counts(200, pace=0.03)
    own_server.start()
    other = person.look_at(chat)
    for tab in (chat, other):
        tab.expect("completed", seconds=60)
    assert chat.html() == other.html()
    assert chat.raw() == " ".join(COUNTED.split()[:200])


@pytest.mark.slow
def test_a_message_sent_to_a_server_that_is_away_is_not_lost(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.start()
    upstream.says("Here.")
    chat = visit(own_server).begin("Are you there?")
    chat.expect("completed")
    own_server.terminate()
    chat.box.fill("And now?")
    chat.box.press("Enter")
    expect(chat.page.locator("#toasts")).to_contain_text("reach the server")
    expect(chat.box).to_have_value("And now?")
    own_server.start()
    upstream.says("Here again.")
    chat.box.press("Enter")
    chat.wait_for("Here again.")
    chat.expect("completed")
    expect(chat.page.locator("article")).to_have_count(4)


@pytest.mark.slow
def test_what_a_page_loads_later_is_tried_again(server: Server, visit: Visit) -> None:
    person = visit(server)
    lost = list[str]()

    def answer(route: Route) -> None:
        lost.append(route.request.url)
        if len(lost) < 3:
            route.abort()
        else:
            route.continue_()

    person.context.route(re.compile(r"/js/later\."), answer)
    page = person.open("/")
    page.wait_for_function("() => self.unsent")
    assert len(lost) == 3
