"""Browsers cache static files permanently under a URL with a content hash, and revalidate them otherwise."""

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.waiting import until
from webapp.base.config import ROOT
from webapp.web.assets import FOR_EVER, LATER, MATHS, asset, bundle, sheet


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


@pytest.fixture
def joined(app: Flask, tmp_path: Path) -> Path:
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "one.js").write_text('// The first.\n"use strict";\nlet one = "http://x"; // kept\n')
    (tmp_path / "js" / "two.js").write_text("let two;\n")
    return tmp_path


def test_scripts_are_joined_in_their_order_without_comments(joined: Path, visitor: Browser) -> None:
    address = bundle("two", "one")

    answer = visitor.get(address)

    assert address.startswith("/static/js/two+one.js?v=")
    assert answer.text == 'let two;\n\n"use strict";\nlet one = "http://x"; // kept\n'
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Cache-Control"] == FOR_EVER


def test_parts_that_pages_load_later_keep_what_they_declare(app: Flask, visitor: Browser, tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    for name in LATER:
        (tmp_path / "js" / f"{name}.js").write_text('"use strict";\n  // What is shown.\n  let shown; // the last\n')

    answer = visitor.get(asset("js/later.js"))

    parts = ",".join(f'"{name}"(){{\n"use strict";\nlet shown; // the last\n}}' for name in LATER)
    assert answer.text == f"export default {{{parts}}};"
    assert answer.headers["Cache-Control"] == FOR_EVER


def test_what_a_page_names_is_one_of_these_parts() -> None:
    places = "".join(path.read_text("utf-8") for path in (ROOT / "templates").rglob("*.html"))
    named = {name for names in re.findall(r'data-later="([\w -]+)"', places) for name in names.split()}

    assert named == set(LATER)


@pytest.mark.parametrize("names", [["one", "none"], ["one", "one"]])
def test_what_cannot_be_joined_is_missing(joined: Path, visitor: Browser, names: list[str]) -> None:
    assert visitor.get(bundle(*names)).status_code == 404


def test_joined_files_are_compressed_for_those_who_accept_it(joined: Path, app: Flask) -> None:
    client = app.test_client()

    packed = client.get(bundle("one"), headers={"Accept-Encoding": "gzip, br"})
    plain = client.get(bundle("one"), headers={"Accept-Encoding": "identity"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert {"Accept-Encoding"} == set(packed.vary) == set(plain.vary)


def test_a_file_that_was_compressed_at_set_up_is_sent_so(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "b.svg").write_text("<svg/>")
    (tmp_path / "b.svg.gz").write_bytes(gzip.compress(b"<svg/>"))
    client = app.test_client()

    packed, plain = (client.get(asset("b.svg"), headers={"Accept-Encoding": way}) for way in ("gzip", "identity"))

    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Type"].startswith("image/svg+xml")
    assert packed.headers["Cache-Control"] == FOR_EVER
    assert gzip.decompress(packed.data) == plain.data == b"<svg/>"
    packed.close()
    plain.close()


def test_a_copy_that_is_older_than_its_file_is_not_sent(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "b.svg.gz").write_bytes(gzip.compress(b"old"))
    os.utime(tmp_path / "b.svg.gz", ns=(1, 1))
    (tmp_path / "b.svg").write_text("<svg/>")

    answer = app.test_client().get("/static/b.svg", headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in answer.headers
    assert answer.data == b"<svg/>"
    answer.close()
