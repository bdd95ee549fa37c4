"""Reads XLSX: each visible sheet as a part with one table; dates are formatted as dates. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from webapp.knowledge.documents.readers.flow import MOST_COLUMNS, table
from webapp.knowledge.documents.readers.package import Package
from webapp.knowledge.documents.readers.part import FilePart, UnreadableFile

WORKBOOK = "xl/workbook.xml"
# Built-in number formats for dates and times, which files use without defining them.
DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
LETTERS = re.compile(r"[A-Z]{1,3}")
# Excel treats 1900 as a leap year, so its day numbers count from this date.
FIRST_DAY = datetime(1899, 12, 30)
LAST_DAY = 2_958_465
# Programs write cells for their style alone; reading this many takes three seconds.
MOST_EMPTY = 1_000_000
EMPTY_CELLS = f"A sheet of this file has more than {MOST_EMPTY:,} empty cells. Delete them, and add the file again."
# The default state: many programs write it, Excel omits it.
SHOWN = "visible"
TRUTH = {"1": "TRUE", "0": "FALSE"}


@dataclass(frozen=True, slots=True)
class Workbook:
    """What the cells of all sheets refer to by index: the shared strings, and the styles that format dates."""

    texts: Sequence[str]
    dates: frozenset[int]


def parts(raw: bytes, _: str) -> Iterator[FilePart]:
    package = Package(raw)
    main = package.main(WORKBOOK)
    targets = package.relations(main)
    listed = [sheet for sheet in package.elements(main, "sheet") if sheet.get("state", SHOWN) == SHOWN]
    sheets = [(sheet.get("name", ""), targets.get(sheet.get("r:id", ""), "")) for sheet in listed]
    book = Workbook(_texts(package, main), _dates(package, main))
    for number, (name, path) in enumerate(sheets, 1):
        rows = table(list(_rows(package, path, book))) if "/chartsheets/" not in path else ""
        yield FilePart(f"## {name}\n\n{rows}\n" if rows else "", number, len(sheets), is_apart=True)


def _texts(package: Package, main: str) -> list[str]:
    texts, text, is_in_value, is_sound = list[str](), list[str](), False, False
    for name in package.relations(main, "/sharedStrings").values():
        for kind, name_or_text, _ in package.events(name):
            if kind == "text" and is_in_value and not is_sound:
                text.append(name_or_text)
            elif kind != "text" and name_or_text == "t":
                is_in_value = kind == "start"
            elif kind != "text" and name_or_text == "rPh":
                is_sound = kind == "start"
            elif kind == "end" and name_or_text == "si":
                texts.append("".join(text))
                text.clear()
    return texts


def _dates(package: Package, main: str) -> frozenset[int]:
    formats, styles, is_of_cells = set(DATES), list[int](), False
    for name in package.relations(main, "/styles").values():
        for kind, name_or_text, attributes in package.events(name):
            if name_or_text == "cellXfs":
                is_of_cells = kind == "start"
            elif kind == "start" and name_or_text == "numFmt" and _is_date(attributes.get("formatCode", "")):
                formats.add(_number(attributes.get("numFmtId")))
            elif kind == "start" and name_or_text == "xf" and is_of_cells:
                styles.append(_number(attributes.get("numFmtId")))
    return frozenset(index for index, format in enumerate(styles) if format in formats)


def _is_date(format: str) -> bool:
    plain = QUOTED.sub("", format).lower()
    return any(sign in plain for sign in "dyh") and "general" not in plain


def _rows(package: Package, path: str, book: Workbook) -> Iterator[list[str]]:
    cells, cell, value, is_in_value, empty = list[str](), dict[str, str](), list[str](), False, 0
    for kind, name_or_text, attributes in package.events(path):
        if kind == "text":
            value += [name_or_text] if is_in_value else []
        elif name_or_text in ("v", "t"):
            is_in_value = kind == "start"
        elif kind == "start" and name_or_text == "c":
            cell = attributes
            value.clear()
        elif name_or_text == "c":
            empty += not value
            if empty > MOST_EMPTY:
                raise UnreadableFile(EMPTY_CELLS)
            column, text = _column(cell, len(cells)), _shown(cell, "".join(value), book)
            if text and column < MOST_COLUMNS:
                cells += [""] * (column + 1 - len(cells))
                cells[column] = text
        elif kind == "end" and name_or_text == "row" and cells:
            yield cells
            cells = []


def _column(cell: Mapping[str, str], following: int) -> int:
    """Returns the column index from the cell's reference: C5 is in the third column."""
    if not (letters := LETTERS.match(cell.get("r", ""))):
        return following
    column = 0
    for letter in letters.group():
        column = column * 26 + ord(letter) - 64
    return column - 1


def _shown(cell: Mapping[str, str], value: str, book: Workbook) -> str:
    kind = cell.get("t", "n")
    if kind == "s":
        index = _number(value)
        return book.texts[index] if 0 <= index < len(book.texts) else ""
    if kind == "b":
        return TRUTH.get(value, "")
    is_date = kind == "n" and _number(cell.get("s")) in book.dates
    return _date(value) if is_date and value else value


def _date(value: str) -> str:
    try:
        days = float(value)
    except ValueError:
        return value
    if not 0 <= days <= LAST_DAY:
        return value
    moment = FIRST_DAY + timedelta(seconds=round(days * 86_400))
    if days < 1:
        return f"{moment:%H:%M}"
    return f"{moment:%Y-%m-%d}" if days == int(days) else f"{moment:%Y-%m-%d %H:%M}"


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else -1
