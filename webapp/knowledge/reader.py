"""Reads a file in a child process: makes markdown of it, cuts that into passages and counts their words. Pure.

Its first line is JSON: the `title` that was given, the `name` of the file, how it `wants` words indexed, and how many characters
are `most`.
"""

import codecs
import json
import resource
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from itertools import islice
from typing import IO, Any

from webapp.knowledge import formats, words
from webapp.knowledge.reading.part import Part, Refused
from webapp.knowledge.reading.whole import Whole
from webapp.knowledge.splitting import Piece

AT_ONCE = 20
# How often a long file says how far its reading is.
TOLD = 20
STANDARD_FILES = 3
# Python loads them when they are needed first.
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252", "cp437")
Found = tuple[Piece, int | None]


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """First how much there is, then batches of passages; or why there are none."""
    about = json.loads(file.readline())
    yield from pieces_of(parts(file.read(), about["name"]), about)


def pieces_of(parts: Iterable[Part], about: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The same of parts that are known."""
    whole = Whole(about["most"])
    try:
        for part in parts:
            whole.add(part)
            if part.number and part.of and part.number % (part.of // TOLD + 1) == 0:
                yield {"page": part.number, "of": part.of}
        whole.refuse_if_empty()
    except Refused as refusal:
        yield {"refused": str(refusal)}
        return
    title = about["title"] or whole.title or formats.stem(about["name"])
    yield {"title": title, "characters": whole.length}
    found, done = whole.pieces(), 0
    while batch := list(islice(found, AT_ONCE)):
        done += sum(len(piece.text) - piece.overlap for piece, _ in batch)
        yield {"done": done, "passages": _told(batch, title, counts=about["wants"] == "terms")}


def parts(raw: bytes, name: str) -> Iterator[Part]:
    """The parts of a file, by the reader for its name, which opens no file and no socket from then on."""
    # Each reader brings libraries of its own, which would cost the others their start.
    reader = import_module(f"webapp.knowledge.reading.{formats.reader_of(name)}")
    for encoding in ENCODINGS:
        codecs.lookup(encoding)
    if formats.is_closed(name):
        resource.setrlimit(resource.RLIMIT_NOFILE, (STANDARD_FILES, STANDARD_FILES))
    found: Iterator[Part] = reader.parts(raw, name)
    return found


def _told(batch: list[Found], title: str, *, counts: bool) -> list[dict[str, Any]]:
    texts = [(f"{title} {each.heading}", each.head + each.text) for each, _ in batch]
    found = []
    for (piece, page), (head, body), (terms, length) in zip(batch, texts, words.weights(texts), strict=True):
        told = {"heading": piece.heading, "head": piece.head, "text": piece.text, "overlap": piece.overlap, "words": length}
        indexed = {"terms": terms} if counts else {"index": [words.spaced(head), words.spaced(body)]}
        found.append(told | {"page": page} | indexed)
    return found
