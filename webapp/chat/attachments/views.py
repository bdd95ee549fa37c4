"""/files: uploads a file for the message being written, and serves a file to everyone who can see its chat."""

import os

from flask import Blueprint, Response, jsonify, request

from webapp.base.db import db
from webapp.base.languages import gettext as _
from webapp.base.words import size
from webapp.chat.attachments import service
from webapp.chat.files import storage
from webapp.chat.files.attachments import ABOUT_LONG, IN_PASSAGES
from webapp.chat.files.reference import parted, reference
from webapp.chat.files.tables import DOCUMENT, IMAGE, TEXT, StoredFile
from webapp.chat.record.access import right_in
from webapp.chat.record.model_choice import model_named, supports
from webapp.chat.record.tables import Chat
from webapp.knowledge import formats
from webapp.people.accounts.guards import current_user, found, signed_in, user_or_none
from webapp.web.downloads import SANDBOXED, VIEWED, written
from webapp.web.uploads import expect_files, sent_file

bp = Blueprint("files", __name__)
# Room for the message in the same form.
AROUND_BYTES = 1024 * 1024
# The content never changes, but the browser must revalidate: after signing out or losing access, no one should be able to open it
# from the cache.
CACHED = "private, no-cache"
SHOWN_TYPES = formats.SHOWN_BY_BROWSERS.values()
# Only signed-in people can upload files, and only to these endpoints.
ENDPOINTS = ("files.bring", "home.begin", "chat.send", "composer.queue")


@bp.app_url_value_preprocessor
def allow_files(endpoint: str | None, _values: object) -> None:
    """Raises the upload limit before anything reads the form."""
    if endpoint in ENDPOINTS and request.method == "POST" and user_or_none():
        expect_files(service.most_bytes(), around_bytes=AROUND_BYTES)


@bp.post("/files")
@signed_in
def bring() -> Response:
    name, stream = sent_file()
    bytes = stream.seek(0, os.SEEK_END)
    file = service.upload(current_user().id, name, stream)
    is_picture, is_long, block = file.kind == IMAGE, file.kind == DOCUMENT, service.block_of(file)
    is_unseen = is_picture and supports(model_named(request.form.get("model", "")), "vision") is False
    return jsonify(
        name=file.name,
        size="" if is_picture else ", ".join((size(bytes), _(IN_PASSAGES))) if is_long else size(bytes),
        text="" if is_picture else _(ABOUT_LONG) if is_long else parted(block)[0],
        block=block,
        url=f"/files/{file.id}" if is_picture else "",
        warning=_("This model can't see images, so it will only get this one's name.") if is_unseen else "",
    )


@bp.get("/files/<id>")
@signed_in
def show(id: str) -> Response:
    return served(visible_file(id))


def served(file: StoredFile) -> Response:
    """Serves a picture inline, as the server re-encoded it, and what browsers show in a viewer; other files as a download."""
    is_viewed = file.kind == TEXT and file.media_type in SHOWN_TYPES and "download" not in request.args
    is_known, name = request.if_none_match.contains(file.hash), reference(file.name, file.id).name
    content, policy = None if is_known else service.content_of(file), VIEWED if is_viewed else SANDBOXED
    response = written(content, file.media_type, name=name, is_shown=file.kind == IMAGE or is_viewed, policy=policy)
    response.status_code = 304 if is_known else 200
    response.headers["Cache-Control"] = CACHED
    response.set_etag(file.hash)
    return response


def visible_file(id: str) -> StoredFile:
    file, me = storage.file(id), user_or_none()
    if file and me and (file.owner_id == me.id or any(map(_is_open, storage.chats_with(id)))):
        return file
    return found(None)


def _is_open(chat_id: str) -> bool:
    chat = db.session.get(Chat, chat_id)
    return chat is not None and not chat.deleted_at and bool(right_in(chat, user_or_none()))
