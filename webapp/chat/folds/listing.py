"""The folds of a branch of a chat: the stretches that models get in a shorter form."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Literal

from sqlalchemy import func, select

from webapp.base.db import db
from webapp.chat.folds import stretch
from webapp.chat.folds.making import EXTRACT
from webapp.chat.prompt.fold_due import is_folding
from webapp.chat.prompt.path_folds import PathFold, on_path
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.models.tokens import estimate
from webapp.people.accounts.tables import User
from webapp.tools.calls import CallRecord
from webapp.tools.folded import RECALL, handle
from webapp.tools.results import hidden_results, seen_rounds
from webapp.tools.tables import Call

MOST_ORIGINAL_CHARS = 20_000
# An estimate of tokens examines no more of a text.
BEGINNING_CHARS = 8_000
BEGINNING = func.substr(Call.text, 1, BEGINNING_CHARS)
# What a fold says of a call besides its result.
COLUMNS = (
    Call.id,
    Call.message_id,
    Call.round,
    Call.number,
    Call.tool,
    Call.title,
    Call.arguments,
    Call.state,
    Call.note,
    Call.error,
    Call.sources,
    Call.outside,
    Call.text_at,
    Call.private_to,
    Call.fold,
)
ListedKind = Literal["result", "work", "story", "conversation"]


@dataclass(frozen=True, slots=True)
class ListedFold:
    """A fold of messages (`story`, `conversation`), of a call's result (`result`), or of an answer's whole rounds (`work`)."""

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
    # For a fold of messages, who has written its text: the machine (`extract`) or a model.
    made_by: str = EXTRACT
    model: str = ""
    prompt_version: int = 0
    # A model is writing its text.
    is_making: bool = False

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
    if folds and folds[-1].made_by == EXTRACT and not folds[-1].is_edited and is_folding(chat.id):
        folds[-1] = replace(folds[-1], is_making=True)
    calls = list(_folded_calls(chat, head_id))
    with_rounds = {call.message_id for call in calls if call.fold and call.fold["rounds"]}
    texts = select(Message.id, Message.content).where(Message.id.in_(with_rounds))
    contents = {row.id: row.content for row in db.session.execute(texts)} if with_rounds else {}
    hidden = hidden_results(reader, calls)
    for id, answers_calls in groupby(calls, key=lambda call: call.message_id):
        own = list(answers_calls)
        folds += [*_of_results(own, hidden), *_of_rounds(own, hidden, contents.get(id, ""))]
    return sorted(folds, key=lambda fold: fold.number)


def _folded_calls(chat: Chat, head_id: str) -> Iterator["CallInPart"]:
    """Yields the folded calls of a branch in their order, in one query, and another for those that stand in part."""
    up = queries.ancestors((Message.id == head_id) & (Message.chat_id == chat.id))
    query = select(*COLUMNS, BEGINNING.label("text"), func.length(Call.text).label("all_chars"))
    query = query.join(up, up.c.id == Call.message_id).where(Call.fold.is_not(None))
    rows = db.session.execute(query.order_by(Call.message_id, Call.round, Call.number)).all()
    sent = {row.id: row.fold["sent"] for row in rows if row.fold["sent"] > BEGINNING_CHARS}
    longer = func.substr(Call.text, 1, max(sent.values(), default=0)).label("text")
    longer_texts = db.session.execute(select(Call.id, longer).where(Call.id.in_(sent))) if sent else ()
    texts = {row.id: row.text for row in longer_texts}
    for row in rows:
        values = {**row._asdict(), "text": texts.get(row.id, row.text)}
        yield CallInPart(generation_id=None, upstream_id="", policy="", **values)


@dataclass(frozen=True, slots=True)
class CallInPart(CallRecord):
    """A call with the beginning of its result, which has so many characters."""

    all_chars: int = 0

    @property
    def chars(self) -> int:
        return self.all_chars

    @property
    def tokens(self) -> int:
        """About how many tokens its result has."""
        return estimate(self.text) * self.chars // max(1, len(self.text))


def original(chat: Chat, fold: ListedFold) -> str:
    """Returns the messages that a fold stands for, up to a length at which they are read in the chat."""
    ids = queries.ids_to(fold.last_id)
    names, lines, chars = stretch.names(chat), list[str](), 0
    for message in stretch.read(chat, ids[ids.index(fold.first_id) :]):
        if line := stretch.line(message, names):
            lines.append(line)
            chars += len(line)
        if chars > MOST_ORIGINAL_CHARS:
            return "\n\n".join(lines)[:MOST_ORIGINAL_CHARS] + "…"
    return "\n\n".join(lines)


def of_messages(fold: PathFold, ids: Sequence[str]) -> ListedFold:
    row = fold.row
    return ListedFold(
        id=row.id,
        number=row.number,
        kind=row.kind,
        first_id=ids[fold.first],
        last_id=row.message_id,
        text=row.text,
        calls=row.calls,
        tokens_before=row.tokens_before,
        tokens_after=row.tokens_after,
        is_outside=bool(row.outside),
        made_at=row.created_at,
        messages=fold.messages,
        is_edited=row.is_edited,
        made_by=row.made_by,
        model=row.model,
        prompt_version=row.prompt_version,
    )


def _of_results(calls: Sequence[CallInPart], hidden: Mapping[str, str]) -> Iterator[ListedFold]:
    for call in calls:
        if call.fold and call.tool != RECALL:
            text = call.as_line if call.fold["rounds"] else call.for_the_model
            yield _listed([call], "result", call.fold["number"], hidden.get(call.id, text))


def _of_rounds(calls: Sequence[CallInPart], hidden: Mapping[str, str], text: str) -> Iterator[ListedFold]:
    # Rounds are folded from the first on, so that no call before them is missing here.
    for number, words in seen_rounds(calls, text, hidden).items():
        own = [call for call in calls if call.fold and call.fold["rounds"] == number]
        yield _listed(own, "work", number, words)


def _listed(calls: Sequence[CallInPart], kind: ListedKind, number: int, text: str) -> ListedFold:
    arguments = sum(estimate(call.arguments) for call in calls) if kind == "work" else 0
    return ListedFold(
        id=handle(number),
        number=number,
        kind=kind,
        first_id=calls[0].message_id,
        last_id=calls[0].message_id,
        round=calls[0].round,
        text=text,
        calls=len(calls),
        tokens_before=arguments + sum(call.tokens for call in calls),
        tokens_after=estimate(text),
        is_outside=any(call.outside for call in calls),
        made_at=max(datetime.fromisoformat(call.fold["made_at"]) for call in calls if call.fold),
    )
