"""Deterministic embedding vectors: hashed n-grams of words, so that texts that share n-grams are close to each other. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from math import sqrt
from zlib import crc32

WORD = re.compile(r"[^\W_]+")


def vector(text: str, dimensions: int, planted: Mapping[str, int]) -> list[float]:
    """Returns a unit vector. One of a text with a planted phrase points mostly in the direction of the phrase's number."""
    counts: Counter[int] = Counter(crc32(piece.encode()) % dimensions for piece in _pieces(text.lower()))
    weights = {place: sqrt(count) for place, count in counts.items()}
    length = sqrt(sum(version * version for version in weights.values())) or 1.0
    for phrase, number in planted.items():
        if phrase.lower() in text.lower():
            place = crc32(f"planted {number}".encode()) % dimensions
            weights[place] = weights.get(place, 0.0) + 2 * length
    whole = sqrt(sum(version * version for version in weights.values())) or 1.0
    return [weights.get(place, 0.0) / whole for place in range(dimensions)]


def _pieces(text: str) -> Iterator[str]:
    for word in WORD.findall(text):
        yield word
        yield from (word[at : at + 4] for at in range(len(word) - 3))
