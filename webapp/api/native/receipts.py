"""/api/v1/receipts: what was permanently deleted, signed by this server."""

from datetime import datetime
from typing import Literal

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer
from webapp.people.accounts.guards import found
from webapp.people.receipts import service

bp = Blueprint("api_receipts", __name__, url_prefix="/api/v1/receipts")


class RemovedAnswer(Answer):
    what: str
    count: int


class HeldBackupAnswer(Answer):
    name: str
    until: str | None = Field(description="When it is removed; null if only people remove it.")


class SignedReceipt(Answer):
    """What was permanently deleted, in numbers and ids.

    The signature is Ed25519 over the JSON without `signature`: keys sorted, no blanks, UTF-8. The public keys of this server are
    at `/.well-known/millrace-receipts`.
    """

    id: str
    kind: Literal["fact", "chat", "person", "project"]
    at: str = Field(description="In UTC, as it was signed.")
    by: str = Field(description="The id of who deleted it, `command line`, or `retention` after its time in the trash.")
    removed: list[RemovedAnswer]
    used_in: list[str] = Field(description="Answers that used it and are still there.")
    still_in: list[str] = Field(description="Messages that still say it.")
    backups: list[HeldBackupAnswer] = Field(description="Copies in the folder of backups, which still have it.")
    key: str = Field(description="The public key.")
    signature: str


class ReceiptEntry(Answer):
    id: str
    kind: Literal["fact", "chat", "person", "project"]
    created_at: datetime


class ReceiptList(Answer):
    receipts: list[ReceiptEntry]


@bp.get("")
@operation("List the caller's newest receipts", scope="read", answer=ReceiptList)
def index() -> ReceiptList:
    mine = service.receipts_of(caller())
    return ReceiptList(receipts=[ReceiptEntry.of(receipt, kind=receipt.content["kind"]) for receipt in mine])


@bp.get("/<id>")
@operation("Show a receipt, one's own or as an owner", scope="read", answer=SignedReceipt)
def show(id: str) -> SignedReceipt:
    return SignedReceipt(**found(service.readable(caller(), id)).content)
