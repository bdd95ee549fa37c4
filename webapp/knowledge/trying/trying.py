"""Tries a question as a given person: the ranked passages, the reasons for each rank, and which of them an answer would use."""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.base import audit
from webapp.base.heavy.threads import offload
from webapp.knowledge import answer_sources
from webapp.knowledge.search import rank_reasons
from webapp.knowledge.search.rank_reasons import Reason
from webapp.knowledge.search.search import Hit, in_no_passage, search_with_details
from webapp.people.accounts.tables import User


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of a tried question; `too_common` are words in most passages, `unknown` words in none the person may find."""

    hits: Sequence[tuple[Hit, Sequence[Reason], bool]] = ()
    too_common: Sequence[str] = ()
    unknown: Sequence[str] = ()
    left_out: str = ""


def tried(
    user: User,
    question: str,
    *,
    collections: Sequence[str] = (),
    limit: int = 10,
    is_viewed: bool = False,
    weight: float | None = None,
) -> Tried:
    """Returns the passages this person would find, each with the reasons for its rank and whether an answer would use it.

    With `is_viewed`, another person is looking, so the conversation memory is excluded. `weight` replaces the setting's weight
    of meaning.
    """
    most = max(limit, answer_sources.CANDIDATES)
    found = search_with_details(user, question, collections=collections, limit=most, is_viewed=is_viewed, weight=weight)
    hits = found.hits[:limit]
    texts = [(f"{hit.document.title} {hit.passage.heading}", hit.passage.head + hit.passage.text) for hit in hits]
    reasons = offload(rank_reasons.reasons, texts, found.distinctive, found.counted)
    given = {id for each in answer_sources.sources_of(found.hits) for id in (each.passage_id, each.beside_id)}
    rows = [(hit, each, hit.passage.id in given) for hit, each in zip(hits, reasons, strict=True)]
    common = [word for stem, word in found.query_words.items() if stem not in found.distinctive and found.counted.counts[stem]]
    return Tried(rows, common, in_no_passage(user, found, is_viewed=is_viewed), found.left_out)


def viewed_as(person: User, *, by: User | str, address: str) -> None:
    """Records in the audit log that an admin views what another person would find."""
    about = audit.About(actor=by, address=address, object_kind="person", object_id=person.id, detail=person.email)
    audit.record("searched as", **about)
