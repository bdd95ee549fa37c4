"""/api/v1/imports: archives of other programs, sent in pieces and read in the background."""

from typing import Any, Literal

from flask import Blueprint, request
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Pair, Query
from webapp.base.db import MOST_NUMBER
from webapp.chat.imports import PIECE_BYTES
from webapp.workspace.exchange import uploads
from webapp.workspace.exchange.tables import ChatImport
from webapp.workspace.exchange.uploads import UploadInput

COUNTS = ("chats", "messages", "known", "pictures", "documents", "refused_count", "left_out_count")
# What has come of an import that hasn't begun.
NOTHING: dict[str, Any] = {**dict.fromkeys(COUNTS, 0), "refused": [], "left_out": [], "trouble": ""}
bp = Blueprint("api_imports", __name__, url_prefix="/api/v1/imports")


class ImportAnswer(Answer):
    """An import: how much of the file has arrived, and how much of it has been read."""

    id: str
    name: str
    bytes: int
    stored: int = Field(description="The bytes that have arrived: where the next piece begins.")
    state: Literal["uploading", "reading", "done", "failed", "cancelled"]
    read: int = Field(description="The chats that have been read.")
    total: int = Field(description="The chats in the file; 0 until they are counted.")
    chats: int = Field(description="New chats.")
    messages: int
    known: int = Field(description="Chats that were here already.")
    pictures: int
    documents: int
    refused: list[Pair] = Field(description="The first chats that were refused, with the reason.")
    refused_count: int
    left_out: list[Pair] = Field(description="The first files of messages that were left out, with the reason.")
    left_out_count: int
    trouble: str

    @classmethod
    def from_row(cls, row: ChatImport) -> "ImportAnswer":
        of_row = {name: getattr(row, name) for name in ("id", "name", "bytes", "stored", "state", "read", "total")}
        return cls.model_validate(
            {**{name: row.result.get(name, usual) for name, usual in NOTHING.items()}, **of_row}, strict=False
        )


class PieceQuery(Query):
    at: int = Field(0, ge=0, le=MOST_NUMBER, description="Where the piece begins in the file.")


@bp.post("")
@operation(
    "Begin to send an archive in pieces, or continue with the same file",
    scope="chat",
    body=UploadInput,
    answer=ImportAnswer,
    status=201,
    errors=(409,),
)
def create(body: UploadInput) -> ImportAnswer:
    """A person has one import at a time. An upload that gets no piece for a day is removed."""
    return ImportAnswer.from_row(uploads.begin(caller(), body))


@bp.get("/<id>")
@operation("Show how far an import is, and what came of it", scope="read", answer=ImportAnswer)
def show(id: str) -> ImportAnswer:
    return ImportAnswer.from_row(uploads.own(caller().id, id))


@bp.post("/<id>/pieces")
@operation(
    "Send the next piece of an archive",
    scope="chat",
    query=PieceQuery,
    upload=True,
    answer=ImportAnswer,
    most_bytes=PIECE_BYTES,
)
def add_piece(id: str, query: PieceQuery) -> ImportAnswer:
    """The piece is the body. One that isn't the next is ignored: continue at `stored`. After the last one, the file is read."""
    return ImportAnswer.from_row(uploads.add_piece(caller().id, id, query.at, request.get_data(cache=False)))


@bp.delete("/<id>")
@operation("Cancel an import, or remove one that is over", scope="chat", status=204)
def delete(id: str) -> None:
    """What has been read of one that is cancelled stays."""
    uploads.end(caller().id, id)
