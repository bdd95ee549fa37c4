"""BM25 scores for very many passages at a time, from the rows that contain each word. Pure."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from webapp.knowledge.search.rank_reasons import K1, B

Integers = NDArray[np.int64]


def lengths(rows: str, sizes: str, columns: int) -> Integers:
    """Returns the number of words in each passage by row; `sizes` is FTS5's hex: one varint for each column of each row."""
    raw = np.frombuffer(bytes.fromhex(sizes), np.uint8).astype(np.int64)
    counted = _numbers(raw).reshape(-1, columns).sum(axis=1)
    places = _integers(rows)
    found: Integers = np.zeros(int(places.max(initial=-1)) + 1, np.int64)
    found[places] = counted
    return found


class Scores:
    """The scores of all passages, in an array indexed by row."""

    def __init__(self, lengths: Integers, average: float) -> None:
        self._norms = K1 * (1 - B + B * lengths / max(average, 1e-9))
        self._sums = np.zeros(len(lengths))

    def add(self, found: Iterable[tuple[float, str]]) -> None:
        """Adds the scores of some words: for each its IDF and the rows that contain it, repeated once per occurrence."""
        for idf, rows in found:
            counted = np.bincount(_integers(rows), minlength=len(self._sums))[: len(self._sums)]
            there = np.flatnonzero(counted)
            weights = counted[there]
            self._sums[there] += idf * weights * (K1 + 1) / (weights + self._norms[there])

    def best(self, most: int) -> list[tuple[int, float]]:
        """Returns the rows with the highest scores, and the scores; on a tie, the lower row comes first."""
        there = np.flatnonzero(self._sums)
        if len(there) > most:
            least = np.partition(self._sums[there], len(there) - most)[len(there) - most]
            there = np.flatnonzero(self._sums >= least)
        order = there[np.argsort(-self._sums[there], kind="stable")][:most]
        return [(int(row), float(self._sums[row])) for row in order]


def _integers(numbers: str) -> Integers:
    found: Integers = np.fromstring(numbers, np.int64, sep=",")
    return found


def _numbers(raw: Integers) -> Integers:
    """Decodes varints: seven bits a byte, highest first; the eighth bit is set in all but the last byte of each number."""
    ends = np.flatnonzero(raw < 0x80)
    found = raw[ends]
    sizes = np.diff(ends, prepend=-1)
    for step in range(1, int(sizes.max(initial=0))):
        longer = sizes > step
        found[longer] += (raw[ends[longer] - step] & 0x7F) << (7 * step)
    return found
