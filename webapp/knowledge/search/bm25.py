"""Explains a passage's rank: what each word of a question adds to its score, by the BM25 of both databases. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

from webapp.knowledge.search import tokenizer

# The constants of FTS5.
K1, B, LEAST_IDF = 1.2, 0.75, 1e-6


@dataclass(frozen=True, slots=True)
class Reason:
    """A word of the question: its count in a passage, where titles and headings count twice, and what it adds to the score."""

    word: str
    times: int
    share: float


@dataclass(frozen=True, slots=True)
class Counted:
    """Statistics of all passages: their number, their total words and, by stem, how many contain each word searched for."""

    passages: int
    words: int
    counts: Mapping[str, int]


def reasons(texts: Sequence[tuple[str, str]], query_words: Mapping[str, str], counts: Counted) -> list[list[Reason]]:
    """Returns, for the head and body of each passage, the words that add to its score, highest share first."""
    average = counts.words / max(1, counts.passages)
    reason_lists = []
    for weights, length in tokenizer.weights(texts):
        norm = K1 * (1 - B + B * length / max(average, 1e-9))
        there = [(word, weights[stem], counts.counts.get(stem, 0)) for stem, word in query_words.items() if stem in weights]
        shares = [
            Reason(word, times, idf(counts.passages, count) * times * (K1 + 1) / (times + norm)) for word, times, count in there
        ]
        reason_lists.append(sorted(shares, key=lambda reason: -reason.share))
    return reason_lists


def idf(passages: int, with_term: int) -> float:
    """Returns a word's inverse document frequency; slightly above zero even for a word in most passages."""
    return max(LEAST_IDF, log((passages - with_term + 0.5) / (with_term + 0.5))) if passages >= with_term else LEAST_IDF
