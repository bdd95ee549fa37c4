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
from webapp.chat.prompt.path_folds import MOST_CHARS
from webapp.chat.record import queries
from webapp.chat.record.access import visible_chat, writable_chat, writer

bp = Blueprint("api_folds", __name__, url_prefix="/api/v1/chats/<id>/folds")


class FoldAnswer(Answer):
    """A stretch of a chat that goes to models in a shorter form."""

    id: str = Field(description="Of a `result` or `work`, its handle: these can't be edited or unfolded.")
    handle: str = Field(description="What a model opens it by, such as `fold-3`.")
    kind: Literal["result", "work", "story", "conversation"] = Field(
        description="`story` or `conversation` of messages, `result` of what a call returned, `work` of rounds of an answer."
    )
    first: str = Field(serialization_alias="from", description="The first message in it.")
    last: str = Field(serialization_alias="to", description="The last one.")
    round: int = Field(description="The first round in it; 0 for messages.")
    text: str = Field(description="What models are sent in its place.")
    messages: int
    calls: int
    tokens_before: int = Field(description="About how many tokens it stands for.")
    tokens_after: int
    state: Literal["making", "made"] = Field(
        description="`making` while a model writes its text. None fails: without one, the machine's own extract stays."
    )
    made_by: str = Field(description="`model`, or `extract` if no model has written it.")
    model: str = Field(description="The model that wrote it; empty if none did.")
    prompt_version: int = Field(description="The version of the prompt `fold` that it wrote it with.")
    is_edited: bool
    is_outside: bool = Field(description="Whether it has text from outside in it.")
    made_at: datetime

    @classmethod
    def for_fold(cls, fold: ListedFold) -> Self:
        return cls.of(fold, first=fold.first_id, last=fold.last_id, state="making" if fold.is_making else "made")


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
    new_fold = folds.fold_now(chat, body.up_to, by=writer())
    return FoldAnswer.for_fold(of_messages(new_fold, queries.ids_to(chat.head_id)))


@bp.patch("/<fold>")
@operation("Edit the text of a fold", scope="chat", body=FoldChanges, answer=FoldAnswer, errors=(409,))
def update(id: str, fold: str, body: FoldChanges) -> FoldAnswer:
    chat = writable_chat(id)
    folds.edit(chat, fold, body.text)
    changed = folds.of_chat(chat, fold)
    return FoldAnswer.for_fold(of_messages(changed.fold, changed.ids))


@bp.delete("/<fold>")
@operation("Unfold: models get the messages again", scope="chat", status=204, errors=(409,))
def unfold(id: str, fold: str) -> None:
    folds.unfold(writable_chat(id), fold)
