"""/api/v1/chats/ID/folds: the stretches of a chat that models get in a shorter form."""

from datetime import datetime
from typing import Annotated, Literal, Self

from flask import Blueprint
from pydantic import Field, StringConstraints

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Query
from webapp.chat.folds import service as folds
from webapp.chat.folds.listing import ListedFold, folds_on, of_messages
from webapp.chat.prompt.path_story import MOST_CHARS
from webapp.chat.record import queries
from webapp.chat.record.access import visible_chat, writable_chat

bp = Blueprint("api_folds", __name__, url_prefix="/api/v1/chats/<id>/folds")


class FoldAnswer(Answer):
    """A stretch of a chat that goes to models in a shorter form."""

    id: str
    handle: str = Field(description="What a model opens it by, such as `fold-3`.")
    kind: Literal["result", "work", "conversation"] = Field(
        description="`conversation` of messages, `result` of what a call returned, `work` of whole rounds of an answer."
    )
    first: str = Field(serialization_alias="from", description="The first message in it.")
    last: str = Field(serialization_alias="to", description="The last one.")
    round: int = Field(description="The first round in it; 0 for messages.")
    text: str = Field(description="What models are sent in its place.")
    messages: int
    calls: int
    tokens_before: int = Field(description="About how many tokens it stands for.")
    tokens_after: int
    state: Literal["made"]
    made_by: Literal["extract"] = Field(description="`extract` if no model has written it.")
    is_edited: bool
    is_outside: bool = Field(description="Whether it has text from outside in it.")
    made_at: datetime

    @classmethod
    def for_fold(cls, fold: ListedFold) -> Self:
        return cls.of(fold, first=fold.first_id, last=fold.last_id, state="made", made_by="extract")


class FoldList(Answer):
    folds: list[FoldAnswer]


class FoldsQuery(Query):
    head: str = Field("", description="The last message of the branch; the chat's own if left out.", max_length=40)


class FoldNow(Body):
    up_to: str = Field("", description="The last message in it; without, all but the person's last ones.", max_length=40)


class FoldChanges(Body):
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_CHARS)]


@bp.get("")
@operation("List what is folded on a branch of a chat", scope="read", query=FoldsQuery, answer=FoldList)
def index(id: str, query: FoldsQuery) -> FoldList:
    chat = visible_chat(id)
    return FoldList(folds=[FoldAnswer.for_fold(fold) for fold in folds_on(chat, query.head or chat.head_id, caller())])


@bp.post("")
@operation("Fold a chat now", scope="chat", body=FoldNow, answer=FoldAnswer, status=202, errors=(409,))
def fold_now(id: str, body: FoldNow) -> FoldAnswer:
    chat = writable_chat(id)
    new_fold = folds.fold_now(chat, body.up_to)
    return FoldAnswer.for_fold(of_messages(new_fold, queries.ids_to(chat.head_id)))


@bp.patch("/<fold>")
@operation("Edit the text of a fold", scope="chat", body=FoldChanges, answer=FoldAnswer)
def update(id: str, fold: str, body: FoldChanges) -> FoldAnswer:
    chat = writable_chat(id)
    folds.edit(chat, fold, body.text)
    return FoldAnswer.for_fold(of_messages(folds.of_chat(chat, fold), queries.ids_to(chat.head_id)))


@bp.delete("/<fold>")
@operation("Unfold: models get the messages again", scope="chat", status=204)
def unfold(id: str, fold: str) -> None:
    folds.unfold(writable_chat(id), fold)
