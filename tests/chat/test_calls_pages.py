"""The calls of answers on pages: their lines, the cards of those that wait, decisions, and the tools of a chat."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.chat.conftest import ended, give, until_settled
from tests.chat.listener import PART
from tests.support.browser import Browser
from tests.support.page import Page
from webapp.base.db import db, write
from webapp.chat.messages.projection import AnswerProjection
from webapp.chat.record.tables import Chat
from webapp.engine.engine import ENGINE
from webapp.settings.service import set_setting
from webapp.streaming.events import Asked, Decided, Phase, Started
from webapp.streaming.topics import Entry
from webapp.tools.built_in.catalog import ALL
from webapp.tools.built_in.texts import QUOTED, fenced
from webapp.tools.policies import decide as decide_policy
from webapp.tools.tables import AllowedTool, Call

ASK = {"tool": "ask_person", "arguments": {"question": "Which?", "choices": ["Red", "Blue"]}}
FREE = {"tool": "ask_person", "arguments": {"question": "<b>Who?</b>"}}
SEARCH = {"tool": "search_documents", "arguments": {"query": "weirs"}}
Begin = Callable[..., str]


@pytest.fixture
def waiting(fake) -> Begin:
    """Begins a chat whose answer calls these tools and then waits; returns its path."""

    def waiting(browser: Browser, *calls: dict[str, Any], then: str = "So be it.", **fields: str) -> str:
        fake.always({"rounds": [{"says": "Hm.", "calls": list(calls or (ASK,))}, {"says": then}]})
        tool = "search_documents" if calls == (SEARCH,) else "ask_person"
        sent = browser.post("/chats", message="Go", tools=tool, **fields)
        assert sent.status_code == 303, sent.text
        path = sent.location.partition("#")[0]
        live = ENGINE.of(browser.app).live
        browser.wait_for(path, lambda page: bool(page.all(".ask")) and not live)
        until_settled(browser.app)
        return path

    return waiting


def become(browser: Browser, **values: str) -> str:
    """Changes the call that waits into another, and returns its id."""
    with browser.app.app_context():
        call = db.session.scalars(select(Call)).one().id
        with write() as session:
            session.execute(update(Call).values(**values))
    return call


def decided(browser: Browser, call: str, **fields: str) -> Page:
    return browser.htmx_post(f"/calls/{call}/decision", **fields)


def call_of(page: Page) -> str:
    return str(page.all(".ask")[0].attributes["id"]).removeprefix("call-")


def test_an_answer_says_in_one_line_what_it_called(owner, fake):
    fake.always({"rounds": [{"says": "I look.", "calls": [SEARCH]}, {"says": "Nothing."}]})
    path = owner.post("/chats", message="Go", tools="search_documents").location
    page = owner.wait_for(path, ended)
    (line,) = page.all(".calls .call")
    assert "Searched the documents for “weirs”" in line.text()
    call = owner.page(str(line.attributes["href"]))
    assert call.says("query weirs")
    assert call.says("No passage of the documents fits")


def test_several_calls_are_folded(owner, fake):
    fake.always({"rounds": [{"calls": [SEARCH, {"tool": "fly", "arguments": {}}]}, {"says": "Nothing."}]})
    page = owner.wait_for(owner.post("/chats", message="Go", tools="search_documents").location, ended)
    assert "Used 2 tools · 1 failed" in page.all(".calls summary")[0].text()
    assert len(page.all(".calls__all .call")) == 2


def test_a_plain_answer_costs_no_statement_more(owner, answered):
    path = answered(owner)
    with owner.counting_statements() as statements:
        page = owner.page(path)
    assert not [statement for statement in statements if "FROM calls" in statement or "FROM allowed_tools" in statement]
    assert not page.all(".calls, .asks")


def test_a_question_waits_as_a_card_and_is_answered_by_a_form(owner, waiting):
    path = waiting(owner)
    page = owner.page(path)
    assert page.all("article")[-1].attributes["data-status"] == "waiting"
    assert page.says("Waiting for you")
    assert not page.all("noscript meta[http-equiv=refresh]"), "a refresh would throw away what is typed"
    (card,) = page.all(".ask")
    assert "Which?" in card.text()
    assert [button.text(strip=True) for button in card.css("button[name=option]")] == ["Red", "Blue"]
    answer = owner.post(f"/calls/{call_of(page)}/decision", decision="answer", option="Blue")
    assert (answer.status_code, answer.location.partition("#")[0]) == (303, path)
    page = owner.wait_for(path, ended)
    assert not page.all(".ask")
    assert "Blue" in page.all(".calls")[-1].text()


def test_what_is_decided_twice_is_told_the_first(owner, waiting):
    path = waiting(owner)
    call = call_of(owner.page(path))
    assert decided(owner, call, decision="answer", result="Green").status_code == 200
    second = decided(owner, call, decision="decline")
    assert second.status_code == 409
    assert "decided already: answered by" in second.text
    owner.wait_for(path, ended)


@pytest.mark.parametrize(
    ("fields", "status"), [({"decision": "fly"}, 422), ({}, 422), ({"decision": "allow"}, 409), ({"decision": "answer"}, 422)]
)
def test_a_decision_that_does_not_fit_changes_nothing(owner, waiting, fields, status):
    path = waiting(owner)
    assert decided(owner, call_of(owner.page(path)), **fields).status_code == status
    assert owner.page(path).all(".ask")


def test_a_tool_that_asks_is_allowed_in_the_chat_and_taken_back(owner, waiting):
    path = waiting(owner)
    call = become(
        owner, tool="read_page", policy="ask", arguments='{"url": "http://127.0.0.1:1/<i>"}', why="This answer has read text."
    )
    page = owner.page(path)
    (card,) = page.all(".ask")
    assert "Allow “Read a web page”?" in card.text()
    assert "http://127.0.0.1:1/<i>" in card.css_first("td").text()
    assert "This answer has read text." in card.text()
    assert "Allowed in this chat" in decided(owner, call, decision="allow_in_chat").text
    page = owner.wait_for(path, ended)
    assert "Read a web page" in page.all("#allowed-tools")[0].text()
    assert owner.post(f"{path}/tools/take-back", tool="read_page").status_code == 303
    assert not owner.page(path).all("#allowed-tools button")
    with owner.app.app_context():
        assert not db.session.scalars(select(AllowedTool)).all()


def test_a_card_hides_nothing_of_what_is_sent(owner, waiting):
    path = waiting(owner)
    sent = {"na\u202eme": "gpj.\u202eexe\u200b\U000e0041", "text": f"{'x' * 5_000} SECRET", "list": ["ä", True]}
    call = become(owner, tool="read_page", policy="ask", arguments=json.dumps(sent))
    (card,) = owner.page(path).all(".ask")
    names, values = ([cell.text(strip=True) for cell in card.css(kind)] for kind in ("th", "td"))
    assert names == ["na\\u202eme", "text", "list"]
    assert (values[0], values[2]) == ("gpj.\\u202eexe\\u200b\\ue0041", '["ä", true]')
    # All of it is on the card, behind how much there is.
    assert card.css_first("td summary").text() == "… 4,007 more characters"
    assert values[1].endswith("x SECRET")
    become(owner, arguments=json.dumps({"text": f"{'x' * 30_000} SECRET"}))
    (card,) = owner.page(path).all(".ask")
    assert "… 10,007 more characters: show all" in card.text()
    assert "SECRET" in owner.page(str(card.css_first("td a").attributes["href"])).one(".arguments").text()
    become(owner, arguments=json.dumps(dict.fromkeys(map(str, range(200)), 1)))
    (card,) = owner.page(path).all(".ask")
    assert "… 170 more arguments: show all" in card.text()
    assert len(owner.page(f"/calls/{call}").all(".arguments tr")) == 200


@pytest.mark.parametrize(
    ("blank", "shown"),
    [(" " * 3_000, 3_000), ("\n" * 60, 60), (" \n" * 10, 20), ("\u3000\u2800" * 400, 800), ("\t" * 40, 40)],
    ids=["spaces", "lines", "both", "wide", "tabs"],
)
def test_white_space_pushes_nothing_out_of_sight(owner, waiting, blank, shown):
    path = waiting(owner)
    call = become(owner, tool="read_page", policy="ask", arguments=json.dumps({"url": f"https://a.example/{blank}SECRET"}))
    for place in (owner.page(path).one(".ask"), owner.page(f"/calls/{call}").one(".arguments")):
        assert place.css_first("td").text(strip=True) == f"https://a.example/ ⟨{shown} × ␣⟩ SECRET"


def test_a_tool_is_denied_with_a_note_for_the_model(owner, waiting, fake):
    path = waiting(owner)
    call = become(owner, tool="read_page", policy="ask", arguments="{}")
    assert decided(owner, call, decision="deny", note="Look it up here.").status_code == 200
    page = owner.wait_for(path, ended)
    assert "not allowed" in page.all(".calls")[-1].text()
    assert "Look it up here." in str([asked["body"] for asked in fake.log()])
    assert owner.page(f"/calls/{call}").says("Denied by")


def test_one_of_which_no_reply_was_seen_asks_what_became_of_it(owner, waiting):
    path = waiting(owner)
    call = become(owner, tool="read_page", state="unknown", arguments="{}")
    (card,) = owner.page(path).all(".ask")
    assert "go through?" in card.text()
    choices = [button.attributes["value"] for button in card.css("button[name=decision]")]
    assert choices == ["done", "again", "leave"]
    assert decided(owner, call, decision="leave").status_code == 200
    owner.wait_for(path, ended)


def test_readers_see_the_card_without_its_buttons(owner, member, stranger, waiting):
    path = waiting(owner)
    give(path, member, "view")
    call = call_of(owner.page(path))
    page = member.page(path)
    assert page.all(".ask")
    assert not page.all(".ask button")
    assert page.says("Waiting for a decision")
    fragment = member.htmx_get(f"/messages/{page.message_ids[-1]}/calls")
    assert "<button" not in fragment.text
    assert member.get(f"/calls/{call}").status_code == 200
    assert decided(member, call, decision="answer", result="Red").status_code == 404
    assert decided(stranger, call, decision="answer", result="Red").status_code == 404
    assert stranger.get(f"/calls/{call}").status_code == 404
    assert stranger.htmx_get(f"/messages/{page.message_ids[-1]}/calls").status_code == 404


def test_whoever_can_write_decides(owner, member, waiting):
    path = waiting(owner, FREE)
    give(path, member, "write")
    page = member.page(path)
    assert "<b>Who?</b>" in page.all(".ask__title")[0].text()
    assert decided(member, call_of(page), decision="answer", result="Me").status_code == 200
    owner.wait_for(path, ended)


def test_nobody_decides_signed_out(app, owner, waiting):
    path = waiting(owner)
    refused = Browser(app).post(f"/calls/{call_of(owner.page(path))}/decision", decision="decline")
    assert refused.location.startswith("/login")


def test_open_pages_fetch_the_calls_for_themselves():
    projection, cursor = AnswerProjection("m", "g"), (0, 0, 0, 0, 0)
    said = [Started("some/model", "fake"), Asked("c", 1, "ask_person", "Asked you", {}, "allow"), Phase("waiting")]
    for seq, event in enumerate(said, 1):
        list(projection.fold(Entry(seq, event)))
    frames, cursor = projection.since(cursor)
    status, news = frames[0].data, frames[-1].data
    assert json.loads(status)["status"] == "waiting"
    assert 'hx-get="/messages/m/calls"' in news
    assert "calls-news" not in str(projection.since(cursor))
    list(projection.fold(Entry(4, Decided("c", "done", "ada"))))
    assert [json.loads(frame.data)["status"] for frame in projection.since(cursor)[0] if frame.event] == ["thinking"]


def test_the_end_brings_the_calls_to_open_pages(owner, waiting, listen):
    path = waiting(owner)
    page = owner.page(path)
    listener, id = listen(owner, page.events_url), page.message_ids[-1]
    decided(owner, call_of(page), decision="answer", result="Red")
    listener.until(lambda feed: "completed" in feed.statuses())
    listener.until(lambda feed: f"#message-{id}-asks" in feed.html)
    (lines,) = [html for target, _, html in PART.findall(listener.html) if target == f"#message-{id}-calls-1"]
    assert "Red" in lines


def test_a_waiting_chat_is_marked_in_lists_and_on_the_first_page(owner, waiting):
    path = waiting(owner)
    home = owner.page("/")
    assert "waiting for you" in home.all("#open-work")[0].text()
    assert "Waiting for you" in home.all(f"#sidebar-{path.rpartition('/')[2]}")[0].text()
    assert "waiting for you" in owner.page("/chats").all("main")[0].text()


def test_a_waiting_answer_is_stopped(owner, waiting):
    path = waiting(owner)
    stop = owner.page(path).all("#composer-controls .stop")[0]
    owner.post(str(stop.attributes["formaction"]))
    page = owner.wait_for(path, lambda page: page.all("article")[-1].attributes["data-status"] == "stopped")
    assert not page.all(".ask")
    assert "not decided" in page.all(".calls")[-1].text()


def test_the_tools_of_a_chat_are_switched_by_a_form(owner, member, stranger, path):
    page = owner.page(f"{path}/tools")
    assert len(page.all(".tool")) == len(ALL)
    assert page.says("No web search is set up.")
    saved = owner.post(f"{path}/tools", shown="ask_person", tool="ask_person")
    assert saved.status_code == 303
    assert "1" in owner.page(path).all("#composer-tools")[0].text()
    # A search shows some of them, and the others stay.
    found = owner.htmx_get(f"{path}/tools?q=web+page")
    assert "Read a web page" in found.text
    assert "Ask a question" not in found.text
    assert "Saved" in owner.htmx_post(f"{path}/tools", shown="read_page", tool="read_page").text
    with owner.app.app_context():
        assert db.session.scalars(select(Chat.tools)).one() == ["read_page", "ask_person"]
    give(path, member, "write")
    for other in (member, stranger):
        assert other.get(f"{path}/tools").status_code == 404
        assert other.post(f"{path}/tools", shown="ask_person").status_code == 404
    assert not member.page(path).all("#composer-tools")


def test_an_unknown_tool_is_refused_for_a_new_chat(owner):
    refused = owner.htmx_post("/chats", message="Go", tools="fly")
    assert refused.status_code == 422
    assert "no tool fly" in refused.text


def test_a_result_is_not_for_those_who_can_not_see_its_sources(app, owner, member, fake):
    fake.always({"rounds": [{"calls": [SEARCH]}, {"says": "So."}]})
    path = owner.post("/chats", message="Go", tools="search_documents").location.partition("#")[0]
    page = owner.wait_for(path, ended)
    give(path, member, "view")
    become(owner, text="The secret of the weir")
    with app.app_context(), write() as session:
        session.execute(update(Call).values(sources=[{"number": 1, "document_id": "d", "passage_id": "p", "page": None}]))
    seen = member.page(str(page.all(".call")[0].attributes["href"]))
    assert "The secret of the weir" not in seen.text
    assert seen.says("quotes documents that you can't see")


def test_a_call_shows_what_came_back_and_not_what_the_model_is_told_of_it(owner, waiting):
    waiting(owner)
    call = become(owner, state="done", text=f"Rivers returned this. {QUOTED}\n{fenced('The Elbe')}")
    assert owner.page(f"/calls/{call}").one(".call__text").text() == "Rivers returned this.\nThe Elbe"


def test_an_answer_at_a_limit_has_a_card_with_three_ways(owner, member, fake):
    with owner.app.app_context():
        set_setting("tools.usd", "0.1")
    fake.always({"rounds": [{"says": "I look.", "calls": [SEARCH], "cost": 0.2}, {"says": "Nothing.", "cost": 0.2}]})
    path = owner.post("/chats", message="Go", tools="search_documents").location.partition("#")[0]
    live = ENGINE.of(owner.app).live
    page = owner.wait_for(path, lambda page: bool(page.all(".ask")) and not live)
    (card,) = page.all(".ask")
    assert "It has reached the cost limit for one answer." in card.text()
    assert [button.attributes["value"] for button in card.css("button[name=decision]")] == ["continue", "answer", "end"]
    give(path, member, "view")
    assert not member.page(path).all(".ask button")
    limit = str(card.css("form")[0].attributes["action"])
    assert member.post(limit, decision="end").status_code == 404
    assert owner.htmx_post(limit, decision="continue", more="lots").status_code == 422
    assert owner.htmx_post(limit, decision="later").status_code == 422
    shown = owner.htmx_post(limit, decision="continue", more="$1")
    assert "This answer has reached a limit" not in shown.text
    page = owner.wait_for(path, ended)
    assert "Nothing." in page.all("article")[-1].text()
    assert owner.post(limit, decision="end").status_code == 409


def test_the_web_search_is_switched_beside_the_message(owner, member, path, fake):
    assert not owner.page(path).all("#composer-web-search"), "there is no search connection"
    assert not owner.page("/").all(".web-search")
    with owner.app.app_context():
        set_setting("tools.search_kind", "searxng")
        set_setting("tools.search_address", "http://127.0.0.1:1")
    (button,) = owner.page(path).all("#composer-web-search")
    assert (button.attributes["aria-pressed"], button.attributes["value"]) == ("false", "search_web")
    # Without scripts, what is typed is still there.
    switched = owner.post(f"{path}/web-search", tools="search_web", message="Half a question")
    assert (switched.status_code, switched.location) == (303, f"{path}#composer-box")
    page = owner.page(path)
    assert page.all("#composer-text")[0].text().strip() == "Half a question"
    (button,) = page.all("#composer-web-search")
    assert (button.attributes["aria-pressed"], button.attributes["value"]) == ("true", "")
    owner.post(f"{path}/tools", shown="ask_person", tool="ask_person")
    assert 'aria-pressed="false"' in owner.htmx_post(f"{path}/web-search", tools="", message="Half").text
    with owner.app.app_context():
        assert db.session.scalars(select(Chat.tools)).one() == ["ask_person"]
    give(path, member, "write")
    assert member.post(f"{path}/web-search", tools="search_web").status_code == 404
    assert not member.page(path).all("#composer-web-search")
    # On the first page it is sent with the message.
    (box,) = owner.page("/").all(".web-search input")
    assert (box.attributes["name"], "checked" in box.attributes) == ("tools", False)
    with owner.app.app_context(), write() as session:
        decide_policy(session, "search_web", "deny")
    assert not owner.page(path).all("#composer-web-search")
    assert owner.htmx_post(f"{path}/web-search", tools="search_web").status_code == 422


def test_a_call_whose_tool_can_no_longer_be_used_says_so_on_its_card(owner, waiting):
    path = waiting(owner)
    become(owner, tool="search_web", state="waiting", arguments='{"query": "weirs"}')
    (card,) = owner.page(path).all(".ask")
    assert "No web search is set up." in card.text()


def test_what_is_decided_too_late_leads_back_to_the_chat(owner, waiting):
    path = waiting(owner)
    call = call_of(owner.page(path))
    decided(owner, call, decision="answer", option="Blue")
    for page, words, link in (
        (owner.origin + path, "Go back", owner.origin + path),
        ("https://evil.example/", "Go to the home page", "/"),
        (f"{owner.origin}/calls/{call}/decision", "Go to the home page", "/"),
    ):
        late = owner.post(f"/calls/{call}/decision", headers={"Referer": page}, decision="answer", option="Red")
        assert (late.status_code, late.link(words).attributes["href"]) == (409, link)
