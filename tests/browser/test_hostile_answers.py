"""Model output that tries to be more than text."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import reload
from tests.browser.conftest import Visit
from tests.support.server import ROOT, Server
from tests.upstream.handle import Upstream

PAYLOADS: list[dict[str, Any]] = json.loads((ROOT / "tests" / "rendering" / "attacks.json").read_text("utf-8"))["payloads"]
IN_ANSWERS = [payload["input"] for payload in PAYLOADS if payload["surface"] == "assistant_markdown" and "input" in payload]
# The payloads' handlers and scripts call this function, so each one that runs is recorded.
TRAP = "window.steal = number => { window.stolen = [...(window.stolen ?? []), number]; };"
FORBIDDEN = "script style iframe object embed form input button img svg video audio link meta base hx-partial"
NAMES = "^(on|hx-|id$|name$|style$|src|data-)"
# With the document's own selectors: Playwright's would also find our Copy buttons, which are in shadow roots.
# Our links to previews, and our frames, which have no access to the page.
OURS = """.code > header > a.view[href^="/messages/"], .table + a.view[href^="/messages/"],
  .message-text a.cite[href^="/messages/"],
  .code > iframe.drawn[sandbox="allow-scripts"][src*="/frame?block="]"""
FOUND = f"""([forbidden, names]) => [...document.querySelectorAll('.message-text *')].filter(element =>
  !element.matches(`{OURS}`) &&
  (forbidden.includes(element.localName) || element.getAttributeNames().some(name => name.match(names)))
).map(element => element.outerHTML)"""


def together(texts: list[str]) -> list[str]:
    """Joins many payloads into one answer, separated by rules, and splits it into tokens of a few characters."""
    whole = "\n\n---\n\n".join(text for text in texts if len(text) < 2_000)
    return [whole[at : at + 9] for at in range(0, len(whole), 9)]


# A browser elsewhere in the network gets the same answers: each part is tried by one of them.
@pytest.mark.parametrize("part", range(4))
def test_nothing_of_it_runs_is_fetched_or_gets_out_of_its_place(
    server: Server, upstream: Upstream, visit: Visit, part: int
) -> None:
    upstream.always({"tokens": together(IN_ANSWERS[part::4]), "pace": 0.002})
    person = visit(server, is_far=part % 2 == 1)
    person.context.add_init_script(TRAP)
    chat = person.begin("Do your worst")
    other = person.look_at(chat)
    for tab in (chat, other):
        tab.expect("completed", seconds=40)
        is_harmless(tab.page)
    assert chat.html() == other.html()
    reload(chat.page)
    is_harmless(chat.page)
    for link in chat.text.locator("a:not(.view)").all():
        assert (link.get_attribute("href") or "").partition(":")[0].lower() in ("http", "https", "mailto", "tel")
    expect(chat.box).to_be_visible()


@pytest.mark.mostly_deep
def test_reasoning_and_the_persons_own_words_are_no_better(server: Server, upstream: Upstream, visit_anywhere: Visit) -> None:
    payload = "<img src=x onerror=steal(1)><script>steal(2)</script><hx-partial hx-target='body'>gone</hx-partial>"
    upstream.says(payload, reasoning=payload, model=payload)
    person = visit_anywhere(server)
    person.context.add_init_script(TRAP)
    chat = person.begin(payload)
    chat.expect("completed")
    is_harmless(chat.page)
    expect(chat.answer.locator(".thought__text")).to_have_text(payload)
    chat.page.goto("/")
    assert chat.page.evaluate("window.stolen") is None
    expect(chat.page.get_by_role("navigation").first).to_be_visible()


def is_harmless(page: Page) -> None:
    assert page.evaluate("window.stolen") is None
    assert page.evaluate(FOUND, [FORBIDDEN.split(), NAMES]) == []
    assert page.locator("#composer-box").count() == page.locator("#thread").count() == 1
