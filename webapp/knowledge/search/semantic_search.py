"""Semantic search: finds the passages whose vectors are nearest to the question's, among those a person may see."""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import ColumnElement, String, cast, func, select

from webapp.base.cache import Cache
from webapp.base.current import PerApp
from webapp.base.db import db
from webapp.base.errors import AppError
from webapp.base.heavy import bounded
from webapp.base.heavy.threads import offload
from webapp.knowledge.permissions import finds_vectors
from webapp.knowledge.tables import Collection, Document, EmbeddedDocument, Passage, PassageVector, VectorSet
from webapp.knowledge.vectors import embedder
from webapp.knowledge.vectors.vector_sets import CURRENT
from webapp.people.accounts.tables import User
from webapp.settings.service import setting

if TYPE_CHECKING:
    from webapp.knowledge.search.nearest import Edition, Vectors

# The batch size of a read; only whole documents are read, so a batch can be larger.
PASSAGES_AT_ONCE = 2_000
MEGABYTE = 1024 * 1024
# The timeout for embedding a question: it delays the whole search, and the search by words needs no vector.
ASKING_SECONDS = 5.0
# After a failure, a model is not called again for this long.
REST_SECONDS = 30.0
MOST_KEPT = 256
TRIES = 3
# How many of the best passages are ranked, by words as well as by meaning.
DEPTH = 100
TOO_LATE = "The vectors could not be read in time."
TOO_LARGE = "The vectors of these collections need more memory than knowledge.vector_megabytes allows."
OTHER_LENGTH = "The embedding model gives vectors of another length now. Embed the collection again."


class VectorsTooLarge(Exception):
    """The vectors need more memory than is allowed."""


class VectorMemory:
    """Vector sets by id in LRU order; a lock lets one search load vectors at a time, so that none are loaded twice."""

    def __init__(self) -> None:
        self._sets: OrderedDict[str, Vectors] = OrderedDict()
        self._turn = Lock()

    def loaded(self, set_id: str, dimensions: int, editions: "Sequence[Edition]", *, until: float) -> "Vectors":
        """Returns the vectors of a set, with at least these documents loaded; raises `TooLate` on a timeout."""
        if not self._turn.acquire(timeout=max(0.0, until - time.monotonic())):
            raise bounded.TooLate
        try:
            return self._with(set_id, dimensions, editions, until)
        finally:
            self._turn.release()

    def lacks(self, set_id: str, editions: "Sequence[Edition]") -> bool:
        """Returns whether a loaded set lacks the vectors of one of these documents."""
        vectors = self._sets.get(set_id)
        return bool(vectors and vectors.missing(editions))

    def _with(self, set_id: str, dimensions: int, editions: "Sequence[Edition]", until: float) -> "Vectors":
        # Imported late: NumPy takes time and memory, which servers without embeddings save.
        from webapp.knowledge.search.nearest import Vectors

        vectors = self._sets.setdefault(set_id, Vectors(dimensions))
        self._sets.move_to_end(set_id)
        missing = vectors.missing(editions)
        if missing and not self._makes_room(set_id, sum(map(_passages, missing)) * dimensions * 4):
            # Vectors of replaced editions can fill the set, so it is loaded again without them.
            vectors = self._sets[set_id] = Vectors(dimensions)
            missing = list(editions)
            if not self._makes_room(set_id, sum(map(_passages, missing)) * dimensions * 4):
                del self._sets[set_id]
                raise VectorsTooLarge
        for some in _together(missing):
            vectors.add(_read_vectors(set_id, some, until))
        return vectors

    def _makes_room(self, set_id: str, more: int) -> bool:
        """Evicts the least recently used sets until this many more bytes fit; returns whether they do."""
        most = int(setting("knowledge.vector_megabytes")) * MEGABYTE
        while (size := sum(vectors.size for vectors in self._sets.values())) + more > most:
            oldest = next(iter(self._sets))
            if oldest == set_id or not size:
                return False
            del self._sets[oldest]
        return True


MEMORY = PerApp(VectorMemory)


def _passages(edition: "Edition") -> int:
    return int(edition.rpartition(":")[2])


def _together(editions: Sequence["Edition"]) -> Iterator[list["Edition"]]:
    some, passages = list["Edition"](), 0
    for edition in editions:
        some.append(edition)
        passages += _passages(edition)
        if passages >= PASSAGES_AT_ONCE:
            yield some
            some, passages = [], 0
    if some:
        yield some


def _read_vectors(set_id: str, editions: Sequence["Edition"], until: float) -> list[tuple[int, "Edition", bytes]]:
    edition_by_key = {tuple(edition.split(":")[:2]): edition for edition in editions}
    query = select(Passage.row, Passage.document_id, Passage.edition, PassageVector.vector)
    query = query.join(PassageVector, PassageVector.passage_row == Passage.row)
    query = query.where(PassageVector.set_id == set_id, Passage.document_id.in_([id for id, _ in edition_by_key]))
    [rows] = bounded.read([query], until=until)
    vector_rows = ((row, edition_by_key.get((id, str(edition))), vector) for row, id, edition, vector in rows)
    return [(row, edition, vector) for row, edition, vector in vector_rows if edition]


@dataclass(frozen=True, slots=True)
class NearestPassages:
    """Ranks and nearness by passage: 1 means the same, 0 as near as unrelated texts. `left_out` is why something is missing."""

    ranks: Mapping[int, int] = field(default_factory=dict)
    nearness: Mapping[int, float] = field(default_factory=dict)
    left_out: str = ""


class SearchedSet(NamedTuple):
    """A vector set, with its documents that a person may see."""

    id: str
    model: str
    dimensions: int
    baseline: float
    editions: "list[Edition]"


@dataclass
class QueryVectorCache:
    """A cache of the last questions' vectors, and for each model that failed, until when it is not called and why."""

    vectors: Cache[tuple[str, str], bytes] = field(default_factory=lambda: Cache(MOST_KEPT))
    failed: dict[str, tuple[float, str]] = field(default_factory=dict)


# With a model that finds all texts alike, no passage is nearer than another.
SEARCHED = VectorSet.state == CURRENT, VectorSet.dimensions > 0, VectorSet.baseline <= embedder.MOST_ALIKE
NOTHING = NearestPassages()
EDITION = Document.id + ":" + cast(Document.edition, String) + ":" + cast(Document.passages, String)
# Conditions on the collections, in addition to the right to see them.
Among = Sequence[ColumnElement[bool]]


def find_nearest(user: User, question: str, among: Among, *, until: float) -> NearestPassages:
    """Returns the passages nearest to a question, in collections that meet `among`.

    If vectors were deleted during the search because newer ones replaced them, searches again with those.
    """
    for _ in range(TRIES - 1):
        sets = _searched(user, among)
        nearest = _near(user, question, sets, until)
        if not any(MEMORY.get().lacks(searched_set.id, searched_set.editions) for searched_set in sets):
            return nearest
        # The open read transaction is older than the new vectors, and would not see them.
        db.session.rollback()
    return _near(user, question, _searched(user, among), until)


def _near(user: User, question: str, sets: Sequence[SearchedSet], until: float) -> NearestPassages:
    """Ranks the passages of each model separately, because vectors of different models can't be compared."""
    by_model: defaultdict[str, list[SearchedSet]] = defaultdict(list)
    for searched_set in sets:
        by_model[searched_set.model].append(searched_set)
    person_id = user.id if by_model else ""
    ranks, nearness, reasons = dict[int, int](), dict[int, float](), list[str]()
    for model, sets in by_model.items():
        try:
            nearest = _nearest(_query_vector(model, question, person_id, until), sets, until)
        except (AppError, VectorsTooLarge) as error:
            reasons.append(_reason(error))
            continue
        ranks |= {row: rank for rank, (_, row) in enumerate(nearest, 1)}
        nearness |= {row: value for value, row in nearest}
    return NearestPassages(ranks, nearness, " ".join(dict.fromkeys(reasons)))


def _searched(user: User, among: Among) -> list[SearchedSet]:
    """Returns the sets to search, each with its documents that the person may see."""
    query = select(VectorSet.id, VectorSet.model, VectorSet.dimensions, VectorSet.baseline)
    sets = {
        row.id: SearchedSet(row.id, row.model, row.dimensions, row.baseline, [])
        for row in db.session.execute(query.where(*SEARCHED))
    }
    if not sets:
        return []
    editions_query = select(EmbeddedDocument.set_id, func.aggregate_strings(EDITION, " ")).select_from(EmbeddedDocument)
    editions_query = editions_query.join(Document, Document.id == EmbeddedDocument.document_id).join(Collection)
    editions_query = editions_query.where(finds_vectors(user), *among).group_by(EmbeddedDocument.set_id)
    for set_id, editions in db.session.execute(editions_query):
        if set_id in sets:
            sets[set_id].editions.extend(editions.split())
    return [searched_set for searched_set in sets.values() if searched_set.editions]


def _query_vector(model: str, question: str, person_id: str, until: float) -> bytes:
    """Returns the vector of a question, from the cache if it was searched for recently."""
    query_vector_cache = QUESTIONS.get()
    if vector := query_vector_cache.vectors.get((model, question)):
        return vector
    now = time.monotonic()
    rests_until, reason = query_vector_cache.failed.get(model, (0.0, ""))
    if now < rests_until:
        raise embedder.NoVectors(reason, is_passing=True)
    try:
        [vector] = embedder.vectors_of(
            embedder.EmbeddingRequest(model, (question,), person_id), seconds=min(ASKING_SECONDS, max(0.0, until - now) / 2)
        )
    except AppError as error:
        query_vector_cache.failed[model] = (now + max(REST_SECONDS, min(300, error.retry_after)), error.message)
        raise
    return query_vector_cache.vectors.put((model, question), vector)


def _nearest(query_vector: bytes, sets: Sequence[SearchedSet], until: float) -> list[tuple[float, int]]:
    """Returns the nearness and row of the nearest passages in these sets."""
    if any(len(query_vector) != 4 * searched_set.dimensions for searched_set in sets):
        raise embedder.NoVectors(OTHER_LENGTH, is_passing=False)
    loaded_sets = [
        (searched_set, MEMORY.get().loaded(searched_set.id, searched_set.dimensions, searched_set.editions, until=until))
        for searched_set in sets
    ]
    return offload(_ranked, query_vector, loaded_sets, float(setting("knowledge.nearness")))


def _ranked(query_vector: bytes, loaded_sets: "Sequence[tuple[SearchedSet, Vectors]]", least: float) -> list[tuple[float, int]]:
    """Ranks passages by nearness, scaled so that the baseline of each set becomes 0; runs in a real thread."""
    ranked = list[tuple[float, int]]()
    for searched_set, vectors in loaded_sets:
        room = 1 - searched_set.baseline
        nearest = vectors.nearest(query_vector, searched_set.editions, least=searched_set.baseline + least * room, most=DEPTH)
        ranked += [((value - searched_set.baseline) / room, row) for value, row in nearest]
    return sorted(ranked, key=lambda pair: (-pair[0], pair[1]))[:DEPTH]


def _reason(error: AppError | VectorsTooLarge) -> str:
    if isinstance(error, VectorsTooLarge):
        return TOO_LARGE
    return TOO_LATE if isinstance(error, bounded.TooLate) else error.message


QUESTIONS = PerApp(QueryVectorCache)
