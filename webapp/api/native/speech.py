"""/api/v1/audio/speech: a text read aloud, in OpenAI's format."""

from typing import Literal

from flask import Blueprint, Response
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Body
from webapp.models.providers.voices import MOST_CHARS
from webapp.web.downloads import written
from webapp.workspace.reading_aloud import service

bp = Blueprint("api_speech", __name__, url_prefix="/api/v1/audio")


class SpokenText(Body):
    input: str = Field(min_length=1, max_length=MOST_CHARS, description="What is to be heard.")
    voice: str = Field("", max_length=service.MOST_VOICE, description="A voice of the model; by default the one that admins set.")
    response_format: Literal["mp3", "opus", "aac", "flac", "wav"] = "mp3"
    model: str = Field("", max_length=200, description="Ignored, as OpenAI's libraries send it: admins set the model.")


@bp.post("/speech")
@operation(
    "Have a text read aloud",
    scope="chat",
    body=SpokenText,
    media="audio/*",
    errors=(402, 409, 422, 429, 503),
)
def create(body: SpokenText) -> Response:
    spoken = service.speak(body.input, by=caller(), voice=body.voice, audio_format=body.response_format)
    return written(spoken.content, spoken.media_type)
