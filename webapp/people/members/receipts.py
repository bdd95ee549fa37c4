"""The receipt of an erased account: what was erased, what was rewritten without the person, and what is kept as a number.

Every column of every table that refers to an account is counted, so what a new feature stores is on it by itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Column, ColumnElement, Select, and_, select

from webapp.base.db import Base
from webapp.base.words import number
from webapp.people.receipts.service import count, referring, words_for

Fate = Literal["erased", "handed over", "rewritten", "kept"]
# What each column counts, where the name of its table doesn't say it.
WORDS: Mapping[str, str] = {
    "allowed_tools.user_id": "tools allowed in chats",
    "api_tokens.user_id": "API tokens",
    "experiments.created_by": "experiments they started",
    "experiments.ended_by": "experiments they ended",
    "feedback.user_id": "ratings",
    "generations.user_id": "answers in usage totals, without the person",
    "grants.created_by": "permissions they gave",
    "grants.user_id": "permissions given to them",
    "invites.created_by": "invites they created",
    "invites.user_id": "password links",
    "memberships.user_id": "group memberships",
    "model_marks.user_id": "model favorites",
    "person_variables.user_id": "variables",
    "plan_quotas.user_id": "plan counts",
    "question_runs.owner_id": "question runs",
    "second_factors.user_id": "second factors",
    "tool_policies.user_id": "tool policies",
    "workflow_runs.owner_id": "workflow runs",
}
# What lies within what is theirs.
IN_CHATS, IN_CHATS_OF_OTHERS, IN_COLLECTIONS, IN_COLLECTIONS_OF_OTHERS, FILES, FILES_OF_OTHERS, SUMS = WITHIN = (
    "messages in their chats",
    "messages in others' chats",
    "documents",
    "documents in others' collections",
    "files",
    "files in others' chats",
    "daily totals in Insights",
)
KEPT = {"generations.user_id"}
# What a person changed for the team is the team's; of the others, only what lies outside of what is theirs counts: `_within`.
NOT_COUNTED = {
    *("application_settings", "plan_types", "prompt_versions", "workflow_versions", "workflows", "user_sessions"),
    *("audit_entries", "calls", "documents", "files", "fuses", "messages"),
}


@dataclass(frozen=True)
class ReceiptLine:
    words: str
    count: int
    fate: Fate


@dataclass(frozen=True)
class Receipt:
    """What became of everything that an account had; `left` is what should be gone and isn't, which only a fault leaves."""

    email: str
    erased_at: datetime
    lines: tuple[ReceiptLine, ...]
    heir: str = ""
    left: tuple[ReceiptLine, ...] = ()
    # What is kept of it: the numbers, without address and name.
    signed: dict[str, Any] = field(default_factory=dict)

    @property
    def fates(self) -> tuple[Fate, ...]:
        """What became of something, in the order in which people read it."""
        return tuple(fate for fate in get_args(Fate) if self.of(fate))

    def of(self, fate: Fate) -> tuple[ReceiptLine, ...]:
        return tuple(line for line in self.lines if line.fate == fate)

    @property
    def record(self) -> dict[str, Any]:
        return {**asdict(self), "erased_at": self.erased_at.isoformat(timespec="seconds").replace("+00:00", "Z")}

    @property
    def text(self) -> str:
        """The receipt in lines, for a terminal or a file."""
        parts = [f"{self.email} was erased on {self.erased_at:%Y-%m-%d at %H:%M} UTC."]
        fates: tuple[tuple[Fate, str], ...] = (
            ("erased", "Erased"),
            ("handed over", f"Handed over to {self.heir}"),
            ("rewritten", "Anonymized"),
            ("kept", "Kept as totals"),
        )
        for fate, title in fates:
            if lines := self.of(fate):
                parts += ["", f"{title}:", *(f"  {number(line.count):>9}  {line.words}" for line in lines)]
        if self.left:
            parts += ["", "Not erased yet, because of a fault; erase the account again:"]
            parts += [f"  {number(line.count):>9}  {line.words}" for line in self.left]
        return "\n".join(parts)


def belongings(person_id: str) -> list[ReceiptLine]:
    """Counts what refers to an account and what lies within that; each count is a query of its own, and others go on between."""
    lines = [ReceiptLine(words, rows, fate) for words, fate, rows in _counts(person_id) if rows]
    return sorted(lines, key=lambda line: (line.fate, -line.count, line.words))


def _counts(person_id: str) -> Iterator[tuple[str, Fate, int]]:
    for column, fate in _columns():
        yield words_for(column, WORDS), fate, count(column, column == person_id)
    for words, fate, column, condition in _within(person_id):
        yield words, fate, count(column, condition)


def _columns() -> Iterator[tuple[Column[Any], Fate]]:
    for column, on_delete in referring("users"):
        if column.table.name not in NOT_COUNTED:
            is_kept = f"{column.table.name}.{column.name}" in KEPT
            yield column, "kept" if is_kept else "erased" if on_delete == "CASCADE" else "rewritten"


def _within(person_id: str) -> Iterator[tuple[str, Fate, Column[Any], ColumnElement[bool]]]:
    """Yields what belongs to a person through something else of theirs."""
    tables = Base.metadata.tables
    chats, collections = tables["chats"].c, tables["collections"].c
    messages, documents, days = tables["messages"].c, tables["documents"].c, tables["insight_days"].c
    files, chat_files = tables["files"].c, tables["chat_files"].c
    their_chats = select(chats.id).where(chats.owner_id == person_id)
    their_collections = select(collections.id).where(collections.owner_id == person_id)
    elsewhere = files.id.in_(select(chat_files.file_id).where(chat_files.chat_id.not_in(their_chats)))
    yield IN_CHATS, "erased", messages.id, messages.chat_id.in_(their_chats)
    written = _by(messages.author_id, person_id, messages.chat_id, their_chats)
    yield IN_CHATS_OF_OTHERS, "rewritten", messages.id, written
    yield IN_COLLECTIONS, "erased", documents.id, documents.collection_id.in_(their_collections)
    added = _by(documents.added_by, person_id, documents.collection_id, their_collections)
    yield IN_COLLECTIONS_OF_OTHERS, "rewritten", documents.id, added
    yield FILES, "erased", files.id, and_(files.owner_id == person_id, ~elsewhere)
    yield FILES_OF_OTHERS, "rewritten", files.id, and_(files.owner_id == person_id, elsewhere)
    yield SUMS, "erased", days.user_id, days.user_id == person_id


def _by(author: Column[Any], person_id: str, place: Column[Any], theirs: Select[Any]) -> ColumnElement[bool]:
    return and_(author == person_id, place.not_in(theirs))
