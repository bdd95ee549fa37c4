"""Brings what was found by words and what was found by meaning into one order, by their places alone. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Words count twice as much as meaning does, unless a setting says otherwise; of the first places each counts for less.
KEYWORDS, VECTORS, K = 2, 1, 10
DEPTH = 100


@dataclass(frozen=True, slots=True)
class Placed:
    """A passage with its places in both orders, from 1, as far as it is in them, and how much the one by meaning counts."""

    row: int
    keyword_rank: int | None
    vector_rank: int | None
    weight: float = VECTORS

    @property
    def score(self) -> float:
        return _share(KEYWORDS, self.keyword_rank) + _share(self.weight, self.vector_rank)


def fused(by_words: Sequence[int], by_meaning: Mapping[int, int], *, weight: float = VECTORS) -> list[Placed]:
    """All that is in either order, the best first; of two alike, the one that words found first.

    `by_meaning` gives places, as the vectors of each model have an order of their own; `weight` is how much they count.
    """
    words = {row: place for place, row in enumerate(by_words[:DEPTH], 1)}
    meaning = {row: place for row, place in by_meaning.items() if place <= DEPTH}
    placed = [Placed(row, words.get(row), meaning.get(row), weight) for row in {**words, **meaning}]
    return sorted(placed, key=lambda each: (-each.score, each.keyword_rank or DEPTH + 1, each.vector_rank or 0, each.row))


def _share(weight: float, place: int | None) -> float:
    return weight / (K + place) if place else 0.0
