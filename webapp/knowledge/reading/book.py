"""Reads EPUB: its chapters in reading order. Pure."""

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote

from webapp.knowledge import markup
from webapp.knowledge.reading.package import Package
from webapp.knowledge.reading.part import DAMAGED, Part, Refused
from webapp.knowledge.reading.text import decoded

CONTAINER = "META-INF/container.xml"
PAGES = {"application/xhtml+xml", "text/html"}


def parts(raw: bytes, _: str) -> Iterator[Part]:
    package = Package(raw)
    main = next((told.get("full-path", "") for _, name, told in package.events(CONTAINER) if name == "rootfile"), "")
    if not package.has(main):
        raise Refused(DAMAGED)
    title, chapters = _about(package, main)
    for chapter in chapters:
        if package.has(chapter):
            _, text = markup.as_markdown(decoded(package.read(chapter)))
            yield Part(f"{text}\n", title=title)


def _about(package: Package, main: str) -> tuple[str, list[str]]:
    """Returns the title and the paths of the chapters."""
    pages, order, title, is_title = dict[str, str](), list[str](), "", False
    for kind, said, told in package.events(main):
        if kind == "text":
            title += said if is_title else ""
        elif said == "title":
            is_title = kind == "start" and not title
        elif kind == "start" and said == "item" and told.get("media-type") in PAGES:
            path = posixpath.join(posixpath.dirname(main), unquote(told.get("href", "")))
            pages[told.get("id", "")] = posixpath.normpath(path)
        elif kind == "start" and said == "itemref":
            order.append(told.get("idref", ""))
    return " ".join(title.split())[:200], [pages[each] for each in order if each in pages]
