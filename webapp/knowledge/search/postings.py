"""Ranks passages for very common words on SQLite, by reading FTS5's own tables; FTS5 ranks everything else.

Among 100,000 passages, a search takes 50 ms of processor time (95th percentile) instead of 203 ms, and among 50,000 an answer
with collections begins 190 ms earlier (`flask bench knowledge`, with and without this), because FTS5 looks up the length of each
passage for each query, and this module caches them until the index changes. `tests/knowledge/test_ranking.py` fails if SQLite
changes these tables. It is imported late, because of the memory that NumPy takes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from webapp.base.current import PerApp
from webapp.base.heavy import bounded
from webapp.base.heavy.threads import offload
from webapp.knowledge.search.bm25 import K1, B
from webapp.knowledge.search.tokenizer import HEAD_WEIGHT

Integers = NDArray[np.int64]
# The index stores two word counts per row: for the head and for the body.
COLUMNS = 2
# A virtual table in the temporary schema of each connection, because it stores nothing.
OCCURRENCES = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.passages_occurrences USING fts5vocab(main, passages_search, instance)"
IN_HEAD = " || ',' || ".join(["doc"] * HEAD_WEIGHT)
ROWS = f"SELECT group_concat(CASE col WHEN 'head' THEN {IN_HEAD} ELSE doc END) FROM temp.passages_occurrences WHERE term = ?"
# FTS5's averages record (id 1) and structure record (id 10): each transaction that changes the index changes one of them.
STATE = "(SELECT group_concat(hex(block)) FROM passages_search_data WHERE id IN (1, 10))"
LENGTHS = f"SELECT {STATE}, group_concat(id), group_concat(hex(sz), '') FROM passages_search_docsize"
# Limits memory: each word of a question can be in half of all passages.
WORDS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Lengths:
    """The number of words in each passage by row, and the state of the index they were read from."""

    state: str
    words: Integers


class Scores:
    """The scores of all passages, in an array indexed by row."""

    def __init__(self, lengths: Integers, average: float) -> None:
        self._norms = K1 * (1 - B + B * lengths / max(average, 1e-9))
        self._sums = np.zeros(len(lengths))

    def add(self, postings: Iterable[tuple[float, str]]) -> None:
        """Adds the scores of some words: for each its IDF and the rows that contain it, repeated once per occurrence."""
        for idf, rows in postings:
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


def best(idfs: Mapping[str, float], average: float, most: int, *, until: float) -> dict[int, float]:
    """Returns the highest-scoring passages of all, before access is checked; `idfs` maps each stem to its weight."""
    scores, terms = Scores(_lengths(until), average), list(idfs)
    for start in range(0, len(terms), WORDS_AT_ONCE):
        some = terms[start : start + WORDS_AT_ONCE]
        _, *posting_rows = bounded.read([(OCCURRENCES, ()), *((ROWS, [term]) for term in some)], until=until)
        offload(scores.add, [(idfs[term], rows) for term, [(rows,)] in zip(some, posting_rows, strict=True) if rows])
    return dict(offload(scores.best, most))


LENGTHS_KEPT = PerApp[Lengths | None](lambda: None)


def _lengths(until: float) -> Integers:
    lengths = LENGTHS_KEPT.get()
    [[(state,)]] = bounded.read([(f"SELECT {STATE}", ())], until=until)
    if lengths is None or lengths.state != state:
        [[(state, rows, sizes)]] = bounded.read([(LENGTHS, ())], until=until)
        lengths = Lengths(state, offload(_read_lengths, rows or "", sizes or ""))
        LENGTHS_KEPT.set(lengths)
    return lengths.words


def _read_lengths(rows: str, sizes: str) -> Integers:
    """Returns the number of words in each passage by row; `sizes` is FTS5's hex: one varint for each column of each row."""
    raw = np.frombuffer(bytes.fromhex(sizes), np.uint8).astype(np.int64)
    counted = _numbers(raw).reshape(-1, COLUMNS).sum(axis=1)
    positions = _integers(rows)
    lengths: Integers = np.zeros(int(positions.max(initial=-1)) + 1, np.int64)
    lengths[positions] = counted
    return lengths


def _integers(numbers: str) -> Integers:
    integers: Integers = np.fromstring(numbers, np.int64, sep=",")
    return integers


def _numbers(raw: Integers) -> Integers:
    """Decodes varints: seven bits a byte, highest first; the eighth bit is set in all but the last byte of each number."""
    ends = np.flatnonzero(raw < 0x80)
    numbers = raw[ends]
    sizes = np.diff(ends, prepend=-1)
    for step in range(1, int(sizes.max(initial=0))):
        longer = sizes > step
        numbers[longer] += (raw[ends[longer] - step] & 0x7F) << (7 * step)
    return numbers
