"""A tried question and the kept questions, as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webapp.knowledge import queries, shown
from webapp.knowledge.search import tokenizer
from webapp.knowledge.search.bm25 import Reason
from webapp.knowledge.search.ranking import Hit
from webapp.knowledge.shown import ShownHit
from webapp.knowledge.trying import questions
from webapp.people.accounts.tables import User

Reasons = list[tuple[str, int, str]]


@dataclass(frozen=True, slots=True)
class ShownTried:
    """For each hit: how it is shown, its score, what each word adds to it, whether an answer would use it, its meaning rank."""

    hits: list[tuple[ShownHit, str, Reasons, bool, str]]
    too_common: Sequence[str]
    unknown: Sequence[str]
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    id: str
    text: str
    answer: str
    is_missed: bool


@dataclass(frozen=True, slots=True)
class ShownFigures:
    questions: int
    ndcg: str
    recall: str


def tried(person: User, question: str, collections: Sequence[str], *, by: User, weight: float | None = None) -> ShownTried:
    found = questions.tried(person, question, collections=collections, is_viewed=person.id != by.id, weight=weight)
    query_words = list(tokenizer.query_words(question).values())
    hits = [
        (shown.hit(hit, query_words), _two_places(hit.score), _reasons(reasons), is_given, _meant(hit))
        for hit, reasons, is_given in found.hits
    ]
    return ShownTried(hits, found.too_common, found.unknown, found.left_out)


def kept(user: User) -> list[ShownQuestion]:
    rows, last = questions.of(user), questions.runs(user)
    missed = set(last[0].misses) if last else set()
    there = {
        document.id: document.title
        for document in queries.documents_among(user, [row.document_id for row in rows if row.document_id])
    }
    return [ShownQuestion(row.id, row.text, _answer(row.document_id, there), row.id in missed) for row in rows]


def figures(user: User) -> list[ShownFigures]:
    """Returns the figures of the last run and of the one before it."""
    return [ShownFigures(run.questions, f"{run.ndcg:.2f}", f"{run.recall:.0%}") for run in questions.runs(user)]


def _two_places(value: float) -> str:
    """Formats a score; empty for next to nothing, which is what common words add."""
    return "" if (words := f"{value:.2f}") == "0.00" else words


def _reasons(reasons: Sequence[Reason]) -> Reasons:
    return [(reason.word, reason.times, _two_places(reason.share)) for reason in reasons]


def _meant(hit: Hit) -> str:
    """Describes the places by meaning and by words that together decide the rank; empty if meaning did not find the passage."""
    placed = hit.placed
    if placed.vector_rank is None:
        return ""
    words = f", by words {placed.keyword_rank}" if placed.keyword_rank else ""
    return f"place {placed.vector_rank} (nearness {hit.nearness or 0:.2f}){words}, together {placed.score:.3f}"


def _answer(document_id: str | None, titles: Mapping[str, str]) -> str:
    if document_id is None:
        return "No document answers it."
    return titles.get(document_id, "A document that you can't see now.")
