"""Reads a file in a child process: converts it to Markdown, splits that into passages and counts their words. Pure.

The first line of input is JSON: the `title` that was entered, the `name` of the file, how the database `wants` words indexed,
and `most`, the maximum number of characters.
"""

import codecs
import json
import resource
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from itertools import islice
from typing import IO, Any

from webapp.knowledge import formats
from webapp.knowledge.documents.readers.full_text import FullText
from webapp.knowledge.documents.readers.part import Part, Refused
from webapp.knowledge.documents.splitting import Piece
from webapp.knowledge.search import tokenizer

AT_ONCE = 20
# How many progress reports a long file gets.
PROGRESS_STEPS = 20
STANDARD_FILES = 3
# Python imports these codecs on first use, which would fail once no file can be opened.
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252", "cp437")
Found = tuple[Piece, int | None]


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the size of the text, then batches of passages; or the reason why there are none."""
    about = json.loads(file.readline())
    yield from pieces_of(parts(file.read(), about["name"]), about)


def pieces_of(parts: Iterable[Part], about: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Does the same as `pieces`, for parts that are already extracted."""
    whole = FullText(about["most"])
    try:
        for part in parts:
            whole.add(part)
            if part.number and part.of and part.number % (part.of // PROGRESS_STEPS + 1) == 0:
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
        yield {"done": done, "passages": _indexed_pieces(batch, title, counts=about["wants"] == "terms")}


def parts(raw: bytes, name: str) -> Iterator[Part]:
    """Yields the parts of a file from the reader for its name, which can open no files or sockets from then on."""
    # Imported late: each reader imports other libraries, which would slow down the start for other files.
    reader = import_module(f"webapp.knowledge.documents.readers.{formats.reader_of(name)}")
    for encoding in ENCODINGS:
        codecs.lookup(encoding)
    if formats.is_closed(name):
        resource.setrlimit(resource.RLIMIT_NOFILE, (STANDARD_FILES, STANDARD_FILES))
    found: Iterator[Part] = reader.parts(raw, name)
    return found


def _indexed_pieces(batch: list[Found], title: str, *, counts: bool) -> list[dict[str, Any]]:
    texts = [(f"{title} {each.heading}", each.head + each.text) for each, _ in batch]
    found = []
    for (piece, page), (head, body), (terms, length) in zip(batch, texts, tokenizer.weights(texts), strict=True):
        passage = {"heading": piece.heading, "head": piece.head, "text": piece.text, "overlap": piece.overlap, "words": length}
        indexed = {"terms": terms} if counts else {"index": [tokenizer.spaced(head), tokenizer.spaced(body)]}
        found.append(passage | {"page": page} | indexed)
    return found
