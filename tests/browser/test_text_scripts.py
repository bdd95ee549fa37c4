"""The pages of text scripts: they pass the accessibility checks, and fit on a phone."""

import json

import pytest
from playwright.sync_api import FilePayload, ViewportSize

from tests.browser.chats import press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.support.server import Server

pytestmark = pytest.mark.slow
FIND = {"scriptName": "Mood", "findRegex": "/(?=a)/", "replaceString": "*$1*", "placement": [2]}
PHONE: ViewportSize = {"width": 390, "height": 844}
CARD = {"name": "Mara", "description": "Mara.", "tags": ["x" * 60], "extensions": {"regex_scripts": [FIND]}}


def test_the_pages_are_accessible(server: Server, visit: Visit) -> None:
    page = visit(server).open("/characters/import")
    for _ in range(2):
        file = FilePayload(name="a.json", mimeType="", buffer=json.dumps(CARD).encode())
        page.get_by_label("Card files").set_input_files(file)
        press(page, page.get_by_role("button", name="Import", exact=True))
    assert violations(page) == []
    press(page, page.get_by_role("link", name="Mara").first)
    page.locator("#script-0 summary").click()
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations(page) == []
    press(page, page.get_by_role("link", name="Edit Mood"))
    assert violations(page) == []
