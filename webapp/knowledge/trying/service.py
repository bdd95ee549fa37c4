"""Questions to the search: tried as a given person, with the reasons for each rank, or kept to measure how well it finds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2

from sqlalchemy import delete, select

from webapp.base import audit
from webapp.base.db import db, write
from webapp.base.errors import Invalid, NotFound
from webapp.base.heavy.threads import offload
from webapp.base.heavy.turns import by_turns
from webapp.knowledge import answer_sources, queries
from webapp.knowledge.search import bm25
from webapp.knowledge.search.ranking import PassageHit, search, search_with_details, unmatched_words
from webapp.knowledge.tables import QuestionRun, TrialQuestion
from webapp.people.accounts import creation_limit
from webapp.people.accounts.fields import checked_text
from webapp.people.accounts.tables import User

MOST, MOST_CHARS, MOST_RUNS = 200, 2_000, 20
CANDIDATES, SHOWN, MEASURED, EARLY = 30, 10, 10, 5


@dataclass(frozen=True, slots=True)
class TriedQuestion:
    """The result of a tried question; `too_common` are words in most passages, `unknown` words in none the person may find."""

    hits: Sequence[tuple[PassageHit, Sequence[bm25.Reason], bool]] = ()
    too_common: Sequence[str] = ()
    unknown: Sequence[str] = ()
    left_out: str = ""


def tried(
    user: User,
    question: str,
    *,
    collections: Sequence[str] = (),
    is_viewed: bool = False,
    weight: float | None = None,
) -> TriedQuestion:
    """Returns the passages this person would find, each with the reasons for its rank and whether an answer would use it.

    With `is_viewed`, another person is looking, so the conversation memory is excluded. `weight` replaces the setting's weight
    of meaning.
    """
    most = answer_sources.CANDIDATES
    result = search_with_details(user, question, collections=collections, limit=most, is_viewed=is_viewed, weight=weight)
    hits = result.hits[:SHOWN]
    texts = [(f"{hit.document.title} {hit.passage.heading}", hit.passage.head + hit.passage.text) for hit in hits]
    reasons = offload(bm25.reasons, texts, result.distinctive, result.counted)
    sent_ids = {id for source in answer_sources.sources_of(result.hits) for id in (source.passage_id, source.beside_id)}
    rows = [(hit, why, hit.passage.id in sent_ids) for hit, why in zip(hits, reasons, strict=True)]
    common = [word for stem, word in result.query_words.items() if stem not in result.distinctive and result.counted.counts[stem]]
    return TriedQuestion(rows, common, unmatched_words(user, result, is_viewed=is_viewed), result.left_out)


def viewed_as(person: User, *, author: audit.AuditAuthor) -> None:
    """Records in the audit log that an admin views what another person would find."""
    audit.record("searched as", author=author, object_kind="person", object_id=person.id, detail=person.email)


@dataclass(frozen=True, slots=True)
class SearchFigures:
    """nDCG@10 and recall@5 over all questions, and the ids of questions whose document was not among the first five."""

    ndcg: float
    recall: float
    misses: tuple[str, ...]


def kept_by(user: User) -> Sequence[TrialQuestion]:
    query = select(TrialQuestion).where(TrialQuestion.owner_id == user.id).order_by(TrialQuestion.id)
    return db.session.scalars(query.limit(MOST)).all()


def runs(user: User) -> Sequence[QuestionRun]:
    """Returns the last two measurements, newest first."""
    query = select(QuestionRun).where(QuestionRun.owner_id == user.id).order_by(QuestionRun.id.desc())
    return db.session.scalars(query.limit(2)).all()


def add(text: str, document_id: str, *, by: User) -> TrialQuestion:
    """Stores a question with the document that answers it; without a document, the search is expected to find nothing."""
    text = " ".join(checked_text(text, "question", most=MOST_CHARS).split())
    if not text:
        raise Invalid("Enter a question.", field="question")
    if document_id and queries.document(by, document_id) is None:
        raise NotFound("Not found, or you don't have access.")
    if len(kept_by(by)) >= MOST:
        raise Invalid(f"You already keep {MOST} questions, which is the limit. Delete one first.", field="question")
    creation_limit.count(by.id)
    with write() as session:
        same = select(TrialQuestion).where(TrialQuestion.owner_id == by.id, TrialQuestion.text == text)
        question = session.scalar(same) or TrialQuestion(owner_id=by.id, text=text)
        question.document_id = document_id or None
        session.add(question)
    return question


def forget(id: str, *, by: User) -> None:
    with write() as session:
        question = session.get(TrialQuestion, id)
        if question is None or question.owner_id != by.id:
            raise NotFound("Not found, or you don't have access.")
        session.delete(question)


def run(user: User) -> QuestionRun:
    """Searches for all of a person's questions with their current permissions, and stores the figures."""
    questions = kept_by(user)
    if not questions:
        raise Invalid("Keep a question first.", field="question")
    # Rate-limited, because each run takes as many searches as there are questions.
    creation_limit.count(user.id)
    pairs = [(question.id, question.text, question.document_id) for question in questions]
    results = ((id, search(user, text, limit=CANDIDATES), expected) for id, text, expected in by_turns(pairs))
    figures = measured((id, list(dict.fromkeys(hit.document.id for hit in hits)), expected) for id, hits, expected in results)
    with write() as session:
        run = QuestionRun(
            owner_id=user.id, questions=len(pairs), ndcg=figures.ndcg, recall=figures.recall, misses=list(figures.misses)
        )
        session.add(run)
        session.flush()
        older = select(QuestionRun.id).where(QuestionRun.owner_id == user.id).order_by(QuestionRun.id.desc()).offset(MOST_RUNS)
        session.execute(delete(QuestionRun).where(QuestionRun.id.in_(session.scalars(older).all())))
    return run


def measured(answers: Iterable[tuple[str, Sequence[str], str | None]]) -> SearchFigures:
    """Computes the figures from each question's id, the documents found, best first, and the expected one or None."""
    gains, misses, count = 0.0, list[str](), 0
    for id, ranked_ids, expected in answers:
        rank = _rank(ranked_ids, expected)
        count += 1
        gains += 1 / log2(1 + rank) if rank <= MEASURED else 0
        misses += [id] if rank > EARLY else []
    return SearchFigures(gains / max(1, count), 1 - len(misses) / max(1, count), tuple(misses))


def _rank(ranked_ids: Sequence[str], expected: str | None) -> int:
    if expected is None:
        return MEASURED + 1 if ranked_ids else 1
    return ranked_ids.index(expected) + 1 if expected in ranked_ids else MEASURED + 1
