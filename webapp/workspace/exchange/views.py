"""Pages for exporting and importing chats, in Millrace's format and those of other programs."""

from collections.abc import Iterable
from typing import IO, Any

from flask import Blueprint, Response, jsonify, request, url_for
from wtforms import MultipleFileField

from webapp.base.errors import Invalid
from webapp.base.heavy.turns import YieldingStream
from webapp.chat.imports import MOST_BYTES, MOST_FILES, PIECE_BYTES
from webapp.chat.record import queries
from webapp.chat.record.access import own_chat, right_in, visible_chat
from webapp.chat.record.tables import Chat
from webapp.engine.engine import the_engine
from webapp.engine.watching.views import list_url
from webapp.people.accounts.guards import anybody, current_user, found, signed_in, user_or_none
from webapp.web.downloads import download, file_name
from webapp.web.forms import Form
from webapp.web.htmx import redirect, render
from webapp.workspace.exchange import export, export_pages, shown, sillytavern, uploads
from webapp.workspace.exchange.tables import ChatImport
from webapp.workspace.exchange.uploads import UploadInput
from webapp.workspace.list import bulk

bp = Blueprint("exchange", __name__)
# The files, plus the overhead of a multipart form; a piece is the body.
MOST_IN_REQUEST = {"exchange.upload": MOST_BYTES + 1024 * 1024, "exchange.add_piece": PIECE_BYTES}


class ImportForm(Form):
    file = MultipleFileField(
        "Files",
        description=f".json, .jsonl or .html files, up to {MOST_FILES} at once, or the .zip from the other app, up to 1 GB.",
    )


@bp.url_value_preprocessor
def allow_a_large_file(endpoint: str | None, _values: object) -> None:
    """Raises the upload limit before anything reads the form: only for signed-in people, and only for these endpoints."""
    if endpoint in MOST_IN_REQUEST and user_or_none():
        request.max_content_length = MOST_IN_REQUEST[endpoint]
        request.environ["wsgi.input"] = YieldingStream(request.environ["wsgi.input"])


@bp.get("/chats/<id>/export.md")
@anybody
def markdown(id: str) -> Response:
    chat = visible_chat(id)
    return _download(export.as_markdown(the_engine(), chat, _right(chat), user_or_none()), chat, "md", "text/markdown")


@bp.get("/chats/<id>/export.txt")
@anybody
def text(id: str) -> Response:
    chat = visible_chat(id)
    return _download(export.as_text(the_engine(), chat, _right(chat), user_or_none()), chat, "txt", "text/plain")


@bp.get("/chats/<id>/export.html")
@anybody
def page(id: str) -> Response:
    chat = visible_chat(id)
    return _download(export_pages.as_page(the_engine(), chat, _right(chat), user_or_none()), chat, "html", "text/html")


@bp.get("/chats/<id>/export.json")
@anybody
def json(id: str) -> Response:
    chat = own_chat(id)
    return _download(export.as_json(the_engine(), chat.id), chat, "json", "application/json")


@bp.get("/chats/<id>/export.jsonl")
@anybody
def swipes(id: str) -> Response:
    chat = own_chat(id)
    return _download(sillytavern.lines(the_engine(), chat), chat, "jsonl", "application/jsonl")


@bp.get("/export.zip")
@signed_in
def everything() -> Response:
    return download(export.everything(the_engine(), current_user().id), export.archive_name(), "application/zip")


@bp.post("/chats/several/export.zip")
@signed_in
def selected() -> Response:
    chats = queries.own_chats(current_user().id, request.form.getlist("chat")[: bulk.MOST])
    ids = found([chat.id for chat in chats if not chat.deleted_at] or None)
    return download(export.of_chats(the_engine(), ids), export.archive_name(), "application/zip")


@bp.get("/import")
@signed_in
def choose() -> Response:
    return render("workspace/exchange/import.html", form=ImportForm.fresh(), result=None, **_import())


@bp.post("/import")
@signed_in
def upload() -> Response:
    # Imported with the first file: with its parsers it takes half a megabyte.
    from webapp.workspace.exchange import service

    form, result = ImportForm.opened(), None
    with form.attempt():
        result = service.import_files(current_user(), _files())
    return form.shown("workspace/exchange/import.html", result=result, **_import())


@bp.post("/imports")
@signed_in
def begin_upload() -> Response:
    return _told(uploads.begin(current_user(), UploadInput.entered(request.form.to_dict())))


@bp.post("/imports/<id>/pieces")
@signed_in
def add_piece(id: str) -> Response:
    at = request.args.get("at", -1, type=int)
    return _told(uploads.add_piece(current_user().id, id, at, request.get_data(cache=False)))


@bp.post("/imports/<id>/end")
@signed_in
def end(id: str) -> Response:
    uploads.end(current_user().id, id)
    return redirect(url_for(".choose"))


def _import() -> dict[str, Any]:
    return {"live_url": list_url("import"), "running": shown.running(current_user().id), "piece_bytes": PIECE_BYTES}


def _told(row: ChatImport) -> Response:
    return jsonify(id=row.id, stored=row.stored, state=row.state)


def _files() -> list[tuple[str, IO[bytes]]]:
    files = [(storage.filename, storage.stream) for storage in request.files.getlist("file") if storage.filename]
    if not files:
        raise Invalid("Choose a file first.", field="file")
    return files


def _right(chat: Chat) -> str:
    return right_in(chat, user_or_none())


def _download(body: str | Iterable[str], chat: Chat, ending: str, mimetype: str) -> Response:
    return download(body, file_name(chat.title, ending, otherwise="chat"), mimetype)
