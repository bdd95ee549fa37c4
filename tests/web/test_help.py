"""The help sheet and the manifest: pages without scripts, fragments with them."""

import re

import pytest
from flask import Flask

from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.test_contrast import TOKENS, luminance
from webapp.app import FEATURES
from webapp.base.config import ROOT


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
    for path, root in (("/help", "#help-sheet"), ("/search", "#search")):
        fragment = member.htmx_get(path)
        assert fragment.status_code == 200
        assert not fragment.all("title")
        assert fragment.one(root)


@pytest.mark.slow
def test_every_entry_of_the_navigation_exists(app: Flask, owner: Browser) -> None:
    for entry in (entry for feature in FEATURES for entry in feature.navigation):
        assert owner.get(entry.path, follow=True).status_code == 200, entry


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
    assert [shortcut["url"] for shortcut in manifest.json["shortcuts"]] == ["/", "/search", "/chats"]
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
    dark.submit("/settings/look", theme="dark")
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
