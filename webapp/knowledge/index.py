"""The index of words: FTS5 on SQLite; on PostgreSQL a row for each word of a passage, ranked by the same BM25."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from json import dumps
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, Connection, Float, Select, case, column, func, literal, literal_column, select
from sqlalchemy import table as named_table
from sqlalchemy import text as statement
from sqlalchemy.orm import Session

from webapp.db import is_sqlite
from webapp.heavy import bounded
from webapp.knowledge import postings
from webapp.knowledge.tables import Collection, Document, Passage, PassageTerm
from webapp.knowledge.why import K1, B, idf
from webapp.knowledge.words import HEAD_WEIGHT

PUT = statement("INSERT INTO passages_search(rowid, head, body) VALUES (:row, :head, :body)")
# Three values a row would be read one by one on both sides: a book has a hundred thousand rows.
PUT_TERMS = statement(
    "INSERT INTO passage_terms(term, passage_row, weight) "
    "SELECT * FROM unnest(CAST(:terms AS varchar[]), CAST(:rows AS bigint[]), CAST(:weights AS integer[]))"
)
SEARCHED = named_table("passages_search", column("rowid"))
MATCHES = statement("passages_search MATCH :match")
# Which of the scores a query is sorted by.
SCORE = literal_column("score", Float)
BM25 = literal_column(f"-bm25(passages_search, {HEAD_WEIGHT}.0, 1.0)", Float)
# More than a search gives, so that they are enough for whoever may see a tenth of all; for most people so many of them are.
AMONG, FIRST = 1_000, 250
COUNTED_SECONDS = 60.0
HOLDING = "SELECT count(*) FROM passages_search WHERE passages_search MATCH ?"
# With the plus, as the words would else be looked up for each of the rows by itself.
HOLDING_OF = f"{HOLDING} AND +rowid IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Size:
    """Of all that is indexed: how many passages there are, and how many words they have together."""

    passages: int
    words: int


@dataclass(frozen=True)
class Common:
    """In how many passages the words are that are in many, as far as they were asked for; `until` then they are counted anew."""

    size: Size
    until: float
    held: dict[str, int] = field(default_factory=dict)


def wants() -> str:
    """What the reader of a file tells of each passage for this database."""
    return "spaced" if is_sqlite() else "terms"


def put(connection: Connection, rows: Sequence[int], told: Sequence[Mapping[str, Any]]) -> None:
    """Indexes passages that were just stored in this database."""
    if connection.dialect.name == "sqlite":
        places = zip(rows, (each["index"] for each in told), strict=True)
        connection.execute(PUT, [{"row": row, "head": head, "body": body} for row, (head, body) in places])
        return
    terms = [(term, row, weight) for row, each in zip(rows, told, strict=True) for term, weight in each["terms"].items()]
    if terms:
        connection.execute(PUT_TERMS, dict(zip(("terms", "rows", "weights"), map(list, zip(*terms, strict=True)), strict=True)))


def size_of(session: Session, document_id: str, edition: int) -> tuple[int, int]:
    """How many passages and words an edition of a document has."""
    counted = select(func.count(), func.coalesce(func.sum(Passage.words), 0))
    passages, words = session.execute(counted.where(Passage.document_id == document_id, Passage.edition == edition)).one()
    return int(passages), int(words)


def counts(words: Mapping[str, str], *, until: float) -> tuple[Size, dict[str, int]]:
    """How much is indexed, and in how many passages each of these words is, by its stem.

    Words that are in many take longest to count, and are asked for most: while all is as large as it was, they are not counted
    again.
    """
    common = _common()
    size, held = _counted({term: word for term, word in words.items() if term not in common.held}, until)
    if size != common.size:
        common = current_app.extensions["common words"] = Common(size, time.monotonic() + COUNTED_SECONDS)
        size, held = (size, held) if len(held) == len(words) else _counted(words, until)
    common.held.update({term: count for term, count in held.items() if count > AMONG})
    known = {**common.held, **held}
    return size, {term: known[term] for term in words}


def _counted(words: Mapping[str, str], until: float) -> tuple[Size, dict[str, int]]:
    size = select(func.coalesce(func.sum(Document.passages), 0), func.coalesce(func.sum(Document.words), 0))
    if is_sqlite():
        each = [(HOLDING, [f'"{word}"']) for word in words.values()]
        [whole], *held = bounded.read([size, *each], until=until)
        return Size(*map(int, whole)), {term: int(count) for term, [(count,)] in zip(words, held, strict=True)}
    counted = select(PassageTerm.term, func.count()).where(PassageTerm.term.in_(words)).group_by(PassageTerm.term)
    [whole], *rows = bounded.read([size, *([counted] if words else [])], until=until)
    found = {term: int(count) for each in rows for term, count in each}
    return Size(*map(int, whole)), {term: found.get(term, 0) for term in words}


def held_in(words: Mapping[str, str], rows: Sequence[int], *, until: float) -> dict[str, int]:
    """In how many of these passages each of the words is, by its stem."""
    if is_sqlite():
        counted = bounded.read([(HOLDING_OF, [f'"{word}"', dumps(rows)]) for word in words.values()], until=until)
        return {term: int(count) for term, [(count,)] in zip(words, counted, strict=True)}
    held = select(PassageTerm.term, func.count()).where(PassageTerm.term.in_(words), PassageTerm.passage_row.in_(rows))
    [found] = bounded.read([held.group_by(PassageTerm.term)], until=until)
    known = {term: int(count) for term, count in found}
    return {term: known.get(term, 0) for term in words}


def _common() -> Common:
    """What was counted last, unless that is so long ago that there may be others among as many."""
    found: Common | None = current_app.extensions.get("common words")
    return found if found and time.monotonic() < found.until else Common(Size(-1, -1), 0.0)


def best(counts: Mapping[str, int], size: Size, *, until: float) -> dict[int, float]:
    """On SQLite, the `AMONG` best for these stems of all passages: where most have a word, few are looked up to see whose."""
    idfs = {term: idf(size.passages, count) for term, count in counts.items()}
    return postings.best(idfs, size.words / max(1, size.passages), AMONG, until=until)


def among(rows: Sequence[int], which: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """Those of these passages for which all of `which` is true."""
    # As one value: a statement with a thousand of them takes longer to write than to run. As a number of them, as SQLite would
    # else begin with all that the person may see.
    each = func.json_each(dumps(rows)).table_valued("value")
    given = select(each.c.value).limit(len(rows)).subquery("given")
    return _of_documents(select(Passage.row).select_from(given).join(Passage, Passage.row == given.c.value)).where(*which)


def ranked(words: Mapping[str, str], counts: Mapping[str, int], size: Size, which: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """The rows of passages with one of these words and their scores; only those are ranked for which all of `which` is true."""
    if is_sqlite():
        found = select(Passage.row, BM25.label("score")).select_from(SEARCHED)
        found = found.join(Passage, Passage.row == SEARCHED.c.rowid).where(_matches(words))
        return _of_documents(found).where(*which)
    held = select(PassageTerm.term, PassageTerm.passage_row, PassageTerm.weight).where(PassageTerm.term.in_(words))
    # First, and once: the planner thinks that people see next to nothing, and would look for each of their passages by itself.
    postings = held.cte("postings").prefix_with("MATERIALIZED")
    score = _score(counts, size, postings.c.term, postings.c.weight)
    # A passage has one row for each word: of one word alone there is nothing to add up.
    is_one = len(words) == 1
    found = select(Passage.row, (score if is_one else func.sum(score)).label("score")).select_from(postings)
    found = _of_documents(found.join(Passage, Passage.row == postings.c.passage_row)).where(*which)
    return found if is_one else found.group_by(Passage.row)


def _score(counts: Mapping[str, int], size: Size, term: Any, weight: Any) -> Any:
    """What a word adds to the score of a joined passage."""
    average = size.words / max(1, size.passages)
    # What is the same for all is reckoned here: the database would do it for each of tens of thousands.
    least, each_word = literal(K1 * (1 - B), Float), literal(K1 * B / max(average, 1e-9), Float)
    idfs = {each: idf(size.passages, count) * (K1 + 1) for each, count in counts.items()}
    return case(idfs, value=term) * weight / (weight + least + each_word * Passage.words)


def _matches(words: Mapping[str, str]) -> Any:
    return MATCHES.bindparams(match=" OR ".join(f'"{word}"' for word in words.values()))


def _of_documents(found: Any) -> Select[Any]:
    joined = found.join(Document, Document.id == Passage.document_id)
    whole: Select[Any] = joined.join(Collection, Collection.id == Document.collection_id)
    return whole
