"""Links for people without an account, asked by programs that guess, insist or hold on."""

import gzip
import re
from time import monotonic
from typing import Any

import pytest

from tests.chat.conftest import ended
from tests.support.browser import CROSS_SITE, Browser
from tests.support.turns import nobody_waits
from webapp.base.db import write
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import ENGINE
from webapp.rendering import markdown
from webapp.workspace.links import feed
from webapp.workspace.links.pages import MOST_CHARS, SAME_SECONDS_LIVE

HOSTILE = '<script>alert(1)</script> ![x](https://evil.example/a.png) <div hx-get="/links">x</div> [go](javascript:alert(1))'


@pytest.fixture
def nobody(app) -> Browser:
    return Browser(app)


@pytest.fixture
def address(owner, fake) -> str:
    fake.says(HOSTILE, cost=0.0001)
    path = owner.post("/chats", message=HOSTILE).location.partition("#")[0]
    owner.wait_for(path, ended)
    made: dict[str, Any] = owner.client.post(f"/api/v1{path}/links", json={"live": True}).json
    return "/s/" + str(made["url"]).rpartition("/s/")[2]


def test_a_hostile_text_is_inert(nobody, address):
    page = nobody.get(address)
    assert not page.all("#thread script, #thread img, #thread [hx-get], #thread [href^=javascript]")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_guessing_is_slowed_down_and_who_has_a_link_is_not(nobody, address):
    answers = [nobody.client.get(f"/s/{number:022}").status_code for number in range(40)]
    assert set(answers) == {404, 429}
    assert answers[:25] == [404] * 25
    assert nobody.client.get(address).status_code == 200
    for odd in ("/s/%00", f"/s/{'a' * 5000}", "/s/../s/", f"{address}/files/../../etc", f"{address}/files/%00"):
        assert nobody.client.get(odd).status_code in (404, 429)


def test_a_visit_is_not_made_by_another_site_in_the_background(nobody, address):
    assert nobody.client.get(address, headers={**CROSS_SITE, "Sec-Fetch-Mode": "cors"}).status_code == 403
    assert nobody.client.post(f"{address}/continue", headers=CROSS_SITE).status_code == 403


def test_many_visits_at_once_read_the_chat_once(nobody, address):
    began = monotonic() // SAME_SECONDS_LIVE
    with nobody.counting_statements() as statements:
        for _ in range(20):
            nobody.get(address, headers={"If-None-Match": "nothing"})
    read = [said for said in statements if re.search(r"(?<!\()messages\.content\b", said)]
    # Once more in each second that has begun meanwhile.
    assert 1 <= len(read) <= 1 + monotonic() // SAME_SECONDS_LIVE - began


def test_pages_beyond_the_bound_ask_again_later_and_those_of_no_link_are_closed(app, nobody, address):
    streams = [nobody.client.get(f"{address}/events").response for _ in range(feed.MOST_OF_LINK + 1)]
    firsts = [next(iter(stream)) for stream in streams]
    assert [b"retry: 10000" in first for first in firsts] == [False] * feed.MOST_OF_LINK + [True]
    with app.app_context():
        assert [len(followed.signals) for followed in feed.PAGES.get().followed.values()] == [feed.MOST_OF_LINK]
    for stream in streams:
        getattr(stream, "close", lambda: None)()
    with app.app_context():
        assert not feed.PAGES.get().followed
    assert not ENGINE.of(app).readers
    told = nobody.client.get("/s/AAAAAAAAAAAAAAAAAAAAAA/events").text
    assert "This link isn't available" in told
    assert "event: closed" in told


@pytest.mark.slow
def test_the_page_of_a_long_chat_ends_in_time_and_holds_up_nobody(app, owner, nobody, fake):
    text, html = "Some *words* of it.\n\n" * 40_000, "<p>Some <em>words</em> of it.</p>\n" * 40_000
    with app.app_context(), write() as session:
        chat = Chat(owner_id=owner.person_id, model="some/model", title="Long")
        session.add(chat)
        session.flush()
        above = None
        for _ in range(5):
            said = {"chat_id": chat.id, "content": text, "html": html, "html_version": markdown.VERSION, "parent_id": above}
            message = Message(role="assistant", **said)
            session.add(message)
            session.flush()
            above = chat.head_id = message.id
        path = f"/api/v1/chats/{chat.id}/links"
    address = "/s/" + str(owner.client.post(path, json={}).json["url"]).rpartition("/s/")[2]
    nobody.client.get("/s/AAAAAAAAAAAAAAAAAAAAAA")
    with nobody_waits():
        response = nobody.client.get(address, headers={"Accept-Encoding": "gzip"})
    page = gzip.decompress(response.data).decode()
    assert "This chat is too long to show in full." in page
    assert len(page) < MOST_CHARS * 1.1
