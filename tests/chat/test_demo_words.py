"""The demo refers to places and buttons by name, and the pages have exactly these names."""

import re

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.support.browser import Browser
from tests.support.markup import name_of
from tests.support.page import TEXTBOXES
from tests.upstream.handle import Upstream
from webapp.models.providers import demo_texts

SAID = (demo_texts.GREETING, demo_texts.REFLECTION, *(text for _, text in demo_texts.TOPICS))
# Double stars are for emphasis; single stars mark names of things on a page that can be found and clicked.
PLACE = re.compile(r"(?<!\*)\*(?!\*)([^*]+)(?<!\*)\*(?!\*)")
USED = f"a[href], button, select, summary, {TEXTBOXES}"
NOT_THERE = ("workflow", "document", "budget", "Insights")


@pytest.fixture
def app(make_app: MakeApp, fake: Upstream) -> Flask:
    return make_app(OPENROUTER_BASE_URL=fake.base_url)


@pytest.fixture
def names(owner: Browser, fake: Upstream) -> set[str]:
    """Returns the names of all controls on the pages that a new user passes through."""
    fake.counts(50, stall_after=5)
    before = [owner.page(path) for path in ("/admin/connections", "/admin/connections/openrouter", "/admin/settings")]
    tested = before[1].press("Save", key="sk-or-v1-0123456789").press("Test key")
    chat = owner.submit("/", message="Hello").until(status="responding")
    stopped = chat.press("Stop").until(status="stopped")
    actions = [owner.page(f"/messages/{id}/actions") for id in stopped.message_ids]
    return {name_of(page.tree, node) for page in (*before, tested, chat, stopped, *actions) for node in page.all(USED)}


@pytest.mark.slow
def test_every_place_that_the_demo_names_is_there(names: set[str]) -> None:
    named = {place for text in SAID for place in PLACE.findall(text)}

    assert {"Administration", "Connections", "Key", "Save and test", "Stop", "Continue"} <= named
    assert not {place for place in named if not any(f"{name} ".startswith(f"{place} ") for name in names)}


def test_it_praises_nothing_that_is_not_there() -> None:
    assert not [(word, text) for word in NOT_THERE for text in SAID if word in text]
