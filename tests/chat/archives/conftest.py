"""An archive that arrives in pieces, by the pages that scripts use."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import pytest

from tests.chat.archives.archive import archived
from tests.support.browser import Browser
from tests.support.page import Page
from tests.upstream.fixtures import app

__all__ = ["app"]
PIECE = 1_000_000


def begun(browser: Browser, size: int, name: str = "chatgpt.zip", mark: str = "1") -> Page:
    return browser.post("/imports", name=name, size=str(size), mark=mark)


def piece(browser: Browser, id: str, at: int, content: bytes) -> Page:
    own = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    return Page(browser, browser.client.post(f"/imports/{id}/pieces?at={at}", data=content, headers=own, base_url=browser.origin))


def sent(browser: Browser, content: bytes, name: str = "chatgpt.zip") -> str:
    """Sends a file in pieces; returns the id of its import."""
    answer = begun(browser, len(content), name).json
    for at in range(0, len(content), PIECE):
        answer = piece(browser, answer["id"], at, content[at : at + PIECE]).json
    assert answer["stored"] == len(content), answer
    return str(answer["id"])


def over(page: Page) -> bool:
    return not page.all("#import progress")


def packed(chats: list[Any], files: Mapping[str, bytes] | None = None) -> bytes:
    """Returns an archive with these chats and files."""
    file = BytesIO()
    archived(chats, (files or {}).items(), file)
    return file.getvalue()


@pytest.fixture
def imported() -> Callable[..., Page]:
    """Sends a file in pieces, and returns the page with what came of it."""

    def imported(browser: Browser, content: bytes, name: str = "chatgpt.zip") -> Page:
        sent(browser, content, name)
        return browser.wait_for("/import", over)

    return imported
