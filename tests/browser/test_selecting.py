"""Selected text in an answer stays selected while the answer continues, and when it ends."""

import pytest

from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
MARK = """([from, to]) => {
  const text = document.querySelector('.tail p').firstChild;
  getSelection().setBaseAndExtent(text, from, text, to);
}"""
MARKED = "[getSelection().toString(), getSelection().anchorOffset, getSelection().focusOffset]"


@pytest.mark.mostly_deep
@pytest.mark.parametrize(
    "more", ["", "\n\nThen *more*.\n\n- one\n- two\n\n```\ncode\n```\n\nThe end."], ids=["the last", "the first"]
)
@pytest.mark.parametrize("ends", [(4, 9), (9, 4)], ids=["forwards", "backwards"])
def test_marked_words_stay_so_when_their_paragraph_ends(
    server: Server, upstream: Upstream, visit: Visit, ends: tuple[int, int], more: str
) -> None:
    text = f"The water turns the wheel. {'Again and again. ' * 30}{more}"
    upstream.says(text, pace=0.02, holds=[8])
    chat = visit(server).begin("Tell me")
    chat.wait_for("turns the wheel")
    chat.page.evaluate(MARK, list(ends))
    assert chat.page.evaluate(MARKED) == ["water", *ends]
    upstream.goes_on()
    chat.expect("completed")
    assert chat.page.evaluate(MARKED) == ["water", *ends]
    assert chat.html() == chat.rendered(text)
    assert chat.page.locator(".tail").count() == 0
