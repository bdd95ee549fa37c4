"""Reads DOCX: headings by their styles, paragraphs, lists, tables and notes; pages if Word has marked them. Pure."""

import re
from collections.abc import Iterator

from webapp.knowledge.documents.readers.flow import Flow
from webapp.knowledge.documents.readers.package import Package
from webapp.knowledge.documents.readers.part import FilePart

DOCUMENT = "word/document.xml"
# Duplicates for older programs, and deleted or moved text.
SKIPPED = {"Fallback", "del", "moveFrom"}
NAMED = re.compile(r"heading (\d)|title", re.IGNORECASE)
SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


class WordDocument:
    """Collects Markdown from the XML events of a document."""

    def __init__(self, levels: dict[str, int]) -> None:
        self.flow, self.page, self.has_turned = Flow(), 1, False
        self._levels, self._level, self._skipped = levels, 0, 0
        self._is_item = self._is_in_text = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._skipped += name in SKIPPED
        if self._skipped:
            return
        if name == "pStyle":
            self._level = self._levels.get(attributes.get("val", ""), 0)
        elif name == "numPr":
            self._is_item = True
        elif name == "lastRenderedPageBreak":
            self.has_turned = True
        elif name == "t":
            self._is_in_text = True
        elif name in SIGNS:
            self.flow.say(SIGNS[name])
        else:
            self.flow.open(name)

    def end(self, name: str) -> None:
        self._skipped -= name in SKIPPED
        if name == "t":
            self._is_in_text = False
        elif name == "p" and not self._skipped:
            self.flow.end_paragraph(level=self._level, is_item=self._is_item)
            self._level, self._is_item = 0, False
        elif name == "tbl" and not self._skipped:
            self.flow.close_table()

    def text(self, text: str) -> None:
        if self._is_in_text and not self._skipped:
            self.flow.say(text)


def parts(raw: bytes, _: str) -> Iterator[FilePart]:
    """Yields the pages; the whole text as one part if the file has no page marks."""
    package = Package(raw)
    main = package.main(DOCUMENT)
    document = WordDocument(_levels(package, main))
    for name in (main, *package.relations(main, "/footnotes").values(), *package.relations(main, "/endnotes").values()):
        for kind, name_or_text, attributes in package.events(name):
            if kind == "text":
                document.text(name_or_text)
            elif kind == "start":
                document.start(name_or_text, attributes)
            else:
                document.end(name_or_text)
                if name_or_text in ("p", "tbl") and document.has_turned and not document.flow.is_in_table:
                    # A paragraph belongs to the page on which it begins.
                    yield FilePart(document.flow.take(), document.page)
                    document.page, document.has_turned = document.page + 1, False
    yield FilePart(document.flow.take(), document.page if document.page > 1 else None)


def _levels(package: Package, main: str) -> dict[str, int]:
    """Returns the heading level of each style that is a heading."""
    levels, style = dict[str, int](), ""
    for name in package.relations(main, "/styles").values():
        for kind, name_or_text, attributes in package.events(name):
            if kind == "start" and name_or_text == "style":
                style = attributes.get("styleId", "")
            elif kind == "start" and name_or_text == "name" and (match := NAMED.fullmatch(attributes.get("val", ""))):
                levels[style] = int(match.group(1) or 1)
            elif kind == "start" and name_or_text == "outlineLvl" and attributes.get("val", "").isdigit():
                levels.setdefault(style, int(attributes["val"]) + 1)
    return {style: level for style, level in levels.items() if 1 <= level <= 6}
