"""Reads a file in a child process: makes markdown of it, cuts that into passages and counts their words. Pure.

Its first line is JSON: the `title` that was given, the `name` of the file, how it `wants` words indexed, and how many characters
are `most`.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Any

from webapp.knowledge import formats, markup, words
from webapp.knowledge.splitting import HEADING, Piece, split

AT_ONCE = 20
MOST_COLUMNS = 200
CONTROL = re.compile(r"[\0-\x08\x0e-\x1f\x7f\ufffe\uffff]")
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
NOT_TEXT = "This file isn't text, so nothing could be read from it."
EMPTY = "There is no text in this file."
TOO_LONG = "This file has more than {:,} characters, which is the limit."
NOT_A_TABLE = "This table couldn't be read. Check that every quoted cell ends with a quote."
csv.field_size_limit(1_000_000)


class Refused(ValueError):
    """It cannot be read, for the reason it says."""


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """First how much there is, then batches of passages; or why there are none."""
    about = json.loads(file.readline())
    try:
        title, text = _read(decoded(file.read()), about["name"])
        if not text.strip():
            raise Refused(EMPTY)
        if about["most"] and len(text) > about["most"]:
            raise Refused(TOO_LONG.format(about["most"]))
    except Refused as refusal:
        yield {"refused": str(refusal)}
        return
    title = about["title"] or title or formats.stem(about["name"])
    yield {"title": title, "characters": len(text)}
    found, done = split(text), 0
    while batch := list(islice(found, AT_ONCE)):
        done += sum(len(each.text) - each.overlap for each in batch)
        yield {"done": done, "passages": _told(batch, title, counts=about["wants"] == "terms")}


def decoded(raw: bytes) -> str:
    """The text of these bytes; refuses what is none."""
    encoding = next((name for mark, name in MARKS.items() if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        if b"\0" in raw:
            raise Refused(NOT_TEXT) from None
        text = raw.decode("cp1252", "replace")
    strange = len(CONTROL.findall(text[:100_000]))
    if "\0" in text or strange > len(text[:100_000]) / 100:
        raise Refused(NOT_TEXT)
    return CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _read(text: str, name: str) -> tuple[str, str]:
    """What it calls itself, and its text as markdown."""
    kind = formats.kind_of(name)
    if kind == "html":
        return markup.as_markdown(text)
    if kind == "markdown":
        found = HEADING.match(text.lstrip().partition("\n")[0])
        return (found.group(2)[:200] if found and found.group(1) == "#" else ""), text
    made: Callable[[str, str], str] = {"code": _as_code, "table": _as_table}.get(kind, lambda text, _: text)
    return "", made(text, name)


def _as_code(text: str, name: str) -> str:
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if text.endswith("\n") else "\n"
    return f"{fence}{formats.CODE[formats.ending(name)]}\n{text}{end}{fence}\n"


def _as_table(text: str, name: str) -> str:
    first = text.partition("\n")[0]
    delimiter = "\t" if name.lower().endswith(".tsv") else max(",;\t|", key=first.count)
    lines = []
    try:
        for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=False):
            if row:
                lines.append("| " + " | ".join(_cell(each) for each in row[:MOST_COLUMNS]) + " |\n")
            if len(lines) == 1 and row:
                lines.append("|" + "---|" * len(row[:MOST_COLUMNS]) + "\n")
    except csv.Error as error:
        raise Refused(NOT_A_TABLE) from error
    return "".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _told(batch: list[Piece], title: str, *, counts: bool) -> list[dict[str, Any]]:
    texts = [(f"{title} {each.heading}", each.head + each.text) for each in batch]
    found = []
    for piece, (head, body), (terms, length) in zip(batch, texts, words.weights(texts), strict=True):
        told = {"heading": piece.heading, "head": piece.head, "text": piece.text, "overlap": piece.overlap, "words": length}
        indexed = {"terms": terms} if counts else {"index": [words.spaced(head), words.spaced(body)]}
        found.append(told | indexed)
    return found
