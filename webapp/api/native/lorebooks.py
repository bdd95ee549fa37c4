"""/api/v1/lorebooks: lorebooks, whose entries describe fictional worlds."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response
from pydantic import Field

from webapp.api.access import caller
from webapp.api.native.things import add_grant_operations, add_trash_operations, own, seen
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Named
from webapp.base.heavy.turns import by_turns
from webapp.base.inputs import Name
from webapp.characters.lore import queries, service, world_info
from webapp.characters.lore.editing import LorebookInput
from webapp.characters.lore.tables import Lorebook
from webapp.characters.lore.views import exported
from webapp.web.downloads import download, file_name
from webapp.web.uploads import sent_file

bp = Blueprint("api_lorebooks", __name__, url_prefix="/api/v1/lorebooks")
BOOK = "The lorebook as character cards keep theirs (`character_book`)"


class LorebookSummary(Named):
    is_own: bool = Field(description="Whether it is yours; you can read, use and duplicate those that others share with you.")
    is_always: bool = Field(description="Whether it is used in all your chats with characters.")
    entry_count: int
    created_at: datetime
    changed_at: datetime


class LorebookAnswer(LorebookSummary):
    book: dict[str, Any] = Field(description=f"{BOOK}.")


class LorebookList(Answer):
    lorebooks: list[LorebookSummary]


class NewLorebook(LorebookInput):
    book: dict[str, Any] | None = Field(None, description=f"{BOOK}, or a World Info file of SillyTavern; null for an empty one.")


class LorebookChange(Body):
    """Updates only the fields that are sent."""

    name: Name | None = None
    is_always: bool | None = None
    book: dict[str, Any] | None = Field(None, description="Instead of the one before.")


@bp.get("")
@operation("List the lorebooks you can see, your own first", scope="read", answer=LorebookList)
def index() -> LorebookList:
    rows = by_turns(queries.SEEN_LOREBOOKS.all(caller()))
    return LorebookList(lorebooks=[LorebookSummary.of(row, **_whose(row)) for row in rows])


@bp.post("")
@operation("Create a lorebook", scope="chat", body=NewLorebook, answer=LorebookAnswer, status=201)
def create(body: NewLorebook) -> LorebookAnswer:
    book = service.checked_book(body.book) if body.book is not None else None
    return _answer_of(service.create(body, by=caller(), book=book))


@bp.post("/import")
@operation(
    "Import a lorebook from a JSON file: World Info, lorebook_v3, or a card with a lorebook",
    scope="chat",
    upload_field="file",
    answer=LorebookAnswer,
    status=201,
    most_bytes=world_info.MOST_BYTES + 64 * 1024,
)
def bring_in() -> LorebookAnswer:
    return _answer_of(service.import_lorebook(*sent_file(), by=caller()))


@bp.get("/<id>")
@operation("Show a lorebook with its entries", scope="read", answer=LorebookAnswer)
def show(id: str) -> LorebookAnswer:
    return _answer_of(seen(service.LOREBOOKS, id))


@bp.patch("/<id>")
@operation("Update a lorebook", scope="chat", body=LorebookChange, answer=LorebookAnswer, errors=(409,))
def change(id: str, body: LorebookChange) -> LorebookAnswer:
    book_values = service.checked_book(body.book) if body.book is not None else None
    row = own(service.LOREBOOKS, id)
    name = body.name or (book_values or {}).get("name") or row.name
    service.change(
        row, lambda book: {**(book if book_values is None else book_values), "name": name}, is_always=body.is_always, by=caller()
    )
    return _answer_of(own(service.LOREBOOKS, id))


@bp.post("/<id>/duplicate")
@operation("Make a copy of a lorebook that is your own", scope="chat", answer=LorebookAnswer, status=201, errors=(422,))
def duplicate(id: str) -> LorebookAnswer:
    return _answer_of(service.duplicate(seen(service.LOREBOOKS, id), by=caller()))


@bp.get("/<id>/export")
@operation("Export a lorebook as a World Info file", scope="read", media="application/json")
def export(id: str) -> Response:
    row = seen(service.LOREBOOKS, id)
    return download(exported(row), file_name(row.name, "json", otherwise="lorebook"), "application/json")


def _answer_of(row: Lorebook) -> LorebookAnswer:
    return LorebookAnswer.of(row, **_whose(row))


def _whose(row: Lorebook) -> dict[str, bool]:
    """Returns the fields about the caller as owner; `is_always` applies to the owner's chats alone."""
    is_own = row.owner_id == caller().id
    return {"is_own": is_own, "is_always": is_own and row.is_always}


add_trash_operations(
    bp,
    service.LOREBOOKS,
    _answer_of,
    scope="chat",
    deleting="Delete a lorebook; it can be restored, and chats continue without it",
    restoring="Restore a deleted lorebook",
)
add_grant_operations(
    bp,
    service.LOREBOOKS,
    scope="chat",
    listing="List who can see a lorebook; for its owner",
    granting="Grant a lorebook, for reading and using it",
    revoking="Remove a grant; chats continue without the lorebook",
)
