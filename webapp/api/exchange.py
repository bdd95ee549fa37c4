"""/api/v1/export and /api/v1/import: taking everything along, and bringing chats in."""

from io import BytesIO

from flask import Blueprint, Response, request

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas.chats import Brought
from webapp.chat import export
from webapp.chat.imports import files, store
from webapp.extensions import utc_now
from webapp.generations.engine import the_engine

bp = Blueprint("api_exchange", __name__, url_prefix="/api/v1")


@bp.get("/export")
@operation("Take all your chats along, as an archive", scope="read", media="application/zip")
def everything() -> Response:
    name = f'attachment; filename="millrace-{utc_now():%Y-%m-%d}.zip"'
    pieces = export.everything(the_engine(), caller().id)
    return Response(pieces, mimetype="application/zip", headers={"Content-Disposition": name})


@bp.post("/import")
@operation(
    "Bring in the chats of a file of ours, of ChatGPT or of Open WebUI",
    scope="chat",
    upload=True,
    answer=Brought,
    status=201,
    errors=(409,),
    most_bytes=files.MOST_BYTES,
)
def bring_in() -> Brought:
    return Brought.of(store.bring_in(caller(), BytesIO(request.get_data())))
