"""Drops words from a question that are too common to tell one passage from another, overall or for the person who asks."""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from webapp.base.current import PerApp
from webapp.base.heavy import bounded
from webapp.knowledge.permissions import finds_passage
from webapp.knowledge.search import index
from webapp.knowledge.tables import Collection, Document, Passage
from webapp.people.accounts.tables import User

# In a smaller number of passages, no word counts as common.
LEAST_TO_COUNT = 20
# For someone who can find more passages than this, the counts over all passages are close enough; in fewer, words are counted
# quickly.
FEW = 2_000
KEPT_SECONDS, MOST_KEPT = 60.0, 100


@dataclass(frozen=True, slots=True)
class OwnPassages:
    """The passages a person can find, if they are few, and how many of them contain each word that was searched for."""

    rows: Sequence[int]
    size: index.Size
    until: float
    counts: dict[str, int] = field(default_factory=dict)


def distinctive(
    user: User, query_words: Mapping[str, str], counts: Mapping[str, int], size: index.Size, *, until: float
) -> dict[str, str]:
    """Returns the words that tell passages apart: those not in most of them, unless the question has just one word.

    A word is dropped if it is in most of all passages, or in most of those that this person can find: documents of other people
    must not make a word look rare.
    """
    there = {term: word for term, word in query_words.items() if counts[term]}
    if len(query_words) == 1 or size.passages < LEAST_TO_COUNT:
        return there
    rare = {term: word for term, word in there.items() if counts[term] <= size.passages / 2}
    if not rare:
        return rare
    own = _own(user, size, until)
    if not LEAST_TO_COUNT <= len(own.rows) <= FEW:
        return rare
    most = len(own.rows) / 2
    own_counts = _own_counts(own, {term: word for term, word in rare.items() if counts[term] > most}, until)
    return {term: word for term, word in rare.items() if own_counts.get(term, 0) <= most}


OWN = PerApp[OrderedDict[tuple[str, int], OwnPassages]](OrderedDict)


def _own(user: User, size: index.Size, until: float) -> OwnPassages:
    """Returns the cached entry, which is rebuilt after a minute and whenever the index changes size."""
    kept = OWN.get()
    key, now = (user.id, user.clearance), time.monotonic()
    known = kept.get(key)
    if known is None or known.size != size or known.until < now:
        found = select(Passage.row).join(Document, Document.id == Passage.document_id).join(Collection)
        found = found.where(finds_passage(user), Collection.chat_id.is_(None)).limit(FEW + 1)
        [rows] = bounded.read([found], until=until)
        known = kept[key] = OwnPassages([row for (row,) in rows], size, now + KEPT_SECONDS)
        if len(kept) > MOST_KEPT:
            kept.popitem(last=False)
    return known


def _own_counts(own: OwnPassages, words: Mapping[str, str], until: float) -> Mapping[str, int]:
    unknown = {term: word for term, word in words.items() if term not in own.counts}
    if unknown:
        own.counts.update(index.counts_in(unknown, own.rows, until=until))
    return own.counts
