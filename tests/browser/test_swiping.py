"""A finger's swipe over the last answer: the next and the previous version, as by its arrows."""

import time
from collections.abc import Sequence
from itertools import count

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chats import ChatPage
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
PHONE = {"width": 390, "height": 844}
TABLE = f"| {' | '.join(f'column{number}' for number in range(12))} |\n|{'---|' * 12}\n"
WIDE = f"Two metres.\n\n```text\n{'wide ' * 60}\n```\n\n{TABLE}"


@pytest.fixture
def chat(server: Server, upstream: Upstream, visit: Visit) -> ChatPage:
    """A chat whose last answer has two versions, the first of which is shown."""
    upstream.behaves([{"says": WIDE}, {"says": "Three metres."}, {"says": "Four metres."}])
    chat = visit(server, viewport=PHONE, has_touch=True).begin("How high is the water?")
    chat.expect("completed")
    chat.again.click()
    chat.wait_for("Three metres.")
    chat.expect("completed")
    return chat


# Something that a finger has pushed glides on for a moment, and a page that moves is not where it was measured.
STANDS_STILL = """() => new Promise((done) => {
  const parts = [...document.querySelectorAll("html, #thread *")];
  const places = () => parts.map((part) => `${part.scrollLeft} ${part.scrollTop}`).join();
  const look = (before, frames) => {
    if (frames === 5) return done();
    const now = places();
    requestAnimationFrame(() => look(now, now === before ? frames + 1 : 0));
  };
  look("", 0);
})"""


def swipe(page: Page, at: Locator, *moves: tuple[int, int], fingers: int = 1) -> None:
    """Moves a finger from the middle of an element, by these distances, each a fiftieth of a second after the one before."""
    at.scroll_into_view_if_needed()
    page.evaluate(STANDS_STILL)
    box = at.bounding_box()
    assert box
    x, y = box["x"] + min(box["width"], PHONE["width"] - 40) / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    # By the finger's own clock, so that a busy machine makes no slow finger.
    times = count(time.time(), 0.02)

    def send(type: str, points: Sequence[tuple[float, float]]) -> None:
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": type, "touchPoints": touches, "timestamp": next(times)})

    def points(across: float = 0, down: float = 0) -> list[tuple[float, float]]:
        return [(x + across, y + down + 30 * number) for number in range(fingers)]

    send("touchStart", points())
    for move in moves:
        send("touchMove", points(*move))
    send("touchEnd", [])
    session.detach()


LEFT, RIGHT = ((-20, 0), (-60, 2), (-110, 4)), ((20, 0), (60, 2), (110, 4))


def test_a_swipe_turns_to_another_version(chat: ChatPage) -> None:
    swipe(chat.page, chat.text, *RIGHT)
    chat.wait_for("Two metres.")
    expect(chat.answer).to_contain_text("1 / 2")
    # There is none before the first, and a short, a steep or a two-fingered one is none.
    paragraph = chat.text.locator("p").first
    swipe(chat.page, paragraph, *RIGHT)
    swipe(chat.page, paragraph, (-20, 0), (-40, 0))
    swipe(chat.page, paragraph, (-60, -60), (-110, -160))
    swipe(chat.page, paragraph, *LEFT, fingers=2)
    # What scrolls sideways keeps its finger.
    swipe(chat.page, chat.text.locator("pre"), *LEFT)
    swipe(chat.page, chat.text.locator("table"), *LEFT)
    expect(chat.answer).to_contain_text("1 / 2")
    assert "Two metres." in chat.seen()
    swipe(chat.page, paragraph, *LEFT)
    chat.wait_for("Three metres.")
    expect(chat.answer).to_contain_text("2 / 2")
    expect(chat.answer).not_to_have_attribute("style", "translate")
    # As with the arrow, there is no new one without a character.
    swipe(chat.page, chat.text, *LEFT)
    expect(chat.answer).to_contain_text("2 / 2")
    expect(chat.page.locator(".toast")).to_have_count(0)


def test_selected_text_is_not_swiped_away(chat: ChatPage) -> None:
    chat.text.locator("p").select_text()
    swipe(chat.page, chat.text, *RIGHT)
    chat.page.evaluate("getSelection().empty()")
    expect(chat.answer).to_contain_text("2 / 2")
