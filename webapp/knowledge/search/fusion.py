"""Merges the results found by words and by meaning into one order, by reciprocal rank fusion. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Weights: words count twice as much as meaning, unless a setting says otherwise. A result adds weight / (`K` + its place).
KEYWORDS, VECTORS, K = 2, 1, 10
DEPTH = 100


@dataclass(frozen=True, slots=True)
class Placed:
    """A passage with its places in both orders, counted from 1 and None if it isn't in one, and the weight of meaning."""

    row: int
    keyword_rank: int | None
    vector_rank: int | None
    weight: float = VECTORS

    @property
    def score(self) -> float:
        return _share(KEYWORDS, self.keyword_rank) + _share(self.weight, self.vector_rank)


def fused(by_words: Sequence[int], by_meaning: Mapping[int, int], *, weight: float = VECTORS) -> list[Placed]:
    """Returns the passages in either order, best score first; on a tie, the one placed higher by words first.

    `by_meaning` maps passages to places, because each embedding model ranks separately and places can repeat; `weight` is the
    weight of meaning.
    """
    words = {row: place for place, row in enumerate(by_words[:DEPTH], 1)}
    meaning = {row: place for row, place in by_meaning.items() if place <= DEPTH}
    placed = [Placed(row, words.get(row), meaning.get(row), weight) for row in {**words, **meaning}]
    return sorted(placed, key=lambda each: (-each.score, each.keyword_rank or DEPTH + 1, each.vector_rank or 0, each.row))


def _share(weight: float, place: int | None) -> float:
    return weight / (K + place) if place else 0.0
