"""Quoted speech in chats with characters has its own color, also across emphasis, and code does not."""

import json

import pytest
from playwright.sync_api import FilePayload

from tests.browser.chats import ChatPage, press
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
GREETING = """*She looks up.* "What *is* it?" and “who”, «où», „wer“, »wo«, 「誰」.

`"no code"` 5" or "6 and "unclosed

```
"no block"
```

- "an item" """
CARD = {"name": "Isolde", "description": "Isolde mills rye.", "first_mes": GREETING}
SPOKEN = "() => [...(CSS.highlights.get('speech') ?? [])].map(String).sort()"
FOUND = sorted(['"What is it?"', "“who”", "«où»", "„wer“", "»wo«", "「誰」", '"an item"'])


def test_speech_has_its_own_color(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says('She said "aye" and left.', pace=0.02)
    person = visit(server)
    page = person.open("/characters/import")
    page.get_by_label("Card files").set_input_files(FilePayload(name="a.json", mimeType="", buffer=json.dumps(CARD).encode()))
    press(page, page.get_by_role("button", name="Import", exact=True))
    press(page, page.get_by_role("link", name="Isolde"))
    press(page, page.get_by_role("button", name="Chat with Isolde"))
    page.wait_for_function(f"() => ({SPOKEN})().length")
    assert page.evaluate(SPOKEN) == FOUND

    chat = ChatPage(page)
    chat.ask('Is "it" you?')
    chat.expect("completed")
    page.wait_for_function(f"() => ({SPOKEN})().length == {len(FOUND) + 2}")
    assert page.evaluate(SPOKEN) == sorted([*FOUND, '"aye"', '"it"'])
    url = page.url

    page = person.open("/settings/chats")
    page.get_by_label("Character dialogue").select_option("plain")
    press(page, page.get_by_role("button", name="Save", exact=True))
    page.goto(url)
    assert page.evaluate(SPOKEN) == []
