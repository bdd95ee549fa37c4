"""Converts an HTML page to Markdown: headings, paragraphs, lists, tables and code, without anything active. Pure."""

import re

from webapp.base.heavy.html_parser import LinearParser

HEADINGS = {f"h{level}": level for level in range(1, 7)}
SILENT = {"script", "style", "noscript", "template", "svg", "iframe", "object", "nav", "select", "head"}
BREAKS = set(
    """
    address article aside blockquote dd div dl dt figure footer form header main ol p section table ul
    """.split()  # noqa: SIM905  one a line would be a page
)
CELLS = {"td", "th"}
BLANKS = re.compile(r"\s+")


class MarkupParser(LinearParser):
    """An HTML parser that collects lines of Markdown."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.title = ""
        self._parts, self._is_blank = list[str](), True
        self._silent, self._code, self._rows, self._lists = 0, 0, 0, 0
        self._is_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_title = tag == "title"
        if tag in SILENT:
            self._silent += 1
        elif self._silent:
            return
        elif tag in HEADINGS:
            self._end("\n" + "#" * HEADINGS[tag] + " ")
        elif tag == "li":
            self._end(f"{'  ' * min(self._lists - 1, 4)}- ")
        elif tag == "pre":
            self._end("\n````\n")
            self._code += 1
        elif tag == "tr":
            self._end("| ")
            self._rows += 1
        elif tag == "br":
            self._end()
        elif tag in BREAKS:
            self._begin(tag)

    def handle_endtag(self, tag: str) -> None:
        self._is_title = False
        if tag in SILENT:
            self._silent = max(0, self._silent - 1)
        elif self._silent:
            return
        elif tag in CELLS:
            self._write(" | ")
        elif tag == "tr":
            self._end_row()
        elif tag == "pre" and self._code:
            self._code -= 1
            self._end("````\n")
            self._end()
        elif tag in HEADINGS or tag in BREAKS or tag == "li":
            self._begin(tag, ends=True)

    def handle_data(self, data: str) -> None:
        if self._is_title:
            self.title += data
        elif self._silent:
            return
        elif self._code:
            self._write(data.replace("````", "'''"))
        else:
            words = BLANKS.sub(" ", data)
            self._write(words.lstrip() if self._is_blank else words)

    @property
    def markdown(self) -> str:
        self._end()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.lines)).strip() + "\n"

    def _begin(self, tag: str, *, ends: bool = False) -> None:
        if tag in ("ul", "ol"):
            self._lists += -1 if ends else 1
            self._lists = max(0, self._lists)
        if tag == "table":
            self._rows = 0
        is_apart = tag in HEADINGS or tag in ("p", "table", "blockquote", "section", "article")
        self._end("\n" if is_apart and not self._lists else "")

    def _write(self, text: str) -> None:
        self._parts.append(text)
        self._is_blank = self._is_blank and not text.strip()

    def _end(self, begin: str = "") -> None:
        if not self._is_blank:
            line = "".join(self._parts)
            self.lines.append(line if self._code else line.rstrip())
        before, _, line = begin.rpartition("\n")
        self._parts, self._is_blank = [line], not line.strip()
        if "\n" in begin:
            self.lines.append(before)

    def _end_row(self) -> None:
        line = "".join(self._parts)
        cells = line.count(" | ") if line.startswith("|") else 0
        self._end()
        if self._rows == 1 and cells:
            self.lines.append("|" + "---|" * cells)
            self._rows = 2


def as_markdown(html: str) -> tuple[str, str]:
    """Returns the title of a page, and its readable text as Markdown."""
    page = MarkupParser()
    page.read(html)
    return " ".join(page.title.split())[:200], page.markdown
