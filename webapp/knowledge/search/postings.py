"""Ranks passages for very common words on SQLite, several times as fast as FTS5.

FTS5 looks up the length of each passage, and counts for each query how many passages contain its words. This module caches the
lengths until the index changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from webapp.base.current import PerApp
from webapp.base.heavy import bounded
from webapp.base.heavy.threads import offload
from webapp.knowledge.search.tokenizer import HEAD_WEIGHT

if TYPE_CHECKING:
    from webapp.knowledge.search.scoring import Integers

# The index stores two word counts per row: for the head and for the body.
COLUMNS = 2
# A virtual table in the temporary schema of each connection, because it stores nothing.
PLACES = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.passages_places USING fts5vocab(main, passages_search, instance)"
IN_HEAD = " || ',' || ".join(["doc"] * HEAD_WEIGHT)
ROWS = f"SELECT group_concat(CASE col WHEN 'head' THEN {IN_HEAD} ELSE doc END) FROM temp.passages_places WHERE term = ?"
# FTS5's averages record (id 1) and structure record (id 10): each transaction that changes the index changes one of them.
STATE = "(SELECT group_concat(hex(block)) FROM passages_search_data WHERE id IN (1, 10))"
LENGTHS = f"SELECT {STATE}, group_concat(id), group_concat(hex(sz), '') FROM passages_search_docsize"
# Limits memory: each word of a question can be in half of all passages.
WORDS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Lengths:
    """The number of words in each passage by row, and the state of the index they were read from."""

    state: str
    words: "Integers"


def best(idfs: Mapping[str, float], average: float, most: int, *, until: float) -> dict[int, float]:
    """Returns the highest-scoring passages of all, before access is checked; `idfs` maps each stem to its weight."""
    lengths = _lengths(until)
    # Imported late: NumPy takes memory that servers without searches save. The thread in `_lengths` has already imported it.
    from webapp.knowledge.search.scoring import Scores

    scores, terms = Scores(lengths, average), list(idfs)
    for start in range(0, len(terms), WORDS_AT_ONCE):
        some = terms[start : start + WORDS_AT_ONCE]
        _, *found = bounded.read([(PLACES, ()), *((ROWS, [term]) for term in some)], until=until)
        offload(scores.add, [(idfs[term], rows) for term, [(rows,)] in zip(some, found, strict=True) if rows])
    return dict(offload(scores.best, most))


LENGTHS_KEPT = PerApp[Lengths | None](lambda: None)


def _lengths(until: float) -> "Integers":
    known = LENGTHS_KEPT.get()
    [[(state,)]] = bounded.read([(f"SELECT {STATE}", ())], until=until)
    if known is None or known.state != state:
        [[(state, rows, sizes)]] = bounded.read([(LENGTHS, ())], until=until)
        known = Lengths(state, offload(_read, rows or "", sizes or ""))
        LENGTHS_KEPT.set(known)
    return known.words


def _read(rows: str, sizes: str) -> "Integers":
    # Runs in a real thread, because importing NumPy takes a tenth of a second.
    from webapp.knowledge.search.scoring import lengths

    return lengths(rows, sizes, COLUMNS)
