"""/api/v1/audio/transcriptions: what is said in a recording."""

from typing import Literal

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import STARTS, operation, taken_form
from webapp.api.schemas import Answer, Query
from webapp.chat.dictation import service as dictation
from webapp.web.uploads import expect_files, sent_file

bp = Blueprint("api_transcriptions", __name__, url_prefix="/api/v1/audio/transcriptions")


class TranscriptionForm(Query):
    """What clients of OpenAI's send beside the recording; other fields are ignored."""

    language: str = Field("", pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})?)?$", description="The ISO code of what is spoken.")
    model: str = Field("", max_length=200, description="Ignored: an admin chooses the model.")
    response_format: Literal["json"] = "json"


class TranscriptionAnswer(Answer):
    text: str = Field(description="Empty if nothing is said.")


@bp.post("")
@operation(
    "Write down what is said in a recording",
    scope="chat",
    form=TranscriptionForm,
    upload_field="file",
    answer=TranscriptionAnswer,
    errors=(402, *STARTS),
)
def create() -> TranscriptionAnswer:
    expect_files(dictation.MOST_BYTES)
    _, stream = sent_file()
    form = taken_form(TranscriptionForm)
    return TranscriptionAnswer(text=dictation.transcribe(stream, by=caller(), language=form.language))
