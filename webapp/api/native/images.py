"""/api/v1/images: makes a picture, or changes some, as OpenAI's clients ask for it."""

from base64 import b64encode
from typing import Literal

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import STARTS, idempotency_key, operation
from webapp.api.schemas import Answer
from webapp.chat.attachments import service as attachment_service
from webapp.chat.attachments.views import visible_file
from webapp.chat.record.access import writable_chat
from webapp.workspace.drawing import service as drawing_service

bp = Blueprint("api_images", __name__, url_prefix="/api/v1/images")


class NewPicture(drawing_service.PictureInput):
    response_format: Literal["url", "b64_json"] = Field("url", description="With `b64_json`, the reply has the picture, too.")


class PictureData(Answer):
    file_id: str = Field(description="A file of yours, as from `POST /api/v1/files`: to be sent in a message, or changed.")
    url: str
    b64_json: str | None = Field(description="The picture as base64, if it was asked for.")


class PictureUsage(Answer):
    """Unknown numbers are null, never 0."""

    input_tokens: int | None
    output_tokens: int | None
    cost: str | None = Field(description="US dollars, as decimal text.")


class PictureAnswer(Answer):
    created: int = Field(description="In seconds since 1970.")
    data: list[PictureData]
    usage: PictureUsage


@bp.post("")
@operation(
    "Make a picture, or change some",
    scope="chat",
    body=NewPicture,
    answer=PictureAnswer,
    status=201,
    errors=(404, *STARTS),
    takes_key=True,
    named={"message": "prompt"},
)
def create(body: NewPicture) -> PictureAnswer:
    if body.chat_id:
        writable_chat(body.chat_id)
    originals = [visible_file(id) for id in dict.fromkeys(body.file_ids)]
    picture = drawing_service.make(caller().id, body, originals, key=idempotency_key())
    packed = b64encode(attachment_service.content_of(picture.file)).decode() if body.response_format == "b64_json" else None
    return PictureAnswer(
        created=int(picture.created_at.timestamp()),
        data=[PictureData(file_id=picture.file.id, url=f"/files/{picture.file.id}", b64_json=packed)],
        usage=PictureUsage.of(picture),
    )
