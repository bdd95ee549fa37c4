"""Long answers: nothing moves that is being read, and the browser keeps up with a fast model."""

import statistics

import pytest
from playwright.sync_api import Browser

from tests.browser.chats import ChatPage, layout_shift
from tests.browser.conftest import Visit
from tests.browser.long_answer import part, say, watched
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow

MOST_SHIFT = 0.02
# The megabyte takes a minute and a half: `python -m tests.browser.long_answer`.
CHARS = 120_000
MOST_BYTES_PER_CHAR = 4
MOST_TASK_MS = 100
MOST_KEY_MS = 100


def shift(chat: ChatPage) -> tuple[float, object]:
    """What the browser says has moved without anybody's doing, and what that was."""
    shifts = chat.page.evaluate("shifts")
    return layout_shift(shifts), shifts


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_moves_at_the_end_nor_further_up(server: Server, upstream: Upstream, visit: Visit, width: int) -> None:
    upstream.says("Some words of an answer that is longer than the screen.\n\n" * 40)
    following = visit(server, viewport={"width": width, "height": 844}).begin("Tell me about mills")
    following.expect("completed")
    following.page.evaluate("shifts.length = 0")
    upstream.says(part(1) + part(2), pace=0.012, reasoning="First a thought of some words.")
    following.ask("And more")
    following.wait_for("item 1.3")
    reading = ChatPage(following.page.context.new_page())
    reading.page.goto(following.page.url)
    reading.page.mouse.move(width / 2, 300)
    reading.page.mouse.wheel(0, -700)
    reading.page.wait_for_function("() => scrollY > 0 && document.documentElement.scrollHeight - innerHeight - scrollY > 300")
    reading.page.evaluate("shifts.length = 0")
    following.expect("completed", seconds=60)
    reading.expect("completed")
    for chat in (following, reading):
        moved, what = shift(chat)
        assert moved < MOST_SHIFT, what


def test_the_browser_keeps_up_with_a_fast_model(chromium: Browser, own_server: Server, upstream: Upstream) -> None:
    own_server.lift_limits()
    own_server.start()
    seen = watched(chromium, own_server, upstream, CHARS)
    say(seen, CHARS)
    assert len(seen.text) > CHARS / 2
    assert seen.sent < MOST_BYTES_PER_CHAR * CHARS
    assert max(task.own_ms for task in seen.tasks) < MOST_TASK_MS
    # Some have to wait for what else the machine does.
    assert statistics.median(seen.keys or [0]) < MOST_KEY_MS
