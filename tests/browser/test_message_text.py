"""A message's text in a browser: code, tables, and what a person wrote."""

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.chats import ChatPage
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
DESKTOP: dict[str, Any] = {"viewport": {"width": 1100, "height": 720}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
ROWS = "".join(f"line_{n} = {n}\n" for n in range(80))
CODE = f"```python\nwide = '{'long ' * 60}'\n{ROWS}```\n\n| a | b |\n|---|---|\n| one | two |\n\nThe end.\n"

SCROLL = """(block, share) => scrollTo({
  top: block.getBoundingClientRect().top + scrollY + block.offsetHeight * share, behavior: 'instant',
})"""


@pytest.fixture(params=[DESKTOP, pytest.param(PHONE, marks=pytest.mark.deep)], ids=["desktop", "phone"])
def chat(request: pytest.FixtureRequest, server: Server, upstream: Upstream, visit: Visit) -> ChatPage:
    upstream.says(CODE)
    chat = visit(server, **request.param).begin("Show me")
    chat.expect("completed")
    return chat


def box(place: Locator) -> dict[str, float]:
    found = place.bounding_box()
    assert found
    return dict(found)


def test_the_head_of_a_long_block_of_code_stays_in_sight(chat: ChatPage) -> None:
    block, head = chat.answer.locator(".code"), chat.answer.locator(".code > header")
    top = box(chat.page.locator(".top"))
    for share in (0.3, 0.6):
        block.evaluate(SCROLL, share)
        assert box(block)["y"] < 0
        assert top["y"] < box(head)["y"] <= top["y"] + top["height"]
        # An element that covers the button would receive the click.
        chat.answer.get_by_role("button", name="Wrap lines").click()


def test_code_is_shown_to_go_on_beyond_its_edge(chat: ChatPage) -> None:
    backgrounds = "place => getComputedStyle(place).backgroundAttachment.split(', ')"
    for place in (chat.answer.locator(".code pre"), chat.answer.locator(".table")):
        assert place.evaluate(backgrounds) == ["local", "local", "scroll", "scroll"]


def test_a_small_table_and_a_short_message_are_as_wide_as_what_they_say(chat: ChatPage) -> None:
    column = box(chat.text)["width"]
    assert box(chat.answer.locator("table"))["width"] < column / 2
    mine = chat.page.locator("[data-role=user] .message-text")
    assert box(mine)["width"] < column / 2
    assert chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


NOTED = """A claim[^1], and [^long].

- [ ] to do
- [x] done

<details>
<summary>Folded</summary>

What is in it.

</details>

[^1]: Where it is from.
[^long]: Elsewhere.
"""


def test_footnotes_of_two_messages_lead_each_to_their_own(chat: ChatPage, upstream: Upstream) -> None:
    upstream.says(NOTED)
    for words in ("First", "Second"):
        chat.ask(words)
        chat.expect("completed")
    page = chat.page
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(ids) == len(set(ids))
    for number in (1, 2):
        answer = page.locator("article[data-role=assistant]").nth(number)
        answer.get_by_role("link", name="Note 1").click()
        assert answer.locator("sup:target").text_content() == "1"
        expect(answer.locator("sup:target")).to_be_in_viewport()
        answer.get_by_role("link", name="Back to the text").first.click()
        assert answer.locator("a:target").text_content() == "1"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_unfolded_stays_unfolded_while_the_text_grows(chat: ChatPage, upstream: Upstream) -> None:
    upstream.says(
        "<details>\n<summary>Folded</summary>\n\n" + "So **many** words in it. " * 40 + "\n\n</details>\n\nThe last.", pace=0.04
    )
    chat.box.fill("Fold it")
    chat.send.click()
    chat.page.get_by_text("Folded", exact=True).click()
    chat.expect("completed")
    chat.wait_for("The last.")
    expect(chat.text.locator("details")).to_have_attribute("open", "")
    expect(chat.text.get_by_text("The last.")).to_be_visible()


def test_tasks_are_boxes_that_say_what_they_are(chat: ChatPage, upstream: Upstream) -> None:
    upstream.says(NOTED)
    chat.box.fill("Tasks")
    chat.send.click()
    chat.wait_for("done")
    chat.expect("completed")
    for name in ("to do", "done"):
        mark = chat.text.get_by_role("img", name=name)
        assert abs(box(mark)["width"] - box(mark)["height"]) < 2
    assert chat.text.locator("input").count() == 0
