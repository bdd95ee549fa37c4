"""/api/v1/export and /api/v1/import: exporting all of one's data, and importing chats."""

from flask import Blueprint, Response, request
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer
from webapp.base.heavy.child import on_disk
from webapp.chat.exchange import export
from webapp.chat.exchange.imports import MOST_BYTES
from webapp.engine.engine import the_engine
from webapp.web.downloads import download

bp = Blueprint("api_exchange", __name__, url_prefix="/api/v1")


class Brought(Answer):
    """The result of an import: what is new, what was known already, what was rejected and why."""

    chats: int
    messages: int
    known: int
    refused: list[tuple[str, str]]
    refused_count: int
    trouble: str
    lacking: list[str] = Field(description="Lorebooks that the chats name and you don't have.")


@bp.get("/export")
@operation("Export all your chats as an archive", scope="read", media="application/zip")
def everything() -> Response:
    return download(export.everything(the_engine(), caller().id), export.archive_name(), "application/zip")


@bp.post("/import")
@operation(
    "Import chats from Millrace, ChatGPT, Claude, Open WebUI or SillyTavern",
    scope="chat",
    upload=True,
    upload_field="file",
    answer=Brought,
    status=201,
    errors=(409,),
    others=((429, "Several of your files were refused; wait as long as `Retry-After` says.", None),),
    most_bytes=MOST_BYTES,
)
def bring_in() -> Brought:
    """The file is the body, or up to 30 files are the field `file` of a form, as the other imports take them."""
    # Imported with the first file: with its parsers it takes half a megabyte.
    from webapp.chat.exchange import importing as store

    if files := [(each.filename or "", each.stream) for each in request.files.getlist("file")]:
        return Brought.of(store.import_files(caller(), files))
    with on_disk(request.stream) as file:
        return Brought.of(store.import_file(caller(), file))
