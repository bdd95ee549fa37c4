"""Finds every page by listing the server's routes and following its links."""

import re
from collections.abc import Iterable, Iterator

from playwright.sync_api import Page, expect

from tests.support.server import Server

# Routes that answer GET but are no pages: files, streams and redirects.
NO_PAGES = ("/healthz", "/readyz", "/metrics", "/logout", "/static/", "/manifest", "/api/", "/openapi")
# Tables that are wider than what surrounds them, without a box of their own to scroll in.
LOOSE_TABLES = """[...document.querySelectorAll("main table")].filter(each => each.getBoundingClientRect().right > innerWidth
  && !each.closest(".table-box, .scroll, .table, .message-text")).map(each => each.className)"""
LONG = ("Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft" * 2)[:80]
LINKS = "[...document.querySelectorAll('a[href]')].map(link => link.getAttribute('href'))"


class Atlas:
    """The addresses of all pages; those with a parameter are discovered through links."""

    def __init__(self, server: Server) -> None:
        self.rules = list(_rules(server.flask("routes")))
        self._seen: set[str] = set()

    def plain(self) -> list[str]:
        """Returns the addresses without parameters."""
        return [rule for rule in self.rules if "<" not in rule]

    def learn(self, page: Page) -> Iterator[tuple[str, str]]:
        """Yields the rules that a page's links match for the first time, each with a matching address.

        Links to addresses without parameters are skipped, as they can also match a rule with one.
        """
        paths = (link.partition("#")[0].partition("?")[0] for link in page.evaluate(LINKS))
        links = [path for path in paths if path not in self.rules]
        for rule in self.rules:
            if "<" in rule and rule not in self._seen and (found := _first(rule, links)):
                self._seen.add(rule)
                yield rule, found


def is_page(page: Page, path: str) -> bool:
    """Whether the address returns a page, and not a file or a stream."""
    if path.endswith(("/events", "/stream")):
        return False
    answer = page.request.get(path, max_redirects=0)
    kind = answer.headers.get("content-type", "")
    return (
        answer.status == 200
        and kind.startswith("text/html")
        and "attachment" not in answer.headers.get("content-disposition", "")
    )


def named_at_length(page: Page) -> None:
    """Adds things whose names can't be broken between words."""
    for path, button in (
        ("/admin/groups", "Create group"),
        ("/knowledge", "Create collection"),
        ("/lorebooks", "Create lorebook"),
    ):
        page.goto(path)
        form = page.locator("main form", has=page.get_by_role("button", name=button, include_hidden=True))
        if not form.is_visible():
            page.locator("summary.button").first.click()
        form.locator("[name=name]").fill(LONG)
        form.get_by_role("button", name=button).click()
        expect(page.get_by_role("main")).to_contain_text(LONG)


def name_of(path: str) -> str:
    """Turns an address into a file name: `/admin/people/<id>` becomes `admin-people-id`."""
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "home"


def _rules(routes: str) -> Iterator[str]:
    for line in routes.splitlines():
        found = re.fullmatch(r"\S+\s+(?P<methods>[A-Z, ]+?)\s+(?P<rule>/\S*)", line.strip())
        if found and "GET" in found["methods"] and not found["rule"].startswith(NO_PAGES):
            yield found["rule"]


def _first(rule: str, links: Iterable[str]) -> str:
    shape = re.compile(re.sub(r"<[^>]+>", "[^/]+", rule.replace(".", r"\.")))
    return next((link for link in links if shape.fullmatch(link)), "")
