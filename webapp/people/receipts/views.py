"""/receipts: the signed receipts of what was permanently deleted, and the public keys to check them with."""

import json
from datetime import datetime

from flask import Blueprint, Response

from webapp.people.accounts.guards import anybody, current_user, found, signed_in
from webapp.people.receipts import keys, service
from webapp.people.receipts.service import SayingMessages
from webapp.people.receipts.tables import StoredReceipt
from webapp.web.downloads import download
from webapp.web.feature import brought
from webapp.web.htmx import render

bp = Blueprint("receipts", __name__)


@bp.get("/receipts")
@signed_in
def index() -> Response:
    return render("people/receipts/index.html", receipts=service.receipts_of(current_user()))


@bp.get("/receipts/<id>")
@signed_in
def show(id: str) -> Response:
    receipt = _readable(id)
    copies = [
        (copy["name"], datetime.fromisoformat(copy["until"]) if copy["until"] else None) for copy in receipt.content["backups"]
    ]
    ids = receipt.content["still_in"]
    saying = [row for messages in brought(SayingMessages) for row in messages.those_there(current_user(), ids)] if ids else []
    return render("people/receipts/show.html", receipt=receipt, backups=copies, saying=saying)


@bp.get("/receipts/<id>.json")
@signed_in
def save(id: str) -> Response:
    receipt = _readable(id)
    written = json.dumps(receipt.content, indent=2, sort_keys=True, ensure_ascii=False)
    return download(written + "\n", f"receipt-{receipt.id}.json", "application/json")


@bp.get("/.well-known/millrace-receipts")
@anybody
def public_keys() -> Response:
    known = [{"kid": key, "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": key} for key in keys.public_keys()]
    return Response(json.dumps({"keys": known}), content_type="application/json")


def _readable(id: str) -> StoredReceipt:
    return found(service.readable(current_user(), id))
