"""The documentation in the app: every page, for everyone, with its links and headings in place."""

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.source import ROOT
from webapp.rendering.markdown import render
from webapp.workspace.frame import doc_files
from webapp.workspace.frame.doc_files import bound

NAMES = [page.name for pages in doc_files.sections().values() for page in pages]


def test_every_file_is_a_page() -> None:
    files = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/dialects/*.md")]

    assert sorted(NAMES) == sorted(file.relative_to(ROOT / "docs").with_suffix("").as_posix() for file in files)


def test_no_two_pages_have_the_same_name(visitor: Browser) -> None:
    named = [link.text(strip=True) for link in visitor.page("/docs").all(".rows .what")]

    assert sorted(named) == sorted(set(named))


@pytest.mark.slow
@pytest.mark.parametrize("who", ["visitor", "member"])
def test_anybody_may_read_every_page(who: str, request: pytest.FixtureRequest) -> None:
    browser: Browser = request.getfixturevalue(who)
    index = browser.page("/docs")
    shown = {str(link.attributes["href"]) for link in index.all(".rows a")}
    for name in NAMES:
        page = browser.page(f"/docs/{name}")
        assert page.heading
        assert all(cell.text(strip=True) for cell in page.all("th")), f"{name}: a column has no name"
        assert f"/docs/{name}" in shown
        assert page.one(f'nav a[aria-current="page"][href="/docs/{name}"]')


@pytest.mark.slow
def test_every_link_between_pages_leads_to_a_place(visitor: Browser) -> None:
    for name in NAMES:
        for link in visitor.page(f"/docs/{name}").all(".docs__text a"):
            path, _, place = str(link.attributes["href"]).partition("#")
            if path.startswith("/docs/"):
                assert visitor.page(path).all(f'[id="{place}"]' if place else "h1"), f"{name}: {path}#{place}"


@pytest.mark.parametrize("name", ["nothing", "adr/0001-record-decisions", "../README", "keys.md", "%2e%2e/README", ""])
def test_no_other_file_is_shown(app: Flask, visitor: Browser, name: str) -> None:
    assert visitor.get(f"/docs/{name}").status_code == 404


def test_headings_and_neighbours_are_linked() -> None:
    text = "\nSee [b](b.md#the-end), [c](../c.md), [here](#x-y), [x](https://a.example/).\n\n## The `end`: *now*\n\n### More\n"

    html = bound(text, "folder/a", {"folder/a", "folder/b"}, render)

    assert '<a href="/docs/folder/b#the-end">b</a>, c, <a href="/docs/folder/a#x-y">here</a>' in html
    assert '<a href="https://a.example/" rel=' in html
    assert '<h2 id="the-end-now">The <code>end</code>: <em>now</em></h2>' in html
    assert '<h3 id="more">More</h3>' in html


def test_one_finds_the_documentation(visitor: Browser) -> None:
    assert visitor.page("/help").one('a[href="/docs"]')


def test_the_first_page_says_what_each_page_is_about(visitor: Browser) -> None:
    rows = visitor.page("/docs").all(".rows a")

    assert len(rows) == len({row.attributes["href"] for row in rows})
    assert not [row.text() for row in rows if not row.css_first(".how")]


def test_a_page_leads_back_to_the_first(owner: Browser) -> None:
    assert owner.page("/docs/health").one(".back").attributes["href"] == "/docs"


def test_the_list_of_all_pages_draws_none_of_them() -> None:
    """Rendering all of them in one turn of the event loop would block other requests."""
    before = doc_files._rendered.cache_info()
    assert doc_files.sections()
    assert doc_files._rendered.cache_info() == before


def test_the_reference_of_the_api_is_a_link_of_the_index_and_beside_each_page(visitor: Browser) -> None:
    for path in ("/docs", "/docs/start"):
        (link,) = visitor.page(path).all("main a[href='/api']")
        assert "API reference" in link.text(), path
