"""The full-text index: FTS5 on SQLite; on PostgreSQL a table with one row per word of a passage, ranked by the same BM25."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from json import dumps
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Select,
    case,
    column,
    func,
    literal,
    literal_column,
    select,
    table as named_table,
    text as statement,
)
from sqlalchemy.orm import Session

from webapp.base.current import PerApp
from webapp.base.database.copying import Index
from webapp.base.db import is_sqlite
from webapp.base.heavy import bounded
from webapp.base.heavy.threads import offload
from webapp.knowledge.search import tokenizer
from webapp.knowledge.search.bm25 import K1, B, idf
from webapp.knowledge.tables import Collection, Document, Passage, PassageTerm

PUT = statement("INSERT INTO passages_search(rowid, head, body) VALUES (:row, :head, :body)")
# Passed as three arrays: with three parameters per row, driver and server would parse each one, and a book has a hundred
# thousand rows.
PUT_TERMS = statement(
    "INSERT INTO passage_terms(term, passage_row, weight) "
    "SELECT * FROM unnest(CAST(:terms AS varchar[]), CAST(:rows AS bigint[]), CAST(:weights AS integer[]))"
)
SEARCHED = named_table("passages_search", column("rowid"))
MATCHES = statement("passages_search MATCH :match")
# The column that a query is sorted by.
SCORE = literal_column("score", Float)
BM25 = literal_column(f"-bm25(passages_search, {tokenizer.HEAD_WEIGHT}.0, 1.0)", Float)
# `AMONG` is more than a search returns, so that it is enough even for a person who may see only a tenth of all passages; the
# `FIRST` of them are enough for most people.
AMONG, FIRST = 1_000, 250
COUNTED_SECONDS = 60.0
HOLDING = "SELECT count(*) FROM passages_search WHERE passages_search MATCH ?"
# The unary plus keeps SQLite from using the rowid, which would run the full-text query once for each row.
HOLDING_OF = f"{HOLDING} AND +rowid IN (SELECT value FROM json_each(?))"
# The same batch size as the reader process uses.
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class IndexSize:
    """The size of the index: the number of passages and the total number of words."""

    passages: int
    words: int


@dataclass(frozen=True)
class Common:
    """A cache of how many passages contain each very common word that was searched for; it is recounted after `until`."""

    size: IndexSize
    until: float
    counts: dict[str, int] = field(default_factory=dict)


COMMON = PerApp[Common | None](lambda: None)


def wants() -> Literal["spaced", "terms"]:
    """Returns what the reader process has to report about each passage, for the index of this database."""
    return "spaced" if is_sqlite() else "terms"


def put(connection: Connection, rows: Sequence[int], pieces: Sequence[Mapping[str, Any]]) -> None:
    """Adds passages that were just inserted to the full-text index."""
    if connection.dialect.name == "sqlite":
        index_texts = zip(rows, (piece["index"] for piece in pieces), strict=True)
        connection.execute(PUT, [{"row": row, "head": head, "body": body} for row, (head, body) in index_texts])
        return
    terms = [(term, row, weight) for row, piece in zip(rows, pieces, strict=True) for term, weight in piece["terms"].items()]
    if terms:
        connection.execute(PUT_TERMS, dict(zip(("terms", "rows", "weights"), map(list, zip(*terms, strict=True)), strict=True)))


def size_of(session: Session, document_id: str, edition: int) -> tuple[int, int]:
    """Returns the number of passages and words in an edition of a document."""
    query = select(func.count(), func.coalesce(func.sum(Passage.words), 0))
    passages, words = session.execute(query.where(Passage.document_id == document_id, Passage.edition == edition)).one()
    return int(passages), int(words)


def counts(words: Mapping[str, str], *, until: float) -> tuple[IndexSize, dict[str, int]]:
    """Returns the size of the index and, by stem, how many passages contain each of these words.

    Very common words take longest to count and are searched for most, so their counts are cached while the size of the index
    stays the same.
    """
    common = COMMON.get()
    # So old that different passages could add up to the same size.
    if not common or time.monotonic() >= common.until:
        common = Common(IndexSize(-1, -1), 0.0)
    size, counted = _counted({term: word for term, word in words.items() if term not in common.counts}, until)
    if size != common.size:
        common = Common(size, time.monotonic() + COUNTED_SECONDS)
        COMMON.set(common)
        size, counted = (size, counted) if len(counted) == len(words) else _counted(words, until)
    common.counts.update({term: count for term, count in counted.items() if count > AMONG})
    all_counts = {**common.counts, **counted}
    return size, {term: all_counts[term] for term in words}


def _counted(words: Mapping[str, str], until: float) -> tuple[IndexSize, dict[str, int]]:
    size = select(func.coalesce(func.sum(Document.passages), 0), func.coalesce(func.sum(Document.words), 0))
    if is_sqlite():
        holding = [(HOLDING, [f'"{word}"']) for word in words.values()]
        [whole], *counts_found = bounded.read([size, *holding], until=until)
        return IndexSize(*map(int, whole)), {term: int(count) for term, [(count,)] in zip(words, counts_found, strict=True)}
    query = select(PassageTerm.term, func.count()).where(PassageTerm.term.in_(words)).group_by(PassageTerm.term)
    [whole], *rows = bounded.read([size, *([query] if words else [])], until=until)
    counts_by_term = {term: int(count) for row in rows for term, count in row}
    return IndexSize(*map(int, whole)), {term: counts_by_term.get(term, 0) for term in words}


def counts_in(words: Mapping[str, str], rows: Sequence[int], *, until: float) -> dict[str, int]:
    """Returns, by stem, how many of these passages contain each of the words."""
    if is_sqlite():
        counted = bounded.read([(HOLDING_OF, [f'"{word}"', dumps(rows)]) for word in words.values()], until=until)
        return {term: int(count) for term, [(count,)] in zip(words, counted, strict=True)}
    query = select(PassageTerm.term, func.count()).where(PassageTerm.term.in_(words), PassageTerm.passage_row.in_(rows))
    [count_rows] = bounded.read([query.group_by(PassageTerm.term)], until=until)
    counts_by_term = {term: int(count) for term, count in count_rows}
    return {term: counts_by_term.get(term, 0) for term in words}


def best(counts: Mapping[str, int], size: IndexSize, *, until: float) -> dict[int, float]:
    """Returns the `AMONG` best passages on SQLite, before access is checked: common words match too many to check them all."""
    # Imported late, in a real thread: NumPy takes memory that servers without searches save, and a tenth of a second.
    offload(import_module, "webapp.knowledge.search.postings")
    from webapp.knowledge.search import postings  # loaded by now

    idfs = {term: idf(size.passages, count) for term, count in counts.items()}
    return postings.best(idfs, size.words / max(1, size.passages), AMONG, until=until)


def among(rows: Sequence[int], conditions: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """Selects those of these passages that meet all conditions in `conditions`."""
    # The rows are one JSON parameter: a statement with a thousand parameters takes longer to compile than to run. The LIMIT
    # makes SQLite start from these rows; it would otherwise start from all that the person may see.
    listed = func.json_each(dumps(rows)).table_valued("value")
    row_values = select(listed.c.value).limit(len(rows)).subquery("given")
    return _of_documents(select(Passage.row).select_from(row_values).join(Passage, Passage.row == row_values.c.value)).where(
        *conditions
    )


def ranked(
    words: Mapping[str, str], counts: Mapping[str, int], size: IndexSize, conditions: Iterable[ColumnElement[bool]]
) -> Select[Any]:
    """Selects passages with any of these words and their scores; passages that don't meet `conditions` are not scored."""
    if is_sqlite():
        query = select(Passage.row, BM25.label("score")).select_from(SEARCHED)
        query = query.join(Passage, Passage.row == SEARCHED.c.rowid).where(
            MATCHES.bindparams(match=" OR ".join(f'"{word}"' for word in words.values()))
        )
        return _of_documents(query).where(*conditions)
    postings_query = select(PassageTerm.term, PassageTerm.passage_row, PassageTerm.weight).where(PassageTerm.term.in_(words))
    # Materialized, so that it runs first and once: the planner underestimates how much people may see, and would look up each
    # of their passages separately.
    postings = postings_query.cte("postings").prefix_with("MATERIALIZED")
    score = _score(counts, size, postings.c.term, postings.c.weight)
    # A passage has one row per word, so the scores of a single word need no sum.
    is_one = len(words) == 1
    query = select(Passage.row, (score if is_one else func.sum(score)).label("score")).select_from(postings)
    query = _of_documents(query.join(Passage, Passage.row == postings.c.passage_row)).where(*conditions)
    return query if is_one else query.group_by(Passage.row)


def _score(counts: Mapping[str, int], size: IndexSize, term: Any, weight: Any) -> Any:
    """Returns the SQL for what a word adds to the score of a joined passage."""
    average = size.words / max(1, size.passages)
    # Constants are computed in Python: the database would recompute them for each of tens of thousands of rows.
    least, each_word = literal(K1 * (1 - B), Float), literal(K1 * B / max(average, 1e-9), Float)
    idfs = {stem: idf(size.passages, count) * (K1 + 1) for stem, count in counts.items()}
    return case(idfs, value=term) * weight / (weight + least + each_word * Passage.words)


def _of_documents(documents: Any) -> Select[Any]:
    joined = documents.join(Document, Document.id == Passage.document_id)
    whole: Select[Any] = joined.join(Collection, Collection.id == Document.collection_id)
    return whole


def fill_again(connection: Connection) -> None:
    """Indexes every passage, as the reader process does, after they were copied from another database."""
    read = select(Passage.row, Document.title, Passage.heading, Passage.head, Passage.text)
    read = read.join(Document, Document.id == Passage.document_id).order_by(Passage.row)
    for batch in connection.execute(read, execution_options={"yield_per": AT_ONCE}).partitions():
        texts = [(f"{row.title} {row.heading}", row.head + row.text) for row in batch]
        weights = tokenizer.weights(texts)
        pieces = [
            {"terms": terms, "index": [tokenizer.spaced(head), tokenizer.spaced(body)]}
            for (head, body), (terms, _) in zip(texts, weights, strict=True)
        ]
        put(connection, [row.row for row in batch], pieces)


INDEX = Index(PassageTerm.__tablename__, fill_again)
