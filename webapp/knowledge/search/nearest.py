"""The vectors of one set in memory, and the search for those nearest to a question. Pure."""

from collections.abc import Iterable, Sequence
from itertools import filterfalse

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
# The rows of one product: between two products, other threads get the interpreter lock.
ROWS_AT_ONCE = 16_384
# Copying the vectors of most documents costs more than multiplying all of them.
COPIED_BELOW = 0.5
# A document's id, its edition and the number of its passages, as one string: each search gets all that its person may see, and
# thousands of rows with three columns would take twice as long to fetch.
Edition = str


class VectorBlock:
    """Some vectors, with the passage and the document of each."""

    def __init__(self, vectors: Numbers, rows: Sequence[int], documents: Sequence[int]) -> None:
        self.vectors, self.rows = vectors, np.array(rows, np.int64)
        self.documents = np.array(documents, np.int32)

    def nearness(self, query_vector: Numbers, allowed: NDArray[np.bool_]) -> tuple[Numbers, NDArray[np.int64]]:
        """Returns the nearness and the row of each passage whose document is allowed."""
        which = allowed[self.documents]
        if which.mean() > COPIED_BELOW:
            return _products(self.vectors, query_vector)[which], self.rows[which]
        return _products(self.vectors[which], query_vector), self.rows[which]


def _products(vectors: Numbers, query_vector: Numbers) -> Numbers:
    # Not `@`: its BLAS library runs threads that busy-wait for each other and take the CPU cores from answers.
    products: Numbers = np.einsum("ij,j->i", vectors, query_vector)
    return products


class Vectors:
    """The loaded vectors of a set, by document edition."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._blocks: list[VectorBlock] = []
        self._numbers: dict[Edition, int] = {}

    @property
    def size(self) -> int:
        """The size in bytes."""
        return sum(block.vectors.nbytes for block in self._blocks)

    def missing(self, editions: Iterable[Edition]) -> list[Edition]:
        return list(filterfalse(self._numbers.__contains__, editions))

    def add(self, passages: Sequence[tuple[int, Edition, bytes]]) -> None:
        """Adds the passages of whole documents: the row, the edition and the vector of each."""
        if not passages:
            return
        vectors = np.frombuffer(b"".join(vector for *_, vector in passages), "<f4").reshape(-1, self.dimensions)
        numbers = [self._numbers.setdefault(edition, len(self._numbers)) for _, edition, _ in passages]
        for start in range(0, len(passages), ROWS_AT_ONCE):
            piece = slice(start, start + ROWS_AT_ONCE)
            self._blocks.append(VectorBlock(vectors[piece], [row for row, *_ in passages[piece]], numbers[piece]))

    def nearest(self, query_vector: bytes, editions: Iterable[Edition], *, least: float, most: int) -> list[tuple[float, int]]:
        """Returns nearness and row of the nearest passages of these documents that are at least `least` near, nearest first."""
        # Copied first: blocks that another thread adds during the search belong to documents that have no number in `allowed`.
        blocks = list(self._blocks)
        allowed = np.zeros(len(self._numbers), np.bool_)
        # The vectors of a document deleted during the search were not loaded, so it has no number.
        allowed[[self._numbers[edition] for edition in editions if edition in self._numbers]] = True
        question = np.frombuffer(query_vector, "<f4")
        nearness_by_block = [block.nearness(question, allowed) for block in blocks]
        if not nearness_by_block:
            return []
        near = np.concatenate([values for values, _ in nearness_by_block])
        rows = np.concatenate([values for _, values in nearness_by_block])
        picked = np.flatnonzero(near >= least)
        if len(picked) > most:
            picked = picked[np.argpartition(-near[picked], most - 1)[:most]]
        return sorted(
            ((float(near[signedinteger]), int(rows[signedinteger])) for signedinteger in picked),
            key=lambda pair: (-pair[0], pair[1]),
        )
