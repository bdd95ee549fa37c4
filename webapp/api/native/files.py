"""/api/v1/files: files attached to messages."""

from typing import Literal

from flask import Blueprint, Response, request
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer
from webapp.base.errors import Invalid
from webapp.chat.attachments import service
from webapp.chat.attachments.views import served, visible_file
from webapp.chat.files.tables import StoredFile
from webapp.web.uploads import expect_files

bp = Blueprint("api_files", __name__, url_prefix="/api/v1/files")


class FileAnswer(Answer):
    id: str
    name: str
    kind: Literal["image", "text", "document"] = Field(
        description="A document is kept as its text or, if it is long, as it is: then answers quote passages of it."
    )
    media_type: str
    bytes: int
    width: int = Field(description="Of an image, in pixels; else 0.")
    height: int


@bp.post("")
@operation(
    "Upload a PNG, JPEG, WebP or GIF image, a document or a text, to be sent in a message",
    scope="chat",
    upload_field="file",
    answer=FileAnswer,
    status=201,
    errors=(413, 422),
    named={"message": "file"},
)
def create() -> FileAnswer:
    expect_files(service.most_bytes())
    sent = request.files.get("file")
    if not sent or not sent.filename:
        raise Invalid("Send a file in the field `file`.", field="file")
    file: StoredFile = service.upload(caller().id, sent.filename, sent.stream)
    return FileAnswer.of(file)


@bp.get("/<id>")
@operation("Get a file that you sent, or that was sent in a chat you can see", scope="read", media="*/*")
def show(id: str) -> Response:
    return served(visible_file(id))
