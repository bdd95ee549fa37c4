"""/api/v1/lorebooks: what worlds are made of."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response
from pydantic import Field

from webapp.accounts.guards import found
from webapp.api.access import caller
from webapp.api.native.characters import Name
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body
from webapp.errors import Invalid
from webapp.lore import files, queries, service
from webapp.lore.editing import BookInput
from webapp.lore.forms import sent_file
from webapp.lore.tables import Lorebook
from webapp.lore.views import exported
from webapp.web.downloads import download, file_name

bp = Blueprint("api_lorebooks", __name__, url_prefix="/api/v1/lorebooks")
BOOK = "The lorebook as character cards keep theirs (`character_book`)"


class LorebookSummary(Answer):
    id: str
    name: str
    is_always: bool = Field(description="Whether it is used in all your chats with characters.")
    entry_count: int
    created_at: datetime
    changed_at: datetime


class LorebookAnswer(LorebookSummary):
    book: dict[str, Any] = Field(description=f"{BOOK}.")


class LorebookList(Answer):
    lorebooks: list[LorebookSummary]


class NewLorebook(Body):
    name: Name
    is_always: bool = False
    book: dict[str, Any] | None = Field(None, description=f"{BOOK}, or a World Info file of SillyTavern; null for an empty one.")


class LorebookChange(Body):
    """Only the fields that are there are changed."""

    name: Name | None = None
    is_always: bool | None = None
    book: dict[str, Any] | None = Field(None, description="Instead of the one before.")


@bp.get("")
@operation("List your lorebooks", scope="read", answer=LorebookList)
def index() -> LorebookList:
    return LorebookList(lorebooks=[LorebookSummary.of(each) for each in queries.lorebooks(caller())])


@bp.post("")
@operation("Create a lorebook", scope="chat", body=NewLorebook, answer=LorebookAnswer, status=201)
def create(body: NewLorebook) -> LorebookAnswer:
    book = service.checked_book(body.book) if body.book is not None else None
    return LorebookAnswer.of(service.create(BookInput(body.name), by=caller(), book=book, is_always=body.is_always))


@bp.post("/import")
@operation(
    "Import a lorebook from a JSON file: World Info, lorebook_v3, or a card with a lorebook",
    scope="chat",
    upload_field="file",
    answer=LorebookAnswer,
    status=201,
    most_bytes=files.MOST_BYTES + 64 * 1024,
)
def bring_in() -> LorebookAnswer:
    if not (sent := sent_file()):
        raise Invalid("Choose a file.", field="file")
    return LorebookAnswer.of(service.bring_in(*sent, by=caller()))


@bp.get("/<id>")
@operation("Show a lorebook with its entries", scope="read", answer=LorebookAnswer)
def show(id: str) -> LorebookAnswer:
    return LorebookAnswer.of(_own(id))


@bp.patch("/<id>")
@operation("Update a lorebook", scope="chat", body=LorebookChange, answer=LorebookAnswer, errors=(409,))
def change(id: str, body: LorebookChange) -> LorebookAnswer:
    given = service.checked_book(body.book) if body.book is not None else None
    row = _own(id)
    name = body.name or (given or {}).get("name") or row.name
    service.change(row, lambda book: {**(book if given is None else given), "name": name}, is_always=body.is_always)
    return LorebookAnswer.of(_own(id))


@bp.delete("/<id>")
@operation("Delete a lorebook; it can be restored, and chats continue without it", scope="chat", status=204)
def delete(id: str) -> None:
    service.trash(_own(id))


@bp.post("/<id>/restore")
@operation("Restore a deleted lorebook", scope="chat", answer=LorebookAnswer)
def restore(id: str) -> LorebookAnswer:
    service.restore(found(queries.lorebook(caller(), id, is_deleted=True)))
    return LorebookAnswer.of(_own(id))


@bp.get("/<id>/export")
@operation("Export a lorebook as a World Info file", scope="read", media="application/json")
def export(id: str) -> Response:
    row = _own(id)
    return download(exported(row), file_name(row.name, "json", otherwise="lorebook"), "application/json")


def _own(id: str) -> Lorebook:
    return found(queries.lorebook(caller(), id))
