"""Fixtures: characters in an application whose model is the scripted upstream, and pictures for avatars."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.chat.conftest import asked, until_settled
from tests.support.browser import Browser
from tests.support.page import Page
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.characters.tables import Persona
from webapp.operations.starting import shipped_characters

MARA = {
    "name": "Mara",
    "description": "Mara mills rye.",
    "greeting": "*Looks up.* What is it?",
    "system_prompt": "Be Mara.",
    "post_history_prompt": "Stay curt.",
}


@pytest.fixture
def app(make_app: Callable[..., Flask], fake: Upstream) -> Flask:
    """An application whose configured provider is the scripted upstream."""
    return make_app(**{**fake.environ, "OPENROUTER_MODEL": "fake/plain"})


@pytest.fixture
def cast(app: Flask) -> Flask:
    """The application with the shipped characters of a first run."""
    with app.app_context():
        assert shipped_characters.ship() == 4
    return app


@pytest.fixture
def make(member: Browser) -> Callable[..., str]:
    """Creates a character owned by the member and returns the path of its page."""

    def make(browser: Browser = member, **fields: str) -> str:
        page = browser.submit("/characters/new", **{"name": "Mara", "description": "Mara mills rye.", **fields})
        assert page.status_code == 200, page.text
        assert page.path.startswith("/characters/"), page.text
        return page.path

    return make


@pytest.fixture
def chat(member) -> str:
    """The path of the member's chat with a character; made without opening any page, which other tests do."""
    member.post("/personas", name="Jo", description="Jo repairs clocks.", is_default="on")
    made = member.post("/characters", **MARA)
    with member.app.app_context():
        jo = db.session.scalars(select(Persona.id)).one()
    page = member.post(f"{made.location}/chat", persona=jo)
    assert page.location.startswith("/chats/"), page.text
    return page.location.partition("#")[0]


@pytest.fixture
def say(member, fake) -> Callable[[str, str], list[tuple[str, str]]]:
    """Sends a message and returns what the model was sent."""

    def say(path: str, text: str) -> list[tuple[str, str]]:
        before = len(asked(fake))
        sent = member.post(f"{path.partition('#')[0]}/messages", message=text)
        assert sent.status_code == 303, sent.text
        fake.until(lambda _: len(asked(fake)) > before)
        until_settled(member.app)
        return heard(fake)

    return say


def heard(fake) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in asked(fake)[-1]["body"]["messages"]]


def png(width: int = 1, height: int = 1) -> bytes:
    """Returns a PNG whose header claims this size; with one pixel it is valid."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    parts = (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def upload(browser: Browser, path: str, content: bytes, file_name: str = "me.png", **fields: str) -> Page:
    """Sends a form with a file as a browser does; redirects are not followed."""
    data: dict[str, Any] = {**fields, "avatar": FileStorage(BytesIO(content), file_name)}
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    # In memory: the test client doesn't close the file that it writes a large body to.
    boundary, body = encode_multipart(data)
    type = f"multipart/form-data; boundary={boundary}"
    response = browser.client.post(path, data=body, headers=headers, base_url=browser.origin, content_type=type)
    return Page(browser, response)


def names(page: Page) -> list[str]:
    """Returns the names in a list of characters or personas."""
    return [node.text().strip() for node in page.all(".cast h2 a, .portraits h2 a")]
