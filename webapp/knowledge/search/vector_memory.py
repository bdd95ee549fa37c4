"""A cache of vectors in this process, limited in size; the vectors of a document are loaded when a search first needs them."""

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import select

from webapp.base.current import PerApp
from webapp.base.heavy import bounded
from webapp.base.heavy.bounded import TooLate
from webapp.knowledge.tables import Passage, PassageVector
from webapp.settings.service import setting

if TYPE_CHECKING:
    from webapp.knowledge.search.nearest import Edition, Vectors

# The batch size of a read; only whole documents are read, so a batch can be larger.
PASSAGES_AT_ONCE = 2_000
MEGABYTE = 1024 * 1024


class TooLarge(Exception):
    """The vectors need more memory than is allowed."""


class VectorMemory:
    """Vector sets by id in LRU order; a lock lets one search load vectors at a time, so that none are loaded twice."""

    def __init__(self) -> None:
        self._sets: OrderedDict[str, Vectors] = OrderedDict()
        self._turn = Lock()

    def loaded(self, set_id: str, dimensions: int, editions: "Sequence[Edition]", *, until: float) -> "Vectors":
        """Returns the vectors of a set, with at least these documents loaded; raises `TooLate` on a timeout."""
        if not self._turn.acquire(timeout=max(0.0, until - time.monotonic())):
            raise TooLate
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
                raise TooLarge
        for some in _together(missing):
            vectors.add(_read(set_id, some, until))
        return vectors

    def _makes_room(self, set_id: str, more: int) -> bool:
        """Evicts the least recently used sets until this many more bytes fit; returns whether they do."""
        most = int(setting("knowledge.vector_megabytes")) * MEGABYTE
        while (size := sum(each.size for each in self._sets.values())) + more > most:
            oldest = next(iter(self._sets))
            if oldest == set_id or not size:
                return False
            del self._sets[oldest]
        return True


MEMORY = PerApp(VectorMemory)


def memory() -> VectorMemory:
    """Returns the cache of this process."""
    return MEMORY.get()


def _passages(edition: "Edition") -> int:
    return int(edition.rpartition(":")[2])


def _together(editions: Sequence["Edition"]) -> Iterator[list["Edition"]]:
    some, passages = list["Edition"](), 0
    for each in editions:
        some.append(each)
        passages += _passages(each)
        if passages >= PASSAGES_AT_ONCE:
            yield some
            some, passages = [], 0
    if some:
        yield some


def _read(set_id: str, editions: Sequence["Edition"], until: float) -> list[tuple[int, "Edition", bytes]]:
    known = {tuple(each.split(":")[:2]): each for each in editions}
    query = select(Passage.row, Passage.document_id, Passage.edition, PassageVector.vector)
    query = query.join(PassageVector, PassageVector.passage_row == Passage.row)
    query = query.where(PassageVector.set_id == set_id, Passage.document_id.in_([id for id, _ in known]))
    [rows] = bounded.read([query], until=until)
    found = ((row, known.get((id, str(edition))), vector) for row, id, edition, vector in rows)
    return [(row, edition, vector) for row, edition, vector in found if edition]
