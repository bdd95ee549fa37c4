"""Pages for exporting and importing chats, in Millrace's format and those of other programs."""

from collections.abc import Iterable
from typing import IO

from flask import Blueprint, Response, request
from wtforms import MultipleFileField

from webapp.base.errors import Invalid
from webapp.base.heavy.turns import YieldingStream
from webapp.chat.imports import MOST_BYTES, MOST_FILES
from webapp.chat.record import queries
from webapp.chat.record.access import own_chat, right_in, visible_chat
from webapp.chat.record.tables import Chat
from webapp.engine.engine import the_engine
from webapp.people.accounts.guards import anybody, current_user, found, signed_in, user_or_none
from webapp.web.downloads import download, file_name
from webapp.web.forms import Form
from webapp.web.htmx import render
from webapp.workspace.exchange import export, export_pages, sillytavern
from webapp.workspace.list import bulk

bp = Blueprint("exchange", __name__)
# The file, plus the overhead of a multipart form.
MOST_IN_REQUEST = MOST_BYTES + 1024 * 1024


class ImportForm(Form):
    file = MultipleFileField(
        "Files",
        description=f".json, .jsonl or .html files, or the .zip from the other app. Up to {MOST_FILES} at once, 50 MB in all.",
    )


@bp.url_value_preprocessor
def allow_a_large_file(endpoint: str | None, _values: object) -> None:
    """Raises the upload limit before anything reads the form: only for signed-in people, and only for this endpoint."""
    if endpoint == "exchange.upload" and user_or_none():
        request.max_content_length = MOST_IN_REQUEST
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
    return render("workspace/exchange/import.html", form=ImportForm.fresh(), result=None)


@bp.post("/import")
@signed_in
def upload() -> Response:
    # Imported with the first file: with its parsers it takes half a megabyte.
    from webapp.workspace.exchange import service

    form, result = ImportForm.opened(), None
    with form.attempt():
        result = service.import_files(current_user(), _files())
    return form.shown("workspace/exchange/import.html", result=result)


def _files() -> list[tuple[str, IO[bytes]]]:
    files = [(storage.filename, storage.stream) for storage in request.files.getlist("file") if storage.filename]
    if not files:
        raise Invalid("Choose a file first.", field="file")
    return files


def _right(chat: Chat) -> str:
    return right_in(chat, user_or_none())


def _download(body: str | Iterable[str], chat: Chat, ending: str, mimetype: str) -> Response:
    return download(body, file_name(chat.title, ending, otherwise="chat"), mimetype)
