"""Everything that the pages refer to exists: files, headings, URLs of the server, variables and settings."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from tests.support.source import ROOT
from webapp.base.env_variables import VARIABLES
from webapp.settings.catalog import SETTINGS
from webapp.workspace.frame.doc_files import place_of

PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("docs/dialects/*.md"),
    *ROOT.glob("docs/adr/*.md"),
    *ROOT.glob("examples/**/*.md"),
]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ADDRESS = re.compile(r"`(GET|POST|PUT|PATCH|DELETE)(?:`/`[A-Z]+)? (/[^\s`?]*)[^`]*`")
QUOTED = re.compile(r"`([a-z]+\.[a-z_]+)`")
VARIABLE = re.compile(r"`([A-Z]{3,}(?:_[A-Z]+)+)(?:=[^`]*)?`")
FILE = re.compile(r"`((?:webapp|tests|scripts|templates|static|examples|deploy|docs)/[\w./-]+\.\w+)`")
PLACEHOLDER = re.compile(r"NAME|FEATURE")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
# Variables of other programs, and names to which a suffix is added.
FOREIGN = {
    "OPENAI_BASE_URL",
    "OLLAMA_CONTEXT_LENGTH",
    "HTTP_PROXY",
    "SSL_CERT_FILE",
    "MILLRACE_TOKEN",
    "MILLRACE_URL",
    "A_B_TEST",
    "BEST_PERFORMANCE",
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    return FENCED.sub("", path.read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [f"{target}#{place}" for target, place in LINK.findall(prose(page)) if not leads(page, target, place)]

    assert not broken


def leads(page: Path, target: str, place: str) -> bool:
    file = page.parent / target if target else page
    if not file.exists():
        return False
    return not place or place in {place_of(words) for words in HEADING.findall(file.read_text("utf-8"))}


@pytest.mark.slow
def test_every_address_is_served(app: Flask) -> None:
    ghosts = [(name, method, path) for name, method, path in addresses() if not is_served(app, method, path)]

    assert not ghosts


def addresses() -> Iterator[tuple[str, str, str]]:
    for page in PAGES:
        for method, path in ADDRESS.findall(page.read_text("utf-8")):
            yield name_of(page), method, path


def is_served(app: Flask, method: str, path: str) -> bool:
    with app.test_request_context():
        try:
            app.url_map.bind("localhost").match(path, method)
        except (NotFound, MethodNotAllowed, RequestRedirect):
            return False
    return True


def test_every_file_that_is_named_exists() -> None:
    named = [(name_of(page), path) for page in PAGES for path in FILE.findall(prose(page)) if not PLACEHOLDER.search(path)]

    assert not [(page, path) for page, path in named if not (ROOT / path).exists()]


def test_every_setting_and_variable_exists() -> None:
    sections = {name.partition(".")[0] for name in SETTINGS}
    ours = (
        {variable.name for variable in VARIABLES}
        | {f"{variable.name}_FILE" for variable in VARIABLES if variable.is_secret}
        | {"ENV_FILE"}
    )
    variables = ours | FOREIGN
    for page in PAGES:
        text = prose(page)
        assert not [name for name in QUOTED.findall(text) if name.partition(".")[0] in sections and name not in SETTINGS], page
        assert not [name for name in VARIABLE.findall(text) if name not in variables], page


def test_the_samples_for_proxies_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8").partition("## Behind a reverse proxy")[2]
    blocks = re.findall(r"^```(?:nginx|text)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for name, block in zip(("nginx.conf", "Caddyfile"), blocks, strict=True):
        lines = {line.strip() for line in (ROOT / "deploy" / name).read_text("utf-8").splitlines()}
        assert not {line.strip() for line in block.splitlines()} - lines, name


def test_each_decision_has_its_own_number() -> None:
    numbers = [path.name[:4] for path in ROOT.glob("docs/adr/*.md")]
    assert sorted(numbers) == sorted(set(numbers)), "take the next free number"
