"""Reads plain-text files: Markdown, source code, tables and web pages. Pure."""

import csv
import io
from collections.abc import Callable, Iterator

from webapp.base.visible_text import CONTROL, clean
from webapp.base.words import fence_for
from webapp.knowledge import formats
from webapp.knowledge.documents.readers import markup
from webapp.knowledge.documents.readers.flow import MOST_COLUMNS
from webapp.knowledge.documents.readers.part import FilePart, UnreadableFile
from webapp.knowledge.documents.splitting import HEADING, MARKS_BEHIND

MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
NOT_TEXT = "This file isn't text, so nothing could be read from it."
NOT_A_TABLE = "This table couldn't be read. Check that every quoted cell ends with a quote."
csv.field_size_limit(1_000_000)


def parts(raw: bytes, name: str) -> Iterator[FilePart]:
    """Yields the whole file as one part, with its title if it has one."""
    text, kind = decoded(raw), formats.kind_of(name)
    if kind == "html":
        title, text = markup.as_markdown(text)
        yield FilePart(text, title=title)
    elif kind == "markdown":
        match = HEADING.match(text.lstrip().partition("\n")[0])
        yield FilePart(text, title=match.group(2).rstrip(MARKS_BEHIND)[:200] if match and match.group(1) == "#" else "")
    else:
        convert: Callable[[str, str], str] = {"code": _as_code, "table": _as_table}.get(kind, lambda text, _: text)
        yield FilePart(convert(text, name))


def decoded(raw: bytes) -> str:
    """Decodes a text; raises `UnreadableFile` if the bytes are not text."""
    encoding = next((name for mark, name in MARKS.items() if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        if b"\0" in raw:
            raise UnreadableFile(NOT_TEXT) from None
        text = raw.decode("cp1252", "replace")
    strange = len(CONTROL.findall(text[:100_000]))
    if "\0" in text or strange > len(text[:100_000]) / 100:
        raise UnreadableFile(NOT_TEXT)
    return clean(text)


def _as_code(text: str, name: str) -> str:
    fence = fence_for(text)
    end = "" if text.endswith("\n") else "\n"
    return f"{fence}{formats.CODE[formats.ending(name)]}\n{text}{end}{fence}\n"


def _as_table(text: str, name: str) -> str:
    first = text.partition("\n")[0]
    delimiter = "\t" if name.lower().endswith(".tsv") else max(",;\t|", key=first.count)
    lines = []
    try:
        for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=False):
            if row:
                cells = [" ".join(cell.replace("|", "\\|").split()) for cell in row[:MOST_COLUMNS]]
                lines.append(f"| {' | '.join(cells)} |\n")
            if len(lines) == 1 and row:
                lines.append("|" + "---|" * len(row[:MOST_COLUMNS]) + "\n")
    except csv.Error as error:
        raise UnreadableFile(NOT_A_TABLE) from error
    return "".join(lines)
