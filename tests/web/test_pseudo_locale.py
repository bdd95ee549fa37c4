"""Every page in a language that no one speaks: what is not in brackets was not translated."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from tests.conftest import MakeApp, with_session
from tests.support import pseudo
from tests.support.browser import Browser
from webapp.base import catalogues

# Pages of one endpoint with one kind of query that are looked at.
MOST_ALIKE = 2
PARTS = ("main", "head title", ":not(.code) > header, nav, .told")
FIRST = ("/", "/login", "/ai-demo", "/admin", "/settings", "/account")
LINKS, PARAMETERS = re.compile(r' (?:href|hx-get)="(/[^"]*)"'), re.compile(r"[?&](\w+)=")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("languages")
    pseudo.write(folder)
    return folder / f"{pseudo.CODE}.mo"


@pytest.mark.slow
def test_pages_have_no_text_that_is_not_translated(make_app: MakeApp, tmp_path: Path, catalogue: Path) -> None:
    folder = catalogues.compiled_in(tmp_path)
    folder.mkdir(parents=True)
    (folder / catalogue.name).write_bytes(catalogue.read_bytes())
    app = make_app()
    assert app.test_cli_runner().invoke(args=["seed"]).exit_code == 0
    faults, seen = dict[str, str](), set[str]()
    people = [with_session(app, f"{name}@example.org") for name in ("olive", "ada")]
    written = pseudo.written_in(app)
    for person in (*people, Browser(app)):
        for endpoint, path, html in _pages(app, person):
            seen.add(endpoint)
            faults |= {text: path for part in PARTS for text in pseudo.untranslated(html, written, inside=part)}
    assert len(seen) > 100
    assert not faults, "\n".join(f"{path}: {text}" for text, path in sorted(faults.items(), key=lambda pair: pair[1]))


def _pages(app: Flask, person: Browser) -> Iterator[tuple[str, str, str]]:
    """Yields the pages that a person reaches by links, each with its endpoint."""
    urls, waiting, alike = app.url_map.bind("localhost"), [*FIRST], dict[str, int]()
    while waiting:
        path = waiting.pop(0)
        try:
            endpoint, _ = urls.match(urlsplit(path).path, method="GET")
        except HTTPException:
            continue
        kind = f"{endpoint} {PARAMETERS.findall(path)}"
        alike[kind] = alike.get(kind, 0) + 1
        if alike[kind] > MOST_ALIKE or pseudo.ENGLISH.match(endpoint) or path.endswith(("/events", "/stream")):
            continue
        response = person.client.get(path, headers={"Accept-Language": pseudo.CODE}, base_url=person.origin)
        if response.status_code in (302, 303):
            waiting.append(urljoin(path, response.location))
        assert response.status_code < 500, f"{path} fails in another language"
        is_page = response.mimetype == "text/html" and "Content-Disposition" not in response.headers
        if response.status_code == 200 and is_page:
            html = response.get_data(as_text=True)
            yield endpoint, path, html
            waiting += [urljoin(path, link).partition("#")[0] for link in LINKS.findall(html.replace("&amp;", "&"))]
        response.close()
