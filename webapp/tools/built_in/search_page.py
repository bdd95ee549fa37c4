"""Reads the results of a search from DuckDuckGo's page without scripts, in a child process. Pure."""

import html
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Literal, TypedDict, final
from urllib.parse import parse_qs, urljoin, urlsplit

from webapp.base.heavy.html_parser import LinearParser

ADDRESS = "https://html.duckduckgo.com/html/"
MOST_RESULTS, MOST_CHARS, MOST_TAGS = 50, 2_000, 50_000


@final
class SearchRow(TypedDict):
    title: str
    url: str
    content: str


@final
class SearchReply(TypedDict, total=False):
    """Has `results` unless the page is another one; `is_refused` on the page that asks whether a person is searching."""

    results: list[SearchRow]
    is_refused: bool


class EnoughTags(Exception):
    """The page has more tags than a page of results."""


class _ResultsParser(LinearParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows = list[SearchRow]()
        self.is_empty = self.is_refused = False
        # Of the last row: what the text is that comes next, and the tag that ends it.
        self._part: Literal["", "title", "content"] = ""
        self._text, self._end, self._tags = list[str](), "", 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tags += 1
        if self._tags > MOST_TAGS or len(self.rows) > MOST_RESULTS:
            raise EnoughTags
        values = {name: value or "" for name, value in reversed(attrs)}
        classes = values.get("class", "").split()
        if "result__a" in classes:
            self._finish()
            self.rows.append(SearchRow(title="", url=_address(values.get("href", "")), content=""))
            self._part, self._end = "title", tag
        elif "result__snippet" in classes and self.rows:
            self._finish()
            self._part, self._end = "content", tag
        self.is_empty = self.is_empty or "no-results" in classes
        self.is_refused = self.is_refused or values.get("id") == "challenge-form"

    def handle_endtag(self, tag: str) -> None:
        if tag == self._end:
            self._finish()

    def handle_data(self, data: str) -> None:
        if self._part:
            self._text.append(data)

    def _finish(self) -> None:
        """Keeps the text that was read, escaped as other services send it."""
        if self._part:
            self.rows[-1][self._part] = html.escape("".join(self._text).strip()[:MOST_CHARS], quote=False)
        self._text, self._part, self._end = [], "", ""


def pieces(file: IO[bytes]) -> Iterator[SearchReply]:
    """Yields what the page says."""
    yield results(file.read().decode("utf-8", "replace"))


def results(page: str) -> SearchReply:
    """Returns the results of a page, without advertisements."""
    parser = _ResultsParser()
    with suppress(EnoughTags):
        parser.read(page)
    rows = [row for row in parser.rows[:MOST_RESULTS] if row["url"]]
    if rows or parser.is_empty:
        return SearchReply(results=rows)
    return SearchReply(is_refused=True) if parser.is_refused else SearchReply()


def _address(href: str) -> str:
    """Returns the address of a result, which can be inside one of DuckDuckGo's; empty for an advertisement."""
    try:
        whole = urljoin(ADDRESS, href.strip())
        parts = urlsplit(whole)
    except ValueError:
        return ""
    if not f".{parts.hostname}".endswith(".duckduckgo.com"):
        return whole
    return "" if parts.path == "/y.js" else parse_qs(parts.query).get("uddg", [whole])[0]
