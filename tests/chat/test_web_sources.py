"""Web pages that an answer was given: numbered chips, their page, the API, exports, and addresses that mean harm."""

import json
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.api.client import client_of
from tests.chat.conftest import ended, give
from tests.support.browser import HTMX, Browser
from tests.support.page import Page
from tests.tools.built_in.conftest import Site, site
from webapp.base.db import write
from webapp.chat.record.tables import Message
from webapp.settings.service import set_setting

__all__ = ["site"]
ROWS = [
    {"title": "Otters & <b>co</b>", "url": "https://example.org/a_b?c=1&d=2", "content": "They <i>swim</i>."},
    {"title": "Sea <otter", "url": "http://sea.example/", "content": "It floats &lt;b&gt;."},
]
SEARCH = {"tool": "search_web", "arguments": {"query": "otters"}}


@pytest.fixture
def page(owner: Browser, fake: Any, site: Site) -> Page:
    """A chat whose answer cites what it found on the web."""
    with owner.app.app_context():
        set_setting("tools.search_kind", "searxng")
        set_setting("tools.search_address", site.url)
    site.says("/search", json.dumps({"results": ROWS}), kind="application/json")
    fake.always({"rounds": [{"calls": [SEARCH]}, {"says": "Otters swim [1], and float [2]."}]})
    return owner.wait_for(owner.post("/chats", message="Go", tools="search_web").location.partition("#")[0], ended)


def test_hits_are_chips_that_open_title_address_and_extract(owner, page):
    chips = page.all(".cited .cite")
    assert [chip.text() for chip in chips] == ["1", "2"]
    assert len(page.all(".message-text .cite")) == 2, "and each number in the text is one"
    sources = owner.page(str(chips[0].attributes["href"]).partition("#")[0])
    links = [(link.text(strip=True), link.attributes["href"], link.attributes["rel"]) for link in sources.all(".quoted a[rel]")]
    assert links[0] == ("Otters & co", "https://example.org/a_b?c=1&d=2", "noopener noreferrer")
    assert links[1] == ("https://example.org/a_b?c=1&d=2", "https://example.org/a_b?c=1&d=2", "noopener noreferrer")
    assert sources.says("It floats <b>.")
    panel = owner.client.get(str(chips[1].attributes["data-panel"]), headers=HTMX).text
    assert 'href="http://sea.example/"' in panel
    assert "It floats &lt;b&gt;." in panel
    assert "They swim" not in panel
    # Without scripts, a number leads to our page, never straight to another site.
    assert owner.client.get(str(chips[1].attributes["data-panel"])).status_code == 200


def test_everyone_who_reads_the_chat_sees_them(owner, member, stranger, page):
    address = str(page.all(".cited a")[0].attributes["href"])
    assert member.get(address).status_code == 404
    give(page.path, member, "view")
    assert member.page(address).says("They swim.")
    assert stranger.get(address).status_code == 404
    call = member.page(str(page.all(".calls .call")[0].attributes["href"]))
    assert call.says("It floats"), "the result quotes nothing that a reader can't see"


def test_programs_and_exports_have_their_addresses(owner, page):
    program = client_of(owner.app, owner.email)
    message = program.get(f"/chats/{page.path.rpartition('/')[2]}/messages")["messages"][-1]
    nothing = {"document_id": None, "passage_id": None, "page": None}
    assert message["sources"] == [
        {"number": 1, "title": "Otters & co", "url": "https://example.org/a_b?c=1&d=2", **nothing},
        {"number": 2, "title": "Sea <otter", "url": "http://sea.example/", **nothing},
    ]
    assert message["calls"][0]["text"].endswith("It floats <b>.")
    assert not message["calls"][0]["is_cut"]
    assert "[2] Sea \\<otter, http://sea.example/" in owner.get(f"{page.path}/export.md").text
    assert "Sea &lt;otter, http://sea.example/" in owner.client.get(f"{page.path}/export.html").text
    filed = json.loads(owner.get(f"{page.path}/export.json").text)["messages"][-1]["sources"]
    assert filed[0] == {"number": 1, "title": "Otters & co", "page": None, "url": "https://example.org/a_b?c=1&d=2"}


def test_an_address_that_is_no_page_is_no_link(owner, page):
    with owner.app.app_context(), write() as session:
        record = {"number": 1, "document_id": "", "passage_id": "", "page": None, "title": "x", "text": "y"}
        harmful = [{**record, "url": "javascript:alert(1)"}, {**record, "number": 2, "url": "data:text/html,x"}]
        id = session.scalars(select(Message.id).where(Message.role == "assistant")).one()
        session.execute(update(Message).where(Message.id == id).values(sources=harmful))
    shown = owner.page(f"/messages/{id}/sources")
    assert "javascript:" not in shown.text
    assert "data:text" not in shown.text
