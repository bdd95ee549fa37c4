"""Searches passages by words and by meaning, best first, among those that a person may see."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import undefer

from webapp.base.cache import Cache
from webapp.base.current import PerApp
from webapp.base.db import db, is_sqlite
from webapp.base.heavy import bounded
from webapp.knowledge.permissions import finds_passage
from webapp.knowledge.search import index, semantic_search, tokenizer
from webapp.knowledge.search.bm25 import Counted
from webapp.knowledge.tables import Collection, Document, Passage
from webapp.people.accounts.tables import User
from webapp.settings.service import setting

USUAL, MOST = 10, 50
NO_COUNTS = Counted(0, 0, {})
# In a smaller number of passages, no word counts as common.
LEAST_TO_COUNT = 20
# For someone who can find more passages than this, the counts over all passages are close enough; in fewer, words are counted
# quickly.
FEW = 2_000
KEPT_SECONDS, MOST_KEPT = 60.0, 100
# Weights: words count twice as much as meaning, unless a setting says otherwise. A result adds weight / (`K` + its rank).
KEYWORDS, VECTORS, K = 2, 1, 10


class SearchOptions(TypedDict, total=False):
    """Options of a search: its collections, its number of hits and its timeout; by default all, `USUAL` and `PATIENCE_SECONDS`.

    “All” means the collections listed on *Knowledge*: files of chats are found only in searches of their chats. `is_viewed` is
    set when another person sees what this one would find: it excludes the conversation memory and all files of chats. `weight`
    is the weight of meaning, by default that of the setting; with 0, the search by meaning is skipped.
    """

    collections: Sequence[str]
    limit: int
    seconds: float
    is_viewed: bool
    weight: float | None


@dataclass(frozen=True, slots=True)
class RankedPassage:
    """A passage with its ranks in both orders, counted from 1 and None if it isn't in one, and the weight of meaning."""

    row: int
    keyword_rank: int | None
    vector_rank: int | None
    weight: float = VECTORS

    @property
    def score(self) -> float:
        return _fused_share(KEYWORDS, self.keyword_rank) + _fused_share(self.weight, self.vector_rank)


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage that was found, with its rank among all hits; `score` is its score by words."""

    rank: int
    score: float
    passage: Passage
    document: Document
    collection_name: str
    ranked: RankedPassage
    nearness: float | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search: the hits, the words of the question by stem, and those of them that were searched for.

    `left_out` is the reason why collections that have vectors were searched by words only.
    """

    hits: Sequence[PassageHit] = ()
    query_words: Mapping[str, str] = field(default_factory=dict)
    distinctive: Mapping[str, str] = field(default_factory=dict)
    counted: Counted = NO_COUNTS
    left_out: str = ""


def search(user: User, query: str, **bounds: Unpack[SearchOptions]) -> list[PassageHit]:
    """Returns the passages that fit a question best, among all that this person may see or in these collections.

    Raises `TooLate` on a timeout. Other greenlets keep running during the search.
    """
    return list(search_with_details(user, query, **bounds).hits)


def search_with_details(user: User, query: str, **bounds: Unpack[SearchOptions]) -> SearchResult:
    """Searches like `search`; also returns the words and the counts that it used."""
    among, limit = _among(bounds), bounds.get("limit", USUAL)
    query_words, until = tokenizer.query_words(query), time.monotonic() + bounds.get("seconds", bounded.PATIENCE_SECONDS)
    if not query_words:
        return SearchResult()
    size, counts = index.counts(query_words, until=until)
    distinctive = distinctive_words(user, query_words, counts, size, until=until)
    scores = _scores(distinctive, counts, size, [finds_passage(user), *among], until)
    fixed_weight = bounds.get("weight")
    weight = weight_now() if fixed_weight is None else fixed_weight
    near = semantic_search.find_nearest(user, query, among, until=until) if weight else semantic_search.NOTHING
    best = fused(list(scores), near.ranks, weight=weight)[: min(limit, MOST)]
    counted = Counted(size.passages, size.words, counts)
    return SearchResult(_hits(best, scores, near), query_words, distinctive, counted, near.left_out)


def weight_now() -> float:
    """Returns the weight of the rank by meaning; that of the rank by words is 2."""
    return float(setting("knowledge.meaning_weight"))


def unmatched_words(user: User, result: SearchResult, *, is_viewed: bool = False) -> list[str]:
    """Returns the question's words that are in no passage this person may find; documents of others are not revealed."""
    until = time.monotonic() + bounded.PATIENCE_SECONDS
    counts, size = result.counted.counts, index.IndexSize(result.counted.passages, result.counted.words)
    there = {stem: word for stem, word in result.query_words.items() if counts[stem]}
    which = [finds_passage(user), *_among({"is_viewed": is_viewed})]
    statements = [index.ranked({stem: word}, {stem: counts[stem]}, size, which).limit(1) for stem, word in there.items()]
    first_rows = bounded.read(statements, until=until) if statements else []
    stems = {stem for stem, row in zip(there, first_rows, strict=True) if row}
    return [word for stem, word in result.query_words.items() if stem not in stems]


def _among(bounds: SearchOptions) -> Sequence[ColumnElement[bool]]:
    collection_ids, is_viewed = bounds.get("collections", ()), bounds.get("is_viewed", False)
    where = Collection.id.in_(collection_ids) if collection_ids else Collection.chat_id.is_(None)
    return [where, *[Collection.is_memory.is_(False), Collection.chat_id.is_(None)] * is_viewed]


def _scores(
    distinctive: Mapping[str, str],
    counts: Mapping[str, int],
    size: index.IndexSize,
    conditions: Sequence[ColumnElement[bool]],
    until: float,
) -> dict[int, float]:
    """Returns the scores of the passages found by words, best first."""
    if not distinctive:
        return {}
    counts_by_term = {term: counts[term] for term in distinctive}
    if is_sqlite() and sum(counts_by_term.values()) > index.AMONG:
        rows = _first_among(index.best(counts_by_term, size, until=until), conditions, until)
        if len(rows) == semantic_search.DEPTH:
            return rows
    return _first(index.ranked(distinctive, counts_by_term, size, conditions), until)


def _first(ranked: Select[*tuple[Any, ...]], until: float) -> dict[int, float]:
    [rows] = bounded.read([ranked.order_by(index.SCORE.desc(), Passage.row).limit(semantic_search.DEPTH)], until=until)
    return {row: float(score) for row, score in rows}


def _first_among(best: Mapping[int, float], conditions: Sequence[ColumnElement[bool]], until: float) -> dict[int, float]:
    """Returns those of the best passages that meet `conditions`; `FIRST` are checked first, the others only if needed."""
    rows, seen = list(best), set[int]()
    for some in (rows[: index.FIRST], rows[index.FIRST :]):
        if some and len(seen) < semantic_search.DEPTH:
            [score_rows] = bounded.read([index.among(some, conditions)], until=until)
            seen |= {row for (row,) in score_rows}
    return {row: best[row] for row in [row for row in rows if row in seen][: semantic_search.DEPTH]}


def _hits(
    ranked: Sequence[RankedPassage], scores: Mapping[int, float], near: semantic_search.NearestPassages
) -> list[PassageHit]:
    query = select(Passage, Document, Collection.name).join(Document, Document.id == Passage.document_id).join(Collection)
    query = query.where(Passage.row.in_([passage.row for passage in ranked])).options(undefer(Document.owner_id))
    results = db.session.execute(query)
    rows = {passage.row: (passage, document, name) for passage, document, name in results}
    there = enumerate((passage for passage in ranked if passage.row in rows), 1)
    return [
        PassageHit(rank, scores.get(passage.row, 0.0), *rows[passage.row], passage, near.nearness.get(passage.row))
        for rank, passage in there
    ]


@dataclass(frozen=True, slots=True)
class OwnPassages:
    """The passages a person can find, if they are few, and how many of them contain each word that was searched for."""

    rows: Sequence[int]
    size: index.IndexSize
    counts: dict[str, int] = field(default_factory=dict)


OWN = PerApp(lambda: Cache[tuple[str, int], OwnPassages](MOST_KEPT, seconds=KEPT_SECONDS))


def distinctive_words(
    user: User, query_words: Mapping[str, str], counts: Mapping[str, int], size: index.IndexSize, *, until: float
) -> dict[str, str]:
    """Returns the words that tell passages apart: those not in most of them, unless the question has just one word.

    A word is dropped if it is in most of all passages, or in most of those that this person can find: documents of other people
    must not make a word look rare.
    """
    there = {term: word for term, word in query_words.items() if counts[term]}
    if len(query_words) == 1 or size.passages < LEAST_TO_COUNT:
        return there
    rare = {term: word for term, word in there.items() if counts[term] <= size.passages / 2}
    if not rare:
        return rare
    own = _own(user, size, until)
    if not LEAST_TO_COUNT <= len(own.rows) <= FEW:
        return rare
    most = len(own.rows) / 2
    own_counts = _own_counts(own, {term: word for term, word in rare.items() if counts[term] > most}, until)
    return {term: word for term, word in rare.items() if own_counts.get(term, 0) <= most}


def _own(user: User, size: index.IndexSize, until: float) -> OwnPassages:
    """Returns the cached entry, which is rebuilt after a minute and whenever the index changes size."""
    cache, key = OWN.get(), (user.id, user.clearance)
    own_passages = cache.get(key)
    if own_passages is None or own_passages.size != size:
        query = select(Passage.row).join(Document, Document.id == Passage.document_id).join(Collection)
        query = query.where(finds_passage(user), Collection.chat_id.is_(None)).limit(FEW + 1)
        [rows] = bounded.read([query], until=until)
        own_passages = cache.put(key, OwnPassages([row for (row,) in rows], size))
    return own_passages


def _own_counts(own: OwnPassages, words: Mapping[str, str], until: float) -> Mapping[str, int]:
    unknown = {term: word for term, word in words.items() if term not in own.counts}
    if unknown:
        own.counts.update(index.counts_in(unknown, own.rows, until=until))
    return own.counts


def fused(by_words: Sequence[int], by_meaning: Mapping[int, int], *, weight: float = VECTORS) -> list[RankedPassage]:
    """Returns the passages in either order, best score first; on a tie, the one ranked higher by words first.

    `by_meaning` maps passages to ranks, because each embedding model ranks separately and ranks can repeat; `weight` is the
    weight of meaning.
    """
    words = {row: index for index, row in enumerate(by_words[: semantic_search.DEPTH], 1)}
    meaning = {row: rank for row, rank in by_meaning.items() if rank <= semantic_search.DEPTH}
    ranked = [RankedPassage(row, words.get(row), meaning.get(row), weight) for row in {**words, **meaning}]
    return sorted(
        ranked,
        key=lambda passage: (
            -passage.score,
            passage.keyword_rank or semantic_search.DEPTH + 1,
            passage.vector_rank or 0,
            passage.row,
        ),
    )


def _fused_share(weight: float, rank: int | None) -> float:
    return weight / (K + rank) if rank else 0.0
