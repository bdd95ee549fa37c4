"""A model server is connected: its name is chosen, it is tested by adding it, and what it refuses is corrected."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chats import press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import overflows, violations
from tests.browser.ways import DESKTOP, NO_SCRIPTS, PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
KEY = "sk-0123456789abcdef4f2a"


@pytest.mark.parametrize("way", [DESKTOP, PHONE, NO_SCRIPTS], ids=["desktop", "phone", "no scripts"])
def test_a_usual_server_is_chosen_corrected_and_connected(
    way: dict[str, Any], own_server: Server, upstream: Upstream, visit: Visit
) -> None:
    own_server.start()
    person = visit(own_server, **way)
    page = person.open("/admin/connections/new")
    press(page, page.get_by_role("link", name="Mistral", exact=True))
    expect(page.get_by_role("link", name="Mistral", exact=True)).to_have_attribute("aria-current", "true")
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    if way is not NO_SCRIPTS:
        assert not violations(page)
        assert not overflows(page)

    page.get_by_label("Key", exact=True).fill(KEY)
    page.locator("summary", has_text="More").click()
    page.get_by_label("Address").fill(f"{upstream.url}/nowhere")
    upstream.behaves([{"status": 404, "json": {"detail": "Not Found"}}], at="/models")
    press(page, page.get_by_role("button", name="Add", exact=True))

    expect(page.get_by_role("alert")).to_contain_text("nothing at this address")
    expect(page.get_by_label("Key", exact=True)).to_have_value("")
    if way is not NO_SCRIPTS:
        assert not violations(page)
    page.get_by_label("Address").fill(upstream.base_url)
    press(page, page.get_by_role("button", name="Add", exact=True))

    expect(page.get_by_role("heading", level=1)).to_have_text("Mistral")
    expect(page.get_by_role("main")).to_contain_text("2 models")
    expect(page.get_by_role("main")).to_contain_text("ends in 4f2a")
