"""The index of words: FTS5 on SQLite; on PostgreSQL a row for each word of a passage, ranked by the same BM25."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, Select, case, cast, column, func, insert, literal_column, select
from sqlalchemy import table as named_table
from sqlalchemy import text as statement
from sqlalchemy.orm import Session

from webapp.db import is_sqlite
from webapp.knowledge import bounded
from webapp.knowledge.tables import Collection, Document, Passage, PassageTerm
from webapp.knowledge.why import K1, B, idf
from webapp.knowledge.words import HEAD_WEIGHT

PUT = statement("INSERT INTO passages_search(rowid, head, body) VALUES (:row, :head, :body)")
SEARCHED = named_table("passages_search", column("rowid"))
MATCHES = statement("passages_search MATCH :match")
# Which of the scores a query is sorted by.
SCORE = literal_column("score", Float)
BM25 = literal_column(f"-bm25(passages_search, {HEAD_WEIGHT}.0, 1.0)", Float)
# More than a search gives, so that they are enough for whoever may see a tenth of all.
AMONG = 1_000
HOLDING = statement("SELECT count(*) FROM passages_search WHERE passages_search MATCH :word")


@dataclass(frozen=True, slots=True)
class Size:
    """Of all that is indexed: how many passages there are, and how many words they have together."""

    passages: int
    words: int


def wants() -> str:
    """What the reader of a file tells of each passage for this database."""
    return "spaced" if is_sqlite() else "terms"


def put(connection: Connection, rows: Sequence[int], told: Sequence[Mapping[str, Any]]) -> None:
    """Indexes passages that were just stored in this database."""
    if connection.dialect.name == "sqlite":
        places = zip(rows, (each["index"] for each in told), strict=True)
        connection.execute(PUT, [{"row": row, "head": head, "body": body} for row, (head, body) in places])
        return
    terms = [
        {"term": term, "passage_row": row, "weight": weight}
        for row, each in zip(rows, told, strict=True)
        for term, weight in each["terms"].items()
    ]
    if terms:
        connection.execute(insert(PassageTerm), terms)


def size_of(session: Session, document_id: str, edition: int) -> tuple[int, int]:
    """How many passages and words an edition of a document has."""
    counted = select(func.count(), func.coalesce(func.sum(Passage.words), 0))
    passages, words = session.execute(counted.where(Passage.document_id == document_id, Passage.edition == edition)).one()
    return int(passages), int(words)


def counts(words: Mapping[str, str], *, until: float) -> tuple[Size, dict[str, int]]:
    """How much is indexed, and in how many passages each of these words is, by its stem."""
    size = select(func.coalesce(func.sum(Document.passages), 0), func.coalesce(func.sum(Document.words), 0))
    if is_sqlite():
        each = [HOLDING.bindparams(word=f'"{word}"') for word in words.values()]
        [whole], *held = bounded.read([size, *each], until=until)
        return Size(*map(int, whole)), {term: int(count) for term, [(count,)] in zip(words, held, strict=True)}
    counted = select(PassageTerm.term, func.count()).where(PassageTerm.term.in_(words)).group_by(PassageTerm.term)
    [whole], rows = bounded.read([size, counted], until=until)
    found = {term: int(count) for term, count in rows}
    return Size(*map(int, whole)), {term: found.get(term, 0) for term in words}


def best(words: Mapping[str, str], which: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """On SQLite, the same of the `AMONG` best passages alone: where most have a word, few are looked up to see whose they are."""
    score = BM25.label("score")
    first = select(SEARCHED.c.rowid.label("place"), score).select_from(SEARCHED).where(_matches(words))
    inner = first.order_by(SCORE.desc(), SEARCHED.c.rowid).limit(AMONG).subquery("best")
    found = select(Passage.row, inner.c.score.label("score")).select_from(inner).join(Passage, Passage.row == inner.c.place)
    return _of_documents(found).where(*which)


def ranked(words: Mapping[str, str], counts: Mapping[str, int], size: Size, which: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """The rows of passages with one of these words and their scores; only those are ranked for which all of `which` is true."""
    if is_sqlite():
        found = select(Passage.row, BM25.label("score")).select_from(SEARCHED)
        found = found.join(Passage, Passage.row == SEARCHED.c.rowid).where(_matches(words))
        return _of_documents(found).where(*which)
    average = size.words / max(1, size.passages)
    lengths = K1 * (1 - B + B * cast(Passage.words, Float) / max(average, 1e-9))
    idfs = {term: idf(size.passages, count) for term, count in counts.items()}
    weight = cast(PassageTerm.weight, Float)
    score = func.sum(case(idfs, value=PassageTerm.term) * weight * (K1 + 1) / (weight + lengths)).label("score")
    found = select(Passage.row, score).select_from(PassageTerm).join(Passage, Passage.row == PassageTerm.passage_row)
    return _of_documents(found).where(PassageTerm.term.in_(words), *which).group_by(Passage.row)


def _matches(words: Mapping[str, str]) -> Any:
    return MATCHES.bindparams(match=" OR ".join(f'"{word}"' for word in words.values()))


def _of_documents(found: Any) -> Select[Any]:
    joined = found.join(Document, Document.id == Passage.document_id)
    whole: Select[Any] = joined.join(Collection, Collection.id == Document.collection_id)
    return whole
