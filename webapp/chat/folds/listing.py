"""The folds of a branch of a chat: the stretches that models get in a shorter form."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal

from sqlalchemy import select

from webapp.base.db import db
from webapp.chat.prompt.path_folds import PathFold, on_path
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.models.tokens import estimate
from webapp.people.accounts.tables import User
from webapp.tools.calls import CallRecord, folded_rounds
from webapp.tools.folded import RECALL, handle
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call

ListedKind = Literal["result", "work", "conversation"]


@dataclass(frozen=True, slots=True)
class ListedFold:
    """A fold of messages (`conversation`), or of an answer's calls: of one result (`result`), or of whole rounds (`work`)."""

    id: str
    number: int
    kind: ListedKind
    first_id: str
    last_id: str
    text: str
    calls: int
    tokens_before: int
    tokens_after: int
    is_outside: bool
    made_at: datetime
    round: int = 0
    messages: int = 0
    is_edited: bool = False

    @property
    def handle(self) -> str:
        return handle(self.number)


def folds_on(chat: Chat, head_id: str | None, reader: User | None = None) -> list[ListedFold]:
    """Returns the folds of the branch that ends with this message, in the order of their numbers.

    Those of results that the reader may not see say why in place of a text.
    """
    if not chat.fold_count or not head_id:
        return []
    ids = queries.ids_to(head_id)
    folds = [of_messages(fold, ids) for fold in on_path(db.session(), chat, ids)]
    of_chat = select(Call).join(Message, Message.id == Call.message_id).where(Message.chat_id == chat.id, Call.fold.is_not(None))
    calls = [CallRecord.of(call) for call in db.session.scalars(of_chat.order_by(Call.message_id, Call.round, Call.number))]
    path, hidden = frozenset(ids), hidden_results(reader, calls)
    for id, answers_calls in groupby((call for call in calls if call.message_id in path), key=lambda call: call.message_id):
        own = list(answers_calls)
        content = db.session.scalar(select(Message.content).where(Message.id == id)) or ""
        folds += [*_of_results(own, hidden), *_of_rounds(own, hidden, content)]
    return sorted(folds, key=lambda fold: fold.number)


def of_messages(fold: PathFold, ids: Sequence[str]) -> ListedFold:
    row = fold.row
    return ListedFold(
        id=row.id,
        number=row.number,
        kind="conversation",
        first_id=ids[fold.first],
        last_id=row.message_id,
        text=row.text,
        calls=row.calls,
        tokens_before=row.tokens_before,
        tokens_after=row.tokens_after,
        is_outside=bool(row.outside),
        made_at=row.created_at,
        messages=row.messages,
        is_edited=row.is_edited,
    )


def _of_results(calls: Sequence[CallRecord], hidden: Mapping[str, str]) -> Iterator[ListedFold]:
    for call in calls:
        if call.fold and call.tool != RECALL:
            text = call.as_line if call.fold["rounds"] else call.for_the_model
            yield _listed([call], "result", call.fold["number"], hidden.get(call.id, text))


def _of_rounds(calls: Sequence[CallRecord], hidden: Mapping[str, str], text: str) -> Iterator[ListedFold]:
    # Rounds are folded from the first on, so that no call before them is missing here.
    for number, words in folded_rounds(calls, text).items():
        own = [call for call in calls if call.fold and call.fold["rounds"] == number]
        yield _listed(own, "work", number, next((hidden[call.id] for call in own if call.id in hidden), words))


def _listed(calls: Sequence[CallRecord], kind: ListedKind, number: int, text: str) -> ListedFold:
    whole = (f"{call.arguments}\n{call.text}" if kind == "work" else call.text for call in calls)
    return ListedFold(
        id=handle(number),
        number=number,
        kind=kind,
        first_id=calls[0].message_id,
        last_id=calls[0].message_id,
        round=calls[0].round,
        text=text,
        calls=len(calls),
        tokens_before=sum(map(estimate, whole)),
        tokens_after=estimate(text),
        is_outside=any(call.outside for call in calls),
        made_at=max(datetime.fromisoformat(call.fold["made_at"]) for call in calls if call.fold),
    )
