"""The calls of an answer stand where they were made: in its text as it grows, at its end, and on every page of it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import update

from tests.chat.conftest import ended
from tests.chat.files import bring, download
from tests.chat.listener import PART, listen
from tests.chat.test_calls_in_files import newest_chat
from tests.support.page import Page
from webapp.base.db import write
from webapp.chat.messages.projection import AnswerProjection
from webapp.chat.record.tables import Message
from webapp.rendering import markdown
from webapp.rendering.footnotes import CALLS, scoped
from webapp.streaming.events import Asked, Delta, Ended, Returned, Started
from webapp.streaming.topics import Entry

__all__ = ["listen"]
SEARCH = {"tool": "search_documents", "arguments": {"query": "weirs"}}
FLY = {"tool": "fly", "arguments": {}}
ROUNDS = [
    {"calls": [SEARCH]},
    {"says": "I look *again*.", "calls": [SEARCH, FLY]},
    {"says": "- one\n- two", "calls": [SEARCH]},
    {"says": "Nothing."},
]
PLACE = '<div class="calls" id="message-m-calls-{}"></div>\n'


def called(round: int) -> Asked:
    return Asked(f"c{round}", round, "search_documents", "Searched", {}, "allow")


@pytest.fixture
def projection() -> Callable[..., AnswerProjection]:
    def projection(*events: Any, **values: Any) -> AnswerProjection:
        made = AnswerProjection("m", "g", **values)
        for seq, event in enumerate((Started("some/model", "fake"), *events), 1):
            list(made.fold(Entry(seq, event)))
        return made

    return projection


def order(page: Page, id: str) -> Iterator[str]:
    """Yields the words of what is in an answer's text, in its order; of calls, `calls` and their round."""
    for node in page.one(f"#message-{id}-text").iter():
        of_calls = (node.attributes.get("id") or "").rpartition("-calls-")
        yield f"calls {of_calls[2]}" if of_calls[1] else node.text(strip=True)


def test_a_text_says_where_it_was_interrupted(projection):
    grown = projection(
        Delta("I look"), called(1), called(1), Delta("\n\nNow again."), called(2), Delta("\n\nDone."), Ended("completed", "stop")
    )
    assert grown.html == f"<p>I look</p>\n{PLACE.format(1)}<p>Now again.</p>\n{PLACE.format(2)}<p>Done.</p>\n"
    seams = [markdown.CallsSeam(len("I look"), 1), markdown.CallsSeam(len("I look\n\nNow again."), 2)]
    assert scoped(markdown.render("I look\n\nNow again.\n\nDone.", seams), "m") == grown.html


@pytest.mark.parametrize(
    "said", ["I look", "I look\n\n", "- one\n- two", "> a\n>\n> b", "```\ncode\n```", "| a |\n|---|\n| b |", "*open"]
)
def test_it_is_the_same_however_it_is_rendered(projection, said):
    grown = projection(Delta(said), called(1), Delta("\n\nDone."), Ended("completed", "stop"))
    whole = scoped(markdown.render(f"{said}\n\nDone.", [markdown.CallsSeam(len(said), 1)]), "m")
    assert (grown.html, CALLS.findall(whole)) == (whole, ["1"])


def test_calls_before_all_text_have_no_place_in_it(projection):
    assert projection(called(1), Delta("Done."), Ended("completed", "stop")).html == "<p>Done.</p>\n"


def test_a_page_has_the_place_before_what_fills_it(projection):
    grown = projection(Delta("I look"))
    _, cursor = grown.since((0, 0, 0, 0, 0))
    list(grown.fold(Entry(3, called(1))))
    texts, cursor = grown.since(cursor)
    news, cursor = grown.since(cursor)
    assert 'id="message-m-calls-1"' in texts[-1].data
    assert 'hx-get="/messages/m/calls"' in news[-1].data
    assert grown.since(cursor)[0] == []


def test_a_place_that_comes_later_is_filled_then(projection):
    grown = projection(Delta("- one\n- two"), called(1), Returned("c1", "done", "Nothing."))
    _, cursor = grown.since((0, 0, 0, 0, 0))
    _, cursor = grown.since(cursor)
    list(grown.fold(Entry(4, Delta("\n\nDone.\n\nMore"))))
    texts, cursor = grown.since(cursor)
    assert 'id="message-m-calls-1"' in texts[-1].data
    assert "calls-news" in grown.since(cursor)[0][-1].data


def test_places_that_the_end_brings_are_filled_after_it(projection):
    # A link that is defined late has the whole text drawn once more.
    grown = projection(Delta("See [mill][m]."), called(1), Delta("\n\nDone.\n\n[m]: https://mill.example"))
    _, cursor = grown.since((0, 0, 0, 0, 0))
    _, cursor = grown.since(cursor)
    list(grown.fold(Entry(5, Ended("completed", "stop"))))
    last = grown.since(cursor)[0][-1].data
    assert last.index('id="message-m-calls-1"') < last.index('hx-get="/messages/m/calls"')


def test_a_continuation_keeps_the_places(projection):
    seams = [markdown.CallsSeam(len("I look"), 1)]
    grown = projection(called(1), Delta("\n\nDone."), Ended("completed", "stop"), beginning="I look", seams=seams)
    assert grown.html == f"<p>I look</p>\n{PLACE.format(1)}<p>Done.</p>\n"


def test_pages_show_calls_where_they_were_made(owner, fake):
    fake.always({"rounds": ROUNDS})
    page = owner.wait_for(owner.post("/chats", message="Go", tools="search_documents").location, ended)
    id = page.message_ids[-1]
    assert [*order(page, id)] == ["I lookagain.", "calls 2", "onetwo", "calls 3", "Nothing."]
    assert "Searched the documents" in page.one(f"#message-{id}-calls").text()
    assert "Used 2 tools · 1 failed" in page.one(f"#message-{id}-calls-2").text()
    assert "Searched the documents" in page.one(f"#message-{id}-calls-3 .call").text()
    # Rendered again, it is the same.
    with owner.app.app_context(), write() as session:
        session.execute(update(Message).values(html="", html_version=0))
    assert [*order(owner.page(page.path), id)] == [*order(page, id)]


def test_open_pages_get_what_a_reload_shows(owner, fake, listen):
    fake.always({"rounds": ROUNDS})
    path = owner.post("/chats", message="Go", tools="search_documents").location.partition("#")[0]
    page = owner.page(path)
    listener, id = listen(owner, page.events_url), page.message_ids[-1]
    listener.until(lambda feed: "completed" in feed.statuses())
    listener.until(lambda feed: f"#message-{id}-asks" in feed.html)
    last = {target: html for target, _, html in PART.findall(listener.html)}
    shown = owner.wait_for(path, ended)
    for round in ("", "-2", "-3"):
        target = f"#message-{id}-calls{round}"
        assert LexborHTMLParser(last[target]).css_first(target).html == shown.one(target).html


def test_where_a_text_has_no_place_for_them_they_stand_above_it(owner, fake):
    fake.always({"rounds": ROUNDS[1:]})
    page = owner.wait_for(owner.post("/chats", message="Go", tools="search_documents").location, ended)
    id = page.message_ids[-1]
    with owner.app.app_context(), write() as session:
        session.execute(update(Message).where(Message.id == id).values(html="<p>Otters</p>"))
    page = owner.page(page.path)
    assert [*order(page, id)] == ["Otters"]
    assert page.one(f"#message-{id}-calls summary").text(strip=True) == "Used 2 tools · 3 calls · 1 failed"


def test_files_have_none(owner, fake):
    fake.always({"rounds": ROUNDS})
    path = owner.wait_for(owner.post("/chats", message="Go", tools="search_documents").location, ended).path
    exported = download(owner, f"{path}/export.html").decode()
    assert "-calls-" not in exported
    assert "I look" in exported


def test_branches_and_imports_show_calls_in_their_place(owner, member, fake):
    fake.always({"rounds": ROUNDS})
    page = owner.wait_for(owner.post("/chats", message="Go", tools="search_documents").location, ended)
    branch = owner.page(owner.post(f"/messages/{page.message_ids[-1]}/fork").location.partition("#")[0])
    assert bring(member, download(owner, f"{page.path}/export.json")).says("1 new chat")
    imported = member.page(newest_chat(member))
    for shown in (branch, imported):
        id = shown.message_ids[-1]
        assert [*order(shown, id)] == [*order(page, page.message_ids[-1])]
        assert "Used 2 tools" in shown.one(f"#message-{id}-calls-2").text()


def test_a_text_that_a_person_has_edited_has_no_places(owner, member, fake):
    fake.always({"rounds": ROUNDS})
    page = owner.wait_for(owner.post("/chats", message="Go", tools="search_documents").location, ended)
    with owner.app.app_context(), write() as session:
        edited = {"is_edited": True, "html": "", "html_version": 0}
        session.execute(update(Message).where(Message.id == page.message_ids[-1]).values(edited))
    bring(member, download(owner, f"{page.path}/export.json"))
    for shown in (owner.page(page.path), member.page(newest_chat(member))):
        assert [*order(shown, shown.message_ids[-1])] == ["I lookagain.", "onetwo", "Nothing."]
