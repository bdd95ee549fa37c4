"""/settings/keys: a person's own keyboard shortcuts, without scripts, and what pages and programs are told of them."""

import json

from flask import Flask

from tests.api.client import Client
from tests.support.browser import Browser
from tests.support.page import Page
from webapp.people.shortcuts import FIXED, SHORTCUTS

PATH = "/settings/keys"
SEARCH = "Search everything, or run an action by name"


def table(page: Page) -> dict[str, str]:
    """Returns what a page tells its script: the names of shortcuts by key."""
    keys: dict[str, str] = json.loads(page.one("html").attributes["data-keys"] or "")
    return keys


def test_every_shortcut_has_a_field_and_the_others_are_listed(member: Browser) -> None:
    page = member.page("/settings").click("Keyboard shortcuts Change keyboard shortcuts.")

    assert page.heading == "Keyboard shortcuts"
    for shortcut in SHORTCUTS:
        assert page.textbox(shortcut.words).value == shortcut.key
    for _, words in FIXED:
        assert page.says(words)
    assert not page.all("button[name=all], button[name=to_default]")


def test_a_key_is_changed_without_scripts_and_every_page_is_told(member: Browser, stranger: Browser) -> None:
    page = member.page(PATH).press("Save", search="ctrl + shift + e", help="", quote="g then q")

    assert page.says("Saved.")
    assert page.textbox(SEARCH).value == "Ctrl+Shift+E"
    assert member.page("/settings").says("Keyboard shortcuts 3 changed")
    for path in ("/", "/chats", PATH):
        told = table(member.page(path))
        assert (told["Ctrl+Shift+E"], told["g then q"]) == ("search", "quote")
        assert not {"Ctrl+K", "?", ">"} & told.keys()
        assert table(stranger.page(path))["Ctrl+K"] == "search"
    assert member.page("/settings/sidebar").says("with Ctrl + Shift + E")


def test_help_lists_the_keys_of_its_reader(member: Browser, visitor: Browser) -> None:
    member.submit(PATH, search="Ctrl+Shift+E", new_chat="")

    help_page = member.page("/help")
    assert help_page.says(f"Ctrl + Shift + E {SEARCH}")
    assert not help_page.says("New chat Ctrl")
    assert not help_page.says("Ctrl + Shift + O")
    assert visitor.page("/help").says(f"Ctrl + K {SEARCH}")
    assert table(visitor.page("/help"))["Ctrl+K"] == "search"


def test_conflicts_and_needed_keys_are_refused_beside_the_field(member: Browser) -> None:
    page = member.post(PATH, search="Ctrl+Shift+O", help="h")
    assert page.status_code == 422
    assert page.error_at(SEARCH).endswith("Ctrl + Shift + O is the key of “New chat”. Choose another one.")
    assert page.textbox(SEARCH).value == "Ctrl+Shift+O"
    for key, sentence in {
        "Ctrl+W": "Browsers need",
        "Ctrl+V": "Texts and dialogs need",
        "x" * 99: "at most 40 characters",
    }.items():
        refused = member.post(PATH, search=key)
        assert (refused.status_code, sentence in refused.error_at(SEARCH)) == (422, True)
    assert table(member.page("/"))["?"] == "help"


def test_one_key_and_all_keys_are_reset(member: Browser) -> None:
    page = member.submit(PATH, search="F8", help="h", next_error="F9")
    page = page.press(f"Reset {SEARCH}")
    assert page.textbox(SEARCH).value == "Ctrl+K"
    assert table(page)["h"] == "help"

    page = page.press("Reset all")
    assert table(page) == {shortcut.key: shortcut.name for shortcut in SHORTCUTS}
    assert not page.all("button[name=all], button[name=to_default]")


def test_a_reset_key_that_another_has_by_now_is_refused(member: Browser) -> None:
    member.submit(PATH, help="h", quote="?")
    page = member.post(PATH, to_default="help")
    assert page.status_code == 422
    assert "? is the key of “Quote selected text" in page.error_at("Show the help")


def test_programs_read_and_change_the_keys(member: Browser, app: Flask) -> None:
    session = Client(app, browser=member)
    assert session.get("/me")["keys"] == {shortcut.name: shortcut.key for shortcut in SHORTCUTS}

    keys = session.said("PATCH", "/me", 200, {"keys": {"search": "ctrl+shift+e", "help": ""}})["keys"]
    assert (keys["search"], keys["help"], keys["quote"]) == ("Ctrl+Shift+E", "", ">")
    assert table(member.page("/"))["Ctrl+Shift+E"] == "search"

    refused = session.said("PATCH", "/me", 422, {"keys": {"quote": "Ctrl+Shift+E"}})
    assert SEARCH in refused["error"]
    session.said("PATCH", "/me", 422, {"keys": {"kingfisher": "k"}})
    assert session.said("PATCH", "/me", 200, {"keys": {"search": None, "help": None}})["keys"]["search"] == "Ctrl+K"


def test_a_visitor_signs_in_first(visitor: Browser) -> None:
    assert visitor.get(PATH).location == f"/login?next={PATH}"
    assert visitor.post(PATH, help="h").location == "/login"
