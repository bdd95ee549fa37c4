"""GET /search: what one search finds, in which order and for whom; a page without scripts, and fragments with them."""

from datetime import timedelta

import pytest
from flask import Flask

from tests.api.client import client_of
from tests.chat.test_chats import add_chats
from tests.chat.test_search import say
from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from tests.support.page import Page
from tests.support.waiting import seen
from webapp.base.db import utc_now


def groups(page: Page) -> dict[str, list[str]]:
    """Returns the names of what was found, by heading, in the order of the page."""
    return {
        str(section.attributes["aria-label"]): [words.text() for words in section.css(".result__words")]
        for section in page.all(".results section")
    }


def typed(browser: Browser, query: str, *, on: str = "/") -> dict[str, list[str]]:
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{on}"}
    return groups(browser.get("/search", query={"q": query}, headers=headers))


def test_it_is_a_form_and_recent_chats_and_the_places_one_may_go(member: Browser, owner: Browser) -> None:
    member.submit("/", message="Where does the water go?")
    page = member.page("/search")
    assert page.form("Search everything").submit(q="mill").path == "/chats"
    assert list(groups(page)) == ["Recent chats", "Actions", "Go to"]
    assert groups(page)["Recent chats"] == ["Where does the water go?"]
    names = {node.attributes["href"] for node in page.all("#search a")}
    assert {"/", "/chats", "/settings", "/account", "/help"} <= names
    assert not [name for name in names if str(name).startswith("/admin")]
    assert {"/admin/keys", "/admin/health"} <= {node.attributes["href"] for node in owner.page("/search").all("#search a")}


def test_insights_is_among_the_admin_pages_and_for_members_in_the_search(member: Browser, owner: Browser) -> None:
    assert len(owner.page("/admin").all("#main a[href='/insights']")) == 1
    for browser in (member, owner):
        assert len(browser.page("/search").all("#search a[href='/insights']")) == 1
    assert owner.page("/insights").all("nav[aria-label=Administration]")
    assert not member.page("/insights").all("nav[aria-label=Administration]")


def test_it_sets_the_theme_and_hides_the_sidebar(member: Browser) -> None:
    page = member.page("/search")
    assert not page.says("System theme")

    page.press("Dark theme")
    page.press("Hide the sidebar")
    page = member.page("/search")

    assert page.one("html").attributes["data-theme"] == "dark"
    assert "data-hidden" in page.one("#sidebar-toggle").attributes
    assert page.says("System theme")
    assert page.says("Show the sidebar")
    assert member.post("/settings/theme", theme="pink").status_code == 422


def test_visitors_have_no_search(visitor: Browser) -> None:
    assert visitor.get("/search").location.startswith("/login")


def test_with_a_query_the_page_is_that_of_all_messages(member: Browser) -> None:
    assert member.get("/search?q=old+mill").location == "/chats?q=old+mill"


@on_both_databases
def test_all_chats_are_found_by_their_titles(member: Browser, stranger: Browser) -> None:
    add_chats(member, 20, title="Race")
    add_chats(member, 1, title="The doe by the water", changed_at=utc_now() - timedelta(days=90))

    assert typed(member, "wat doe")["Chats"] == ["The doe by the water"]
    assert typed(member, "r")["Chats"] == ["Race"] * 6
    assert "Chats" not in typed(stranger, "water")


@on_both_databases
def test_documents_characters_prompts_settings_and_pages_are_found(app: Flask, owner: Browser, stranger: Browser) -> None:
    program = client_of(app, owner.email)
    handbook = program.post("/collections", {"name": "Mill handbook"}, status=201)["id"]
    text = {"text": "Turn it with care.", "title": "The Müller's 100% guide"}
    program.post(f"/collections/{handbook}/documents", text, status=202)
    owner.submit("/characters/new", name="Miller Mara", description="She mills rye.")
    owner.submit("/prompts/new", key="mill-letter", name="Task", text="Write to the miller.")

    found = typed(owner, "mill")
    assert found["Documents"] == ["Mill handbook"]
    assert found["Characters"] == ["Miller Mara"]
    assert found["Prompts"] == ["Mill letter"]
    assert found["Actions"] == ["New chat with Miller Mara"]
    assert typed(owner, "MÜLLER guide")["Documents"] == typed(owner, "100%")["Documents"] == ["The Müller's 100% guide"]
    assert "Documents" not in typed(owner, "100_")
    assert typed(stranger, "mill") == typed(stranger, "müller") == {}

    assert "Answer burst limit" in typed(owner, "burst lim")["Settings"]
    assert typed(stranger, "getglobalvar")["Go to"] == ["Variables"]
    assert typed(owner, "custom instr")["Settings"][0] == "Custom instructions"
    assert typed(owner, "rotate") == {"Administration": ["Keys"]}
    assert typed(stranger, "burst lim") == typed(stranger, "rotate") == {}
    assert typed(stranger, "theme")["Settings"] == ["Theme"]


def test_a_document_is_found_by_its_text_and_opens_at_the_passage(app: Flask, owner: Browser, stranger: Browser) -> None:
    program = client_of(app, owner.email)
    shelf = program.post("/collections", {"name": "Machines"}, status=201)["id"]
    chapters = "\n\n".join(f"# Chapter {number}\n\n" + "Wheels turn slowly. " * 60 for number in range(12))
    text = {"text": f"{chapters}\n\n# The last\n\nA quern is turned by hand.", "title": "Handbook"}
    program.post(f"/collections/{shelf}/documents", text, status=202)

    page = seen(lambda: owner.htmx_get("/search?q=querns"), lambda page: bool(page.all("mark")), "the document is read")
    (link,) = [link for link in page.all(".results a") if link.css("mark")]
    path = str(link.attributes["href"])
    assert "Handbook" in link.text()
    assert "A quern is turned by hand." in owner.page(path).one("#" + path.partition("#")[2]).text()
    assert "Documents" not in typed(owner, "qu")
    assert typed(stranger, "quern") == {}


def test_a_new_chat_begins_with_a_character_or_a_model_that_is_named(owner: Browser) -> None:
    owner.submit("/characters/new", name="Mara", description="She mills rye.")

    fragment = owner.htmx_get("/search?q=new+chat+with+mar")
    assert groups(fragment)["Actions"] == ["New chat with Mara"]
    assert owner.page("/chats?q=chat+with+mar").press("New chat with Mara").path.startswith("/chats/")
    assert typed(owner, "new chat")["Go to"] == ["New chat"]
    [link] = owner.htmx_get("/search?q=demo+quick").all("[aria-label=Actions] a")
    assert owner.page(str(link.attributes["href"])).one("#composer-model option[selected]").attributes["value"] == "demo/quick"


def test_the_open_chat_can_be_archived_but_not_somebody_elses(member: Browser, stranger: Browser) -> None:
    [chat_id] = add_chats(member, 1, title="Old races")
    here = f"/chats/{chat_id}"

    assert "Recent chats" not in typed(member, "", on=here)
    assert typed(member, "this chat", on=here)["Actions"] == [
        "Rename this chat", "Pin this chat", "Archive this chat", "Delete this chat",
    ]  # fmt: skip
    assert list(typed(member, "archive", on=here)) == ["Actions", "Go to"]
    assert "Actions" not in typed(member, "archive")
    assert "Actions" not in typed(stranger, "archive", on=here)
    assert member.post(f"{here}/archive").status_code == 303
    assert typed(member, "unarch", on=here)["Actions"] == ["Unarchive this chat"]


def test_what_is_named_comes_before_what_mentions_it(member: Browser) -> None:
    [chat_id] = add_chats(member, 1, title="About looks")
    say(member, chat_id, "The dark side of the mill")

    assert list(typed(member, "dark")) == ["Actions", "Messages"]
    assert list(typed(member, "mill")) == ["Messages"]


@pytest.mark.slow
@pytest.mark.parametrize("query", ["%", "_", "\\", "'; --", "\0", "a" * 500, "x " * 400, "<b>"])
def test_nothing_that_is_typed_breaks_it(member: Browser, query: str) -> None:
    typed(member, query)
    assert member.get("/chats", query={"q": query}).status_code == 200


def test_without_a_hit_all_messages_can_be_searched(member: Browser) -> None:
    fragment = member.htmx_get("/search?q=un<b>heard")
    assert fragment.says("Nothing found.")
    assert fragment.one(".results").attributes["data-query"] == "un<b>heard"
    assert fragment.one(".results").attributes["data-count"] == "0 results"
    assert fragment.one(".result--all").attributes["href"] == "/chats?q=un%3Cb%3Eheard"


def test_the_page_of_results_has_the_same_groups(member: Browser) -> None:
    [chat_id] = add_chats(member, 1, title="Account books")
    say(member, chat_id, "The account of the mill")

    page = member.page("/chats?q=account")
    assert list(groups(page)) == ["Chats", "Go to"]
    assert len(page.all(".hit")) == 1
