"""Converts a web page to plain text with headings, lists and links, without navigation and hidden parts. Pure.

It runs in a child process. The first line of its input is JSON: the `address` of the page, and `most`, the maximum number of
characters.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import IO, TypedDict, final
from urllib.parse import urldefrag, urljoin

from webapp.base.heavy import charsets
from webapp.base.heavy.html_parser import LinearParser
from webapp.base.visible_text import clean
from webapp.knowledge.documents.readers.text import MARKS

HEADINGS = {f"h{level}": level for level in range(1, 7)}
VOID = set("area base br col embed hr img input link meta param source track wbr".split())  # noqa: SIM905  one a line would be a page
SILENT = set(
    """
    audio canvas datalist dialog iframe math nav noscript object script select style svg template textarea video
    """.split()  # noqa: SIM905
)
SILENT_ROLES = {"navigation", "search", "contentinfo", "menu", "menubar", "dialog", "alertdialog", "tooltip"}
HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?![.\d])|font-size\s*:\s*0(?![.\d])")
# With a blank line around it, or on a line of its own.
PARAGRAPHS = {*HEADINGS, "article", "blockquote", "dl", "figure", "main", "ol", "p", "pre", "section", "table", "ul"}
LINES = set(
    "address aside body caption dd details div dt fieldset figcaption footer form header html li nav summary tr".split()  # noqa: SIM905
)
# Which open element another one ends, if it is the innermost.
ENDS = {
    **dict.fromkeys(PARAGRAPHS | LINES, frozenset({"p"})),
    "li": {"li", "p"}, "dt": {"dt", "dd", "p"}, "dd": {"dt", "dd", "p"}, "td": {"td", "th", "p"}, "th": {"td", "th", "p"},
    "tr": {"td", "th", "tr", "p"}, "body": {"head", "title"},
}  # fmt: skip
BLANKS = re.compile(r"\s+")
MARKUP = re.compile(r"[ ()<>]")
GAPS = re.compile(r"\n{3,}")
META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([a-zA-Z0-9_.:-]{1,40})", re.IGNORECASE)
META_BYTES, MOST_LINK, MOST_TITLE, MOST_STYLE, MOST_DEPTH = 4_096, 500, 200, 2_000, 5
# A main part with less text than this is probably an empty frame, so that the whole page is read.
LEAST_MAIN = 200
# A page of two megabytes has a third of this.
MOST_TAGS = 150_000
PIECE_CHARS = 65_536


@final
class PageTitle(TypedDict):
    title: str


@final
class PagePiece(TypedDict):
    text: str


class EnoughText(Exception):
    """There is as much text as is wanted."""


class PageParser(LinearParser):
    """An HTML parser that collects lines of text; the open elements are a stack, so that any depth takes linear time."""

    def __init__(self, address: str, most: int) -> None:
        super().__init__()
        self.title = ""
        self._address, self._most, self._size, self._tags = address, most, 0, 0
        self._open, self._counts = list[str](), Counter[str]()
        # At which depth the outermost element began that is left out, or that is the main part; 0 outside of both.
        self._silent_from, self._main_from = 0, 0
        # Each line says whether it is of the main part. The open one has a prefix until it has text.
        self._lines, self._prefix, self._parts = list[tuple[str, bool]](), "", list[str]()
        self._link, self._link_begins = "", 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tags += 1
        if self._tags > MOST_TAGS:
            raise EnoughText
        while self._open and self._open[-1] in ENDS.get(tag, ()):
            self._close()
        # Of an attribute that is there twice, the first counts.
        values = {name: value or "" for name, value in reversed(attrs)}
        if tag in VOID:
            self._single(tag, values)
            return
        self._open.append(tag)
        self._counts[tag] += 1
        if self._silent_from:
            return
        self._separate(tag)
        if self._is_silent(tag, values):
            self._silent_from = len(self._open)
        else:
            self._begin(tag, values)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # The slash means something in drawings and formulas alone.
        is_closed = bool(self._counts["svg"] or self._counts["math"])
        self.handle_starttag(tag, attrs)
        if is_closed:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._counts[tag]:
            while self._close() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._silent_from:
            return
        if self._counts["title"]:
            self.title += data[: MOST_TITLE - len(self.title)]
        elif self._counts["pre"]:
            self._write(data)
        else:
            words = BLANKS.sub(" ", data)
            self._write(words.lstrip() if not self._parts or self._parts[-1].endswith((" ", "\n")) else words)

    def text(self) -> str:
        """Returns the main part, if the page has one with text, else all of it."""
        self._break()
        main = [line for line, is_main in self._lines if is_main]
        lines = main if sum(map(len, main)) >= LEAST_MAIN else [line for line, _ in self._lines]
        return GAPS.sub("\n\n", "\n".join(lines)).strip("\n")

    def _is_silent(self, tag: str, values: Mapping[str, str]) -> bool:
        # Pages that appear once a script has run hide all of themselves until then.
        if tag in ("html", "body"):
            return False
        if tag in SILENT or "hidden" in values or values.get("aria-hidden", "").lower() == "true":
            return True
        if tag == "footer" and not (self._counts["article"] or self._main_from):
            return True
        style = values.get("style", "")[:MOST_STYLE].lower()
        return values.get("role", "").lower() in SILENT_ROLES or bool(HIDING_STYLE.search(style))

    def _single(self, tag: str, values: Mapping[str, str]) -> None:
        if tag == "base":
            self._address = self._resolved(values.get("href", "")) or self._address
        elif tag in ("br", "hr") and not self._silent_from:
            self._break()

    def _begin(self, tag: str, values: Mapping[str, str]) -> None:
        if not self._main_from and (tag == "main" or values.get("role", "").lower() == "main"):
            self._break()
            self._main_from = len(self._open)
        if tag in HEADINGS:
            self._prefix = "#" * HEADINGS[tag] + " "
        elif tag == "li":
            self._prefix = "  " * max(0, min(self._counts["ul"] + self._counts["ol"], MOST_DEPTH) - 1) + "- "
        elif tag in ("td", "th") and self._parts:
            self._write(" | ")
        elif tag == "pre":
            self._fence()
        elif tag == "a":
            self._end_link()
            self._link, self._link_begins = self._resolved(values.get("href", "")), len(self._parts)

    def _close(self) -> str:
        """Closes the innermost element and returns its name."""
        depth, tag = len(self._open), self._open.pop()
        self._counts[tag] -= 1
        if self._silent_from:
            self._silent_from = 0 if self._silent_from == depth else self._silent_from
            return tag
        if tag == "pre":
            self._break()
            self._fence()
        self._separate(tag)
        if tag == "a":
            self._end_link()
            self._link = ""
        elif tag in HEADINGS or tag == "li":
            self._prefix = ""
        if self._main_from == depth:
            self._break()
            self._main_from = 0
        return tag

    def _write(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self._size += len(text)
            if self._size > self._most:
                raise EnoughText

    def _separate(self, tag: str) -> None:
        """Ends the line around an element that has lines of its own; paragraphs outside of lists have blank lines around them."""
        if tag in PARAGRAPHS or tag in LINES:
            self._break()
        is_apart = tag in PARAGRAPHS and not (self._prefix or self._counts["li"])
        if is_apart and self._lines and self._lines[-1][0]:
            self._lines.append(("", bool(self._main_from)))

    def _fence(self) -> None:
        self._lines.append(("```", bool(self._main_from)))

    def _break(self) -> None:
        """Ends the line; one without text leaves its prefix to the next."""
        self._end_link()
        line = "".join(self._parts).rstrip().lstrip("\n")
        self._parts.clear()
        self._link_begins = 0
        if line:
            self._lines.append((self._prefix + line, bool(self._main_from)))
            self._prefix = ""

    def _end_link(self) -> None:
        """Writes the link around its words; one without any yet continues in the next line."""
        words = "".join(self._parts[self._link_begins :]) if self._link else ""
        if not (name := words.strip()):
            return
        before, _, after = words.partition(name)
        self._parts[self._link_begins :] = [f"{before}[{name}]({self._link}){after}"]
        self._size += len(self._link)
        self._link = ""

    def _resolved(self, href: str) -> str:
        """Returns a link as a whole address; empty if it leads to no other page."""
        if not href or len(href) > MOST_LINK:
            return ""
        try:
            whole = urljoin(self._address, href.strip())
            is_elsewhere = urldefrag(whole).url != urldefrag(self._address).url
        except ValueError:
            return ""
        is_link = whole.startswith(("http://", "https://")) and whole.isprintable() and not MARKUP.search(whole)
        return whole if is_link and is_elsewhere and len(whole) <= MOST_LINK else ""


def pieces(file: IO[bytes]) -> Iterator[PageTitle | PagePiece]:
    """Yields the title of the page, then its text."""
    about = json.loads(file.readline())
    title, text = readable(decoded(file.read()), about["address"], about["most"])
    yield PageTitle(title=title)
    for start in range(0, len(text), PIECE_CHARS):
        yield PagePiece(text=text[start : start + PIECE_CHARS])


def readable(html: str, address: str, most: int) -> tuple[str, str]:
    """Returns the title of a page, and about `most` characters of its text."""
    page = PageParser(address, most)
    with suppress(EnoughText):
        page.read(html)
    return " ".join(page.title.split())[:MOST_TITLE], page.text()


def decoded(raw: bytes) -> str:
    """Decodes a page by its byte order mark, as UTF-8, by the charset that it declares itself, or as Latin text."""
    encoding = next((name for mark, name in MARKS.items() if raw.startswith(mark)), "") or _encoding(raw)
    try:
        return clean(raw.decode(encoding, "replace"))
    except UnicodeError:
        # Escapes of ISO-2022-JP that never end.
        return clean(raw.decode("cp1252", "replace"))


def _encoding(raw: bytes) -> str:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        declared = META_CHARSET.search(raw[:META_BYTES])
        codec = charsets.codec_of(declared[1].decode("ascii")) if declared else ""
        # Where the declaration can be read, the page isn't UTF-16.
        return "utf-8" if codec.startswith("utf-16") else codec or "cp1252"
    return "utf-8"
