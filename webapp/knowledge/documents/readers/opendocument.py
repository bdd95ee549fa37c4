"""Reads ODT, ODS and ODP: a text as one part, a spreadsheet or presentation as one part per sheet or slide. Pure."""

from collections.abc import Iterator

from webapp.knowledge.documents.readers.flow import MOST_COLUMNS, Flow
from webapp.knowledge.documents.readers.package import Package
from webapp.knowledge.documents.readers.part import PROTECTED, FilePart, UnreadableFile

CONTENT, MANIFEST = "content.xml", "META-INF/manifest.xml"
SKIPPED = {"annotation", "tracked-changes", "forms", "date-time-decl", "footer-decl"}
# The element that becomes a separate part in this file type.
PARTS = {"ods": "table", "odp": "page"}
SIGNS = {"tab": "\t", "line-break": "\n"}


class Content:
    """Collects Markdown from the XML events of the content."""

    def __init__(self) -> None:
        self.flow = Flow()
        self._level, self._items, self._skipped, self._open_texts = 0, 0, 0, 0
        self._is_title = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._skipped += name in SKIPPED
        if self._skipped:
            return
        if name == "frame":
            self._is_title = attributes.get("class") == "title"
        elif name in ("p", "h"):
            self._open_texts += 1
            self._level = _count(attributes.get("outline-level"), 6) if name == "h" else 2 if self._is_title else 0
        elif name == "list-item":
            self._items += 1
        elif name == "s":
            self.text(" " * _count(attributes.get("c"), 20))
        elif name in SIGNS:
            self.text(SIGNS[name])
        elif name == "table":
            self.flow.open_table()
        elif name == "table-row":
            self.flow.open_row()
        elif name in ("table-cell", "covered-table-cell"):
            # Programs often repeat an empty cell up to the last possible column.
            for _ in range(_count(attributes.get("number-columns-repeated"), MOST_COLUMNS)):
                self.flow.open_cell()

    def end(self, name: str) -> None:
        self._skipped -= name in SKIPPED
        if self._skipped or name in SKIPPED:
            return
        if name in ("p", "h"):
            self._open_texts -= 1
            self.flow.end_paragraph(level=self._level, is_item=self._items > 0)
            self._level = 0
        elif name == "list-item":
            self._items -= 1
        elif name == "table":
            self.flow.close_table()

    def text(self, text: str) -> None:
        if self._open_texts and not self._skipped:
            self.flow.say(text)


def parts(raw: bytes, name: str) -> Iterator[FilePart]:
    package, content = Package(raw), Content()
    if package.has(MANIFEST) and any(True for _ in package.elements(MANIFEST, "encryption-data")):
        raise UnreadableFile(PROTECTED)
    part, number, title = PARTS.get(name.lower().rpartition(".")[2], ""), 0, ""
    for kind, name_or_text, attributes in package.events(CONTENT):
        if kind == "text":
            content.text(name_or_text)
        elif kind == "start":
            content.start(name_or_text, attributes)
            if name_or_text == part:
                title = f"## {attributes.get('name', '')}\n\n" if part == "table" else ""
        else:
            content.end(name_or_text)
            if name_or_text == part and not content.flow.is_in_table:
                number += 1
                text = content.flow.take()
                yield FilePart(title + text if text else "", number, is_apart=True)
    yield FilePart(content.flow.take())


def _count(text: str | None, most: int) -> int:
    """Parses a repeat count; returns at least one, which is also the default."""
    return max(1, min(most, int(text))) if text and text.isascii() and text.isdigit() and len(text) < 10 else 1
