"""The help sheet, the palette and the manifest: pages without scripts, fragments with them."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from tests.chat.test_chats import add_chats
from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.test_contrast import TOKENS, luminance
from webapp.app import FEATURES
from webapp.base.config import ROOT
from webapp.base.db import utc_now


@pytest.mark.mostly_slow
@pytest.mark.parametrize("who", ["visitor", "member", "owner"])
def test_help_is_for_everybody(who: str, request: pytest.FixtureRequest) -> None:
    browser: Browser = request.getfixturevalue(who)
    page = browser.page("/help")

    assert page.heading == "Help"
    assert page.says("Send message")
    assert page.says("I forgot my password")
    assert page.says("The health page") is (who == "owner")


def test_the_sheets_come_as_fragments_too(member: Browser) -> None:
    for path, root in (("/help", "#help-sheet"), ("/palette", "#palette")):
        fragment = member.htmx_get(path)
        assert fragment.status_code == 200
        assert not fragment.all("title")
        assert fragment.one(root)


def test_the_palette_is_a_search_form_and_the_places_one_may_go(member: Browser, owner: Browser) -> None:
    page = member.page("/palette")
    assert page.form("Search chats and pages").submit(q="mill").path == "/chats"
    names = {node.attributes["href"] for node in page.all("#palette a")}
    assert {"/", "/chats", "/settings", "/account", "/help"} <= names
    assert not [name for name in names if str(name).startswith("/admin")]
    assert {"/admin/keys", "/admin/health"} <= {node.attributes["href"] for node in owner.page("/palette").all("#palette a")}


def test_insights_is_among_the_admin_pages_and_for_members_in_the_palette(member: Browser, owner: Browser) -> None:
    assert len(owner.page("/admin").all("#main a[href='/insights']")) == 1
    for browser in (member, owner):
        assert len(browser.page("/palette").all("#palette a[href='/insights']")) == 1
    assert owner.page("/insights").all("nav[aria-label=Administration]")
    assert not member.page("/insights").all("nav[aria-label=Administration]")


def test_the_palette_says_how_to_search_all_chats(member: Browser) -> None:
    assert member.page("/palette").says("Press Enter to search all messages")


def test_the_palette_sets_the_theme_and_hides_the_sidebar(member: Browser) -> None:
    page = member.page("/palette")
    assert not page.says("Theme: System")

    page.press("Theme: Dark")
    page.press("Hide the sidebar")
    page = member.page("/palette")

    assert page.one("html").attributes["data-theme"] == "dark"
    assert "data-hidden" in page.one("#sidebar-toggle").attributes
    assert page.says("Theme: System")
    assert page.says("Show the sidebar")
    assert member.post("/settings/theme", theme="pink").status_code == 422


def test_visitors_have_no_palette(visitor: Browser) -> None:
    assert visitor.get("/palette").location.startswith("/login")


@pytest.mark.slow
def test_every_entry_of_the_navigation_exists(app: Flask, owner: Browser) -> None:
    for entry in (entry for feature in FEATURES for entry in feature.navigation):
        assert owner.get(entry.path, follow=True).status_code == 200, entry


def test_recent_chats_are_in_the_palette(member: Browser) -> None:
    member.submit("/", message="Where does the water go?")
    assert member.page("/palette").says("Where does the water go?")


def test_the_palette_finds_all_chats_by_their_titles(member: Browser, stranger: Browser) -> None:
    ids = add_chats(member, 120, title="Race")
    add_chats(member, 1, title="Where does the water go?", changed_at=utc_now() - timedelta(days=90))

    fragment = member.htmx_get("/palette?q=wat+whe")
    assert [node.text(strip=True) for node in fragment.all("a")] == ["Where does the water go?"]
    assert not fragment.all("#palette")
    assert len(member.htmx_get("/palette?q=r").all("a")) == 12 < len(ids)
    assert member.page("/palette?q=water").says("Where does the water go?")
    assert not stranger.htmx_get("/palette?q=water").all("a")


def test_the_sidebar_is_hidden_and_stays_so_in_this_browser(member: Browser) -> None:
    assert "data-hidden" not in member.page("/").one("#sidebar-toggle").attributes
    answer = member.post("/sidebar", headers={"Referer": "http://localhost/chats?q=mill"}, show="0")
    assert answer.location == "/chats?q=mill"
    assert "data-hidden" in member.page("/settings").one("#sidebar-toggle").attributes
    assert "data-hidden" not in member.htmx_post("/sidebar", show="1").one("#sidebar-toggle").attributes
    assert "data-hidden" not in member.page("/").one("#sidebar-toggle").attributes


def test_the_manifest_names_pictures_that_exist(visitor: Browser) -> None:
    manifest = visitor.get("/manifest.webmanifest")

    assert manifest.headers["Content-Type"].startswith("application/manifest+json")
    assert {"192x192", "512x512", "any"} == {icon["sizes"] for icon in manifest.json["icons"]}
    assert "maskable" in {icon.get("purpose") for icon in manifest.json["icons"]}
    for icon in manifest.json["icons"]:
        picture = visitor.client.get(icon["src"])
        assert (picture.status_code, picture.mimetype) == (200, icon["type"])
        if icon["type"] == "image/png":
            size = int.from_bytes(picture.data[16:20], "big")
            assert f"{size}x{size}" == icon["sizes"]
        picture.close()


def test_pages_say_which_colour_they_are(app: Flask, member: Browser) -> None:
    metas = {node.attributes["media"]: node.attributes["content"] for node in member.page("/").all("meta[name=theme-color]")}
    assert list(metas.values()) == ["#fcfaf7", "#0f171c"]
    dark = signed_in(app, "dora@example.org", "member")
    dark.submit("/settings", theme="dark")
    assert [node.attributes["content"] for node in dark.page("/").all("meta[name=theme-color]")] == ["#0f171c"]


def test_those_colours_are_the_papers() -> None:
    found = re.search(
        r"--paper: light-dark\(oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\), oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\)\)", TOKENS.read_text()
    )
    assert found
    numbers = [float(group) for group in found.groups()]
    for colour, (lightness, chroma, hue) in (("#fcfaf7", numbers[:3]), ("#0f171c", numbers[3:])):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        shown = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert shown == pytest.approx(luminance(lightness / 100, chroma, hue), abs=0.004)


def test_every_page_can_become_an_app(visitor: Browser) -> None:
    page = visitor.page("/login")
    assert page.one('link[rel="manifest"]').attributes["href"] == "/manifest.webmanifest"
    icon = page.one('link[rel="apple-touch-icon"]').attributes["href"] or ""
    assert (ROOT / icon.partition("?")[0].lstrip("/")).exists()
