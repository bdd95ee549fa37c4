"""How far a collection has been embedded, for its page and the API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from webapp.base.words import plural
from webapp.knowledge import queries, vector_sets
from webapp.knowledge.tables import Collection, VectorSet
from webapp.knowledge.vector_sets import CURRENT
from webapp.models.connections.models import providers
from webapp.people.accounts.tables import User

State = Literal["off", "embedding", "ready", "waiting"]


@dataclass(frozen=True, slots=True)
class ShownMeaning:
    """`model` is the one whose vectors are searched, `next_model` the one to replace it; `error` is why embedding waits."""

    state: State = "off"
    model: str = ""
    next_model: str = ""
    done: int = 0
    of: int = 0
    words: str = ""
    error: str = ""
    tried_at: datetime | None = None


OFF = ShownMeaning()


def meaning(row: Collection, user: User) -> ShownMeaning | None:
    """Returns the state for people who can add documents; None for others, because the counts include documents they may not see.

    The caller runs `embedding.notice()` first, once for all collections shown.
    """
    if not queries.can_write(user, row):
        return None
    sets = vector_sets.of(row.id)
    if not sets or not vector_sets.wanted(row.embedding_model):
        return OFF
    current = next((each for each in sets if each.state == CURRENT), None)
    growing = next((each for each in sets if each.state != CURRENT), current or sets[0])
    return _shown(current, growing, *vector_sets.progress(growing))


def _shown(current: VectorSet | None, growing: VectorSet, done: int, of: int) -> ShownMeaning:
    name = providers().display_name(growing.model)
    model, next_model = (current.model if current else ""), (growing.model if growing is not current else "")
    is_whole = done == of and not next_model
    counted = f"{done:,} of {plural(of, 'document')}"
    if is_whole:
        words = f"Found by words and by meaning ({name})."
    elif next_model:
        words = f"Embedding with {name}: {counted}. Until all are done, the vectors before are searched."
    else:
        words = f"Embedding with {name}: {counted}. The others are found by their words."
    state: State = "waiting" if growing.error and not is_whole else "ready" if is_whole else "embedding"
    error = growing.error if state == "waiting" else ""
    return ShownMeaning(state, model, next_model, done, of, words, error, growing.waits_until if error else None)
