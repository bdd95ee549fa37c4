"""Reads EPUB: its chapters in reading order. Pure."""

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote

from webapp.knowledge.documents.readers import markup
from webapp.knowledge.documents.readers.package import Package
from webapp.knowledge.documents.readers.part import DAMAGED, FilePart, UnreadableFile
from webapp.knowledge.documents.readers.text import decoded

CONTAINER = "META-INF/container.xml"
PAGES = {"application/xhtml+xml", "text/html"}


def parts(raw: bytes, _: str) -> Iterator[FilePart]:
    package = Package(raw)
    main = next((file.get("full-path", "") for file in package.elements(CONTAINER, "rootfile")), "")
    if not package.has(main):
        raise UnreadableFile(DAMAGED)
    title, chapters = _about(package, main)
    for chapter in chapters:
        if package.has(chapter):
            _, text = markup.as_markdown(decoded(package.read(chapter)))
            yield FilePart(f"{text}\n", title=title)


def _about(package: Package, main: str) -> tuple[str, list[str]]:
    """Returns the title and the paths of the chapters."""
    pages, order, title, is_title = dict[str, str](), list[str](), "", False
    for kind, name_or_text, attributes in package.events(main):
        if kind == "text":
            title += name_or_text if is_title else ""
        elif name_or_text == "title":
            is_title = kind == "start" and not title
        elif kind == "start" and name_or_text == "item" and attributes.get("media-type") in PAGES:
            path = posixpath.join(posixpath.dirname(main), unquote(attributes.get("href", "")))
            pages[attributes.get("id", "")] = posixpath.normpath(path)
        elif kind == "start" and name_or_text == "itemref":
            order.append(attributes.get("idref", ""))
    return " ".join(title.split())[:200], [pages[id] for id in order if id in pages]
