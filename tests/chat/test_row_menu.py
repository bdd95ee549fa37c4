"""The menu of a row in the sidebar: the same actions as elsewhere, on whatever page it is used, and undo."""

import pytest

from tests.chat.test_chats import add_chats, sidebar_of
from webapp.base.db import db
from webapp.chat.record.tables import Chat


@pytest.fixture
def id(owner) -> str:
    return add_chats(owner, 1, title="The mill race")[0]


def kept(browser, id: str) -> Chat:
    with browser.app.app_context():
        return db.session.get_one(Chat, id)


def send(browser, id: str, here: str = "/settings", **fields: str):
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{here}"}
    return browser.post(f"/chats/{id}/menu", headers=headers, **fields)


def test_each_row_of_ones_own_leads_to_its_menu(owner, id):
    more = owner.page("/").one(".chats__more")
    # The chat's own page has the same menu, so a row is a single stop of the Tab key.
    assert (more.attributes["href"], more.attributes["tabindex"]) == (f"/chats/{id}/menu", "-1")
    assert owner.page(f"/chats/{id}").has("#chat-menu button", "Delete chat")
    fragment = owner.htmx_get(f"/chats/{id}/menu")
    assert [node.attributes["value"] for node in fragment.all("button")] == ["rename", "pin", "archive", "delete"]
    assert not fragment.all("title")


@pytest.mark.slow
def test_the_menu_is_a_page_without_scripts_and_all_is_undone_there(owner, id):
    page = owner.page(f"/chats/{id}/menu")
    assert page.heading == "The mill race"
    links = {str(link.attributes["href"]).removeprefix(f"/chats/{id}") for link in page.all(".row-menu a")}
    assert {"/people", "/export.md", "/export.json"} <= links
    assert page.one(".back").attributes["href"] == f"/chats/{id}"
    owner.post(f"/chats/{id}/menu", deed="rename", title="The weir")
    assert kept(owner, id).title == "The weir"
    page = owner.get(owner.post(f"/chats/{id}/menu", deed="delete").location)
    assert page.says("“The weir” is in the trash.")
    page.form("Undo").submit()
    assert not kept(owner, id).deleted_at


@pytest.mark.parametrize(("deed", "undo"), [("pin", "unpin"), ("archive", "unarchive"), ("delete", "restore")])
def test_a_deed_redraws_the_list_and_offers_its_undo(owner, id, deed, undo):
    answer = send(owner, id, deed=deed)
    assert answer.one(".toast button").attributes["value"] == undo
    assert ("The mill race" in answer.one('[hx-target="#sidebar-chats"]').text()) is (deed == "pin")
    send(owner, id, deed=undo)
    assert sidebar_of(owner.page("/")) == ["The mill race"]
    assert not owner.page("/").has("h2", "Pinned")


def test_the_undo_of_archiving_pins_again(owner, id):
    send(owner, id, deed="pin")
    assert send(owner, id, deed="archive").one(".toast button").attributes["value"] == "pin"
    send(owner, id, deed="pin")
    assert kept(owner, id).pinned_at
    assert not kept(owner, id).archived_at


def test_the_open_chat_stays_marked_and_is_left_when_it_is_deleted(owner, id):
    assert send(owner, id, f"/chats/{id}", deed="pin").one("[aria-current]").attributes["href"] == f"/chats/{id}"
    answer = send(owner, id, f"/chats/{id}", deed="delete")
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, f"/chats?did=delete&chats={id}")


def test_a_page_of_the_same_rows_is_drawn_anew(owner, id):
    answer = send(owner, id, "/chats?show=archived&did=pin&chats=x", deed="archive")
    assert answer.headers["HX-Redirect"] == f"/chats?show=archived&did=archive&chats={id}"
    assert owner.page(answer.headers["HX-Redirect"]).says("“The mill race” archived.")
    assert send(owner, id, "/chats", deed="rename", title="The weir").headers["HX-Redirect"] == "/chats"
    assert send(owner, id, "/chats/trash", deed="delete").headers["HX-Redirect"] == f"/chats/trash?did=delete&chats={id}"


@pytest.mark.parametrize("deed", ["", "erase", "pillage"])
def test_nothing_else_is_done(owner, id, deed):
    assert owner.post(f"/chats/{id}/menu", deed=deed).status_code == 422
    assert send(owner, id, deed="rename", title=" ").status_code == 422
    assert kept(owner, id).title == "The mill race"


def test_an_open_chat_that_is_not_among_the_newest_is_in_the_list(owner, id):
    send(owner, id, deed="archive")
    assert owner.page(f"/chats/{id}").one(".chats--here a").attributes["aria-current"] == "page"
    assert not owner.page("/").all(".chats--here")
    send(owner, id, deed="unarchive")
    assert not owner.page(f"/chats/{id}").all(".chats--here")


def test_the_menu_of_the_open_chat_says_what_was_done_too(owner, id):
    send(owner, id, deed="pin")
    answer = owner.htmx_post(f"/chats/{id}/archive")
    assert answer.one(".toast p").text() == "“The mill race” archived."
    assert answer.one(".toast button").attributes["value"] == "pin"
    assert "Unarchive" in answer.one('[hx-target="#chat-menu"]').text()
    assert "The mill race" not in answer.one('[hx-target="#sidebar-chats"]').text()
    assert owner.post(f"/chats/{id}/unarchive").location == f"/chats/{id}#end"
