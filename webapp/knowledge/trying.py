"""A question as anybody would have it answered: the ranked passages, why each stands there, and which an answer would get."""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.accounts import audit
from webapp.accounts.tables import User
from webapp.heavy.threads import offload
from webapp.knowledge import answering, why
from webapp.knowledge.search import Hit, in_no_passage, looked_up
from webapp.knowledge.why import Reason


@dataclass(frozen=True, slots=True)
class Tried:
    """What was found for a question; `too_common` are its words that most passages have, `unknown` those in none of theirs."""

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
    """The passages that this person would find, each with its reasons and whether an answer would be given it.

    Their conversation memory is shown to nobody else: it is left out where somebody else looks. With a `weight`, meaning counts
    that much instead of as the setting says.
    """
    most = max(limit, answering.LOOKED_AT)
    found = looked_up(user, question, collections=collections, limit=most, is_viewed=is_viewed, weight=weight)
    hits = found.hits[:limit]
    texts = [(f"{hit.document.title} {hit.passage.heading}", hit.passage.head + hit.passage.text) for hit in hits]
    reasons = offload(why.reasons, texts, found.telling, found.counted)
    given = {id for each in answering.sources_of(found.hits) for id in (each.passage_id, each.beside_id)}
    rows = [(hit, each, hit.passage.id in given) for hit, each in zip(hits, reasons, strict=True)]
    common = [word for stem, word in found.asked.items() if stem not in found.telling and found.counted.held[stem]]
    return Tried(rows, common, in_no_passage(user, found, is_viewed=is_viewed), found.left_out)


def viewed_as(person: User, *, by: User | str, address: str) -> None:
    """Writes down that an admin looks at what somebody else would find."""
    about = audit.About(actor=by, address=address, object_kind="person", object_id=person.id, detail=person.email)
    audit.record("searched as", **about)
