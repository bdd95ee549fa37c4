"""Why a passage stands where it does: what each word of a question adds to its score, by the BM25 of both databases. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

from webapp.knowledge import words

# As in FTS5.
K1, B, LEAST_IDF = 1.2, 0.75, 1e-6


@dataclass(frozen=True, slots=True)
class Reason:
    """A word of the question: how often it stands in a passage, titles and headings twice, and what that adds to its score."""

    word: str
    times: int
    share: float


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of all passages: how many there are, their words, and by its stem in how many each word asked for is."""

    passages: int
    words: int
    held: Mapping[str, int]


def reasons(texts: Sequence[tuple[str, str]], asked: Mapping[str, str], counted: Counted) -> list[list[Reason]]:
    """For the head and body of each passage, the words that count in it, those first that tell most."""
    average = counted.words / max(1, counted.passages)
    found = []
    for weights, length in words.weights(texts):
        norm = K1 * (1 - B + B * length / max(average, 1e-9))
        there = [(stem, word, weights[stem]) for stem, word in asked.items() if stem in weights]
        each = [Reason(word, times, _share(times, norm, counted, stem)) for stem, word, times in there]
        found.append(sorted(each, key=lambda reason: -reason.share))
    return found


def idf(passages: int, held: int) -> float:
    """How much a word tells; at least a little, also where it is in most passages."""
    return max(LEAST_IDF, log((passages - held + 0.5) / (held + 0.5))) if passages >= held else LEAST_IDF


def _share(weight: int, norm: float, counted: Counted, stem: str) -> float:
    return idf(counted.passages, counted.held.get(stem, 0)) * weight * (K1 + 1) / (weight + norm)
