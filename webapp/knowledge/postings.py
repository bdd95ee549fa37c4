"""On SQLite, the best passages for words that are in very many, which FTS5's own ranking takes several times as long for.

For each passage it looks up how long that is, and it counts anew for each question in how many passages its words are. Here the
lengths are remembered while the index of words is as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app

from webapp.heavy import bounded
from webapp.heavy.threads import offload
from webapp.knowledge.words import HEAD_WEIGHT

if TYPE_CHECKING:
    from webapp.knowledge.scoring import Whole

# What each row of the index has a number of words for: its head and its body.
COLUMNS = 2
# A connection has it for itself, as nothing of it is kept.
PLACES = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.passages_places USING fts5vocab(main, passages_search, instance)"
IN_HEAD = " || ',' || ".join(["doc"] * HEAD_WEIGHT)
ROWS = f"SELECT group_concat(CASE col WHEN 'head' THEN {IN_HEAD} ELSE doc END) FROM temp.passages_places WHERE term = ?"
# Each transaction that changes the index changes what it says of all that it holds, or of the pieces it is kept in.
STATE = "(SELECT group_concat(hex(block)) FROM passages_search_data WHERE id IN (1, 10))"
LENGTHS = f"SELECT {STATE}, group_concat(id), group_concat(hex(sz), '') FROM passages_search_docsize"
# Words of a question may be in half of all passages: their rows are not held in memory all at once.
WORDS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many words each passage has, by its row, as the index was in this state."""

    state: str
    words: "Whole"


def best(idfs: Mapping[str, float], average: float, most: int, *, until: float) -> dict[int, float]:
    """The rows of the passages with the highest scores, whoever may see them; each word by its stem, with how much it tells."""
    lengths = _lengths(until)
    # NumPy takes memory, which servers where nobody searches so keep; the thread above has imported it.
    from webapp.knowledge.scoring import Scores

    scores, terms = Scores(lengths, average), list(idfs)
    for start in range(0, len(terms), WORDS_AT_ONCE):
        some = terms[start : start + WORDS_AT_ONCE]
        _, *found = bounded.read([(PLACES, ()), *((ROWS, [term]) for term in some)], until=until)
        offload(scores.add, [(idfs[term], rows) for term, [(rows,)] in zip(some, found, strict=True) if rows])
    return dict(offload(scores.best, most))


def _lengths(until: float) -> "Whole":
    known: Lengths | None = current_app.extensions.get("passage lengths")
    [[(state,)]] = bounded.read([(f"SELECT {STATE}", ())], until=until)
    if known is None or known.state != state:
        [[(state, rows, sizes)]] = bounded.read([(LENGTHS, ())], until=until)
        known = current_app.extensions["passage lengths"] = Lengths(state, offload(_read, rows or "", sizes or ""))
    return known.words


def _read(rows: str, sizes: str) -> "Whole":
    # In a real thread, as it takes a tenth of a second the first time.
    from webapp.knowledge.scoring import lengths

    return lengths(rows, sizes, COLUMNS)
