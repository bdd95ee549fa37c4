"""Characters on an application whose model is the scripted upstream, and pictures to give them."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.page import Page
from tests.upstream.handle import Upstream
from webapp.characters import shipped


@pytest.fixture
def app(make_app: Callable[..., Flask], fake: Upstream) -> Flask:
    """An application whose configured provider is the scripted upstream."""
    return make_app(
        OPENROUTER_API_KEY="sk-test-key-000000000000", OPENROUTER_BASE_URL=fake.base_url, OPENROUTER_MODEL="fake/plain"
    )


@pytest.fixture
def cast(app: Flask) -> Flask:
    """The application with what a first run finds."""
    with app.app_context():
        assert shipped.ship() == 4
    return app


@pytest.fixture
def make(member: Browser) -> Callable[..., str]:
    """Makes a character of the member's and gives the address of its page."""

    def make(browser: Browser = member, **fields: str) -> str:
        page = browser.submit("/characters/new", **{"name": "Mara", "description": "Mara mills rye.", **fields})
        assert page.status_code == 200, page.text
        assert page.path.startswith("/characters/"), page.text
        return page.path

    return make


def png(width: int = 1, height: int = 1) -> bytes:
    """A PNG whose header says so; of one pixel it is a real one."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    parts = (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def upload(browser: Browser, path: str, content: bytes, file_name: str = "me.png", **fields: str) -> Page:
    """Sends a form with a file as a browser does; nothing is followed."""
    data: dict[str, Any] = {"csrf_token": browser.csrf_token(), **fields, "avatar": (BytesIO(content), file_name)}
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    response = browser.client.post(path, data=data, headers=headers, base_url=browser.origin, content_type="multipart/form-data")
    return Page(browser, response)


def names(page: Page) -> list[str]:
    """The names in a list of characters or personas."""
    return [node.text().strip() for node in page.all(".cast h2 a")]
