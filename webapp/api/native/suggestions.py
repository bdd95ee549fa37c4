"""/api/v1/chats/<id>/suggestion: the person's next message in a chat with a character, suggested by the model."""

from flask import Blueprint
from pydantic import Field

from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body
from webapp.chat.messages import suggestion
from webapp.chat.record.access import own_chat

bp = Blueprint("api_suggestions", __name__, url_prefix="/api/v1/chats/<id>/suggestion")


class Beginning(Body):
    message: str = Field("", description="What has been written of it; the suggestion begins with that.")


class Suggestion(Answer):
    message: str = Field(
        description="The suggested message. It is kept as the draft of this chat and not sent. Stopped: what was given."
    )


@bp.post("")
@operation(
    "Suggest a person's next message in a chat with a character",
    scope="chat",
    body=Beginning,
    answer=Suggestion,
    errors=(409, 429, 503),
)
def suggest(id: str, body: Beginning) -> Suggestion:
    return Suggestion(message=suggestion.suggest(own_chat(id), body.message))


@bp.delete("")
@operation("Stop the suggestion that is being written, if there is one", scope="chat", status=204)
def stop(id: str) -> None:
    suggestion.stop(own_chat(id))
