"""Browsers cache static files permanently under a URL with a content hash, and revalidate them otherwise."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.waiting import until
from webapp.web.assets import FOR_EVER, MATHS, asset, sheet


@pytest.fixture
def app(app: Flask, tmp_path: Path) -> Iterator[Flask]:
    app.static_folder, app.static_url_path = str(tmp_path), "/static"
    (tmp_path / "a.css").write_text("a { color: red }")
    with app.app_context():
        yield app


def test_the_address_follows_the_content(app: Flask, tmp_path: Path) -> None:
    first = asset("a.css")
    (tmp_path / "a.css").write_text("a { color: blue }")
    os.utime(tmp_path / "a.css", ns=(1, 1))

    assert first.startswith("/static/a.css?v=")
    until(lambda: asset("a.css") != first, "a changed file has another URL")


def test_it_needs_no_request(app: Flask) -> None:
    assert app.jinja_env.from_string("{{ asset('a.css') }}").render() == asset("a.css")


def test_a_file_that_is_not_there_has_no_mark(app: Flask) -> None:
    assert asset("none.css") == "/static/none.css"


def test_a_marked_file_is_kept_for_ever(visitor: Browser) -> None:
    answer = visitor.get(asset("a.css"))

    assert answer.text == "a { color: red }"
    assert answer.headers["Cache-Control"] == FOR_EVER


@pytest.mark.parametrize("address", ["/static/a.css", "/static/a.css?v=000000000000", "/static/a.css?v="])
def test_without_its_mark_it_is_asked_for_again(visitor: Browser, address: str) -> None:
    assert visitor.get(address).headers["Cache-Control"] == "no-cache"


def test_a_missing_file_is_not_kept(visitor: Browser) -> None:
    missing = visitor.get("/static/none.css?v=1")

    assert missing.status_code == 404
    assert missing.headers["Cache-Control"] == "no-store"


@pytest.mark.mostly_slow
@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"])
def test_nothing_else_is_given_away(visitor: Browser, path: str) -> None:
    assert visitor.get(path).status_code in (308, 404)


def test_what_a_sheet_asks_for_is_kept_for_ever_too(app: Flask, visitor: Browser, tmp_path: Path) -> None:
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "fonts.css").write_text('@font-face { src: url("../text.woff2") }')
    (tmp_path / "text.woff2").write_bytes(b"a font")
    font = visitor.get(asset("text.woff2"))

    assert f'url("{asset("text.woff2")}")' in visitor.get(sheet("fonts")).text
    assert font.headers["Cache-Control"] == FOR_EVER
    assert font.headers["Content-Type"] == "font/woff2"


def test_only_a_page_with_formulas_asks_for_their_font_at_once(member: Browser) -> None:
    assert "Link" not in member.get("/").headers
    chat = member.post("/chats", message="So $x$").location
    assert chat
    assert f"<{asset(MATHS)}>; rel=preload; as=font" in member.get(chat).headers["Link"]
