"""Reads a file in a child process: converts it to Markdown, splits that into passages and counts their words. Pure.

The first line of input is JSON: the `title` that was entered, the `name` of the file, how the database `wants` words indexed,
and `most`, the maximum number of characters.
"""

import codecs
import json
import resource
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import islice
from typing import IO, Literal, NotRequired, TypedDict, final

from webapp.base.visible_text import BIDI, clean
from webapp.knowledge import formats
from webapp.knowledge.documents.readers.part import FilePart, UnreadableFile
from webapp.knowledge.documents.splitting import TextPiece, split
from webapp.knowledge.search import tokenizer

EMPTY = "There is no text in this file."
TOO_LONG = "This file has more than {:,} characters, which is the limit. Try splitting it into several."
MOST_CHARS = 30_000_000
AT_ONCE = 20
# How many progress reports a long file gets.
PROGRESS_STEPS = 20
STANDARD_FILES = 3
# Python imports these codecs on first use, which would fail once no file can be opened.
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252", "cp437")
Found = tuple[TextPiece, int | None]


class FileAbout(TypedDict):
    """What the reader process is told about a file, as the first line of its input."""

    name: str
    title: str
    most: int
    wants: Literal["spaced", "terms"]


@final
class FileRefusal(TypedDict):
    """The reason why a file can't be read."""

    refused: str


@final
class PageReached(TypedDict):
    page: int
    of: int


@final
class TextExtracted(TypedDict):
    title: str
    characters: int


class IndexedPassage(TypedDict):
    """A passage with what the index of the database needs: the weights of its `terms`, or its head and body as spaced words."""

    heading: str
    head: str
    text: str
    overlap: int
    words: int
    page: int | None
    terms: NotRequired[dict[str, int]]
    index: NotRequired[list[str]]


@final
class PassageBatch(TypedDict):
    """Some passages, and how many characters are `done`."""

    done: int
    passages: list[IndexedPassage]


ReaderReport = FileRefusal | PageReached | TextExtracted | PassageBatch


@dataclass(slots=True)
class PartRun:
    """Consecutive parts that are split into passages as one text."""

    texts: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    numbers: list[int | None] = field(default_factory=list)
    length: int = 0

    def add(self, part: FilePart) -> None:
        self.starts.append(self.length)
        self.numbers.append(part.number)
        self.texts.append(part.text)
        self.length += len(part.text)

    def pieces(self) -> Iterator[tuple[TextPiece, int | None]]:
        """Yields the passages, each with the page on which it begins."""
        done = 0
        for piece in split("".join(self.texts)):
            new = piece.text[piece.overlap :]
            begins = done + len(new) - len(new.lstrip())
            yield piece, self.numbers[bisect_right(self.starts, begins) - 1]
            done += len(new)


class FullText:
    """The text of a whole file; raises `UnreadableFile` if it is too long."""

    def __init__(self, most: int) -> None:
        self.title, self.length = "", 0
        self._most, self._runs, self._is_apart = min(most or MOST_CHARS, MOST_CHARS), list[PartRun](), True

    def add(self, part: FilePart) -> None:
        part = FilePart(clean(part.text), part.number, part.of, part.title, part.is_apart)
        self.title = self.title or clean(part.title).translate(BIDI).strip()
        if not part.text:
            return
        self.length += len(part.text)
        if self.length > self._most:
            raise UnreadableFile(TOO_LONG.format(self._most))
        if part.is_apart or self._is_apart:
            self._runs.append(PartRun())
        self._runs[-1].add(part)
        self._is_apart = part.is_apart

    def pieces(self) -> Iterator[tuple[TextPiece, int | None]]:
        for run in self._runs:
            yield from run.pieces()

    def refuse_if_empty(self) -> None:
        if not any(text.strip() for run in self._runs for text in run.texts):
            raise UnreadableFile(EMPTY)


def pieces(file: IO[bytes]) -> Iterator[ReaderReport]:
    """Yields the size of the text, then batches of passages; or the reason why there are none."""
    about: FileAbout = json.loads(file.readline())
    yield from pieces_of(parts(file.read(), about["name"]), about)


def pieces_of(parts: Iterable[FilePart], about: FileAbout) -> Iterator[ReaderReport]:
    """Does the same as `pieces`, for parts that are already extracted."""
    whole = FullText(about["most"])
    try:
        for part in parts:
            whole.add(part)
            if part.number and part.of and part.number % (part.of // PROGRESS_STEPS + 1) == 0:
                yield PageReached(page=part.number, of=part.of)
        whole.refuse_if_empty()
    except UnreadableFile as refusal:
        yield FileRefusal(refused=str(refusal))
        return
    title = about["title"] or whole.title or formats.stem(about["name"])
    yield TextExtracted(title=title, characters=whole.length)
    pieces, done = whole.pieces(), 0
    while batch := list(islice(pieces, AT_ONCE)):
        done += sum(len(piece.text) - piece.overlap for piece, _ in batch)
        yield PassageBatch(done=done, passages=_indexed_pieces(batch, title, counts=about["wants"] == "terms"))


def parts(raw: bytes, name: str) -> Iterator[FilePart]:
    """Yields the parts of a file from the reader for its name, which can open no files or sockets from then on."""
    # Imported late: each reader imports other libraries, which would slow down the start for other files.
    reader = import_module(f"webapp.knowledge.documents.readers.{formats.reader_of(name)}")
    for encoding in ENCODINGS:
        codecs.lookup(encoding)
    if formats.is_closed(name):
        resource.setrlimit(resource.RLIMIT_NOFILE, (STANDARD_FILES, STANDARD_FILES))
    parts: Iterator[FilePart] = reader.parts(raw, name)
    return parts


def _indexed_pieces(batch: list[Found], title: str, *, counts: bool) -> list[IndexedPassage]:
    texts = [(f"{title} {piece.heading}", piece.head + piece.text) for piece, _ in batch]
    passages = list[IndexedPassage]()
    for (piece, page), (head, body), (terms, length) in zip(batch, texts, tokenizer.weights(texts), strict=True):
        passage = IndexedPassage(
            heading=piece.heading, head=piece.head, text=piece.text, overlap=piece.overlap, words=length, page=page
        )
        if counts:
            passage["terms"] = terms
        else:
            passage["index"] = [tokenizer.spaced(head), tokenizer.spaced(body)]
        passages.append(passage)
    return passages
