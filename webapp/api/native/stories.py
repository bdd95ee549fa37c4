"""/api/v1/chats/ID/story: the story so far of a chat, which is sent in place of its earlier messages."""

from datetime import datetime
from typing import Annotated

from flask import Blueprint
from pydantic import Field, StringConstraints

from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body
from webapp.chat.prompt.path_story import MOST_CHARS
from webapp.chat.record.access import visible_chat, writable_chat, writer
from webapp.chat.record.tables import Chat
from webapp.chat.story import service as story_service
from webapp.models.connections.models import the_models

bp = Blueprint("api_stories", __name__, url_prefix="/api/v1/chats/<id>/story")


class StoryAnswer(Answer):
    text: str = Field(default="", description="Empty if there is none.")
    message_id: str | None = Field(default=None, description="The message down to which it tells the chat.")
    count: int = Field(default=0, description="How many messages of the current branch it tells.")
    is_edited: bool = Field(default=False, description="Whether a person wrote or changed it.")
    model: str = Field(default="", description="The model that wrote it; empty if none did.")
    model_name: str = Field(default="", description="The name shown for it.")
    mark: str = Field(default="", description="What this version is known by, for `was`.")
    created_at: datetime | None = None


class NewStory(Body):
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_CHARS)]
    was: str | None = Field(
        None,
        description="The `mark` of the story that this one replaces, empty for none; where another is there, that stays.",
        max_length=40,
    )


@bp.get("")
@operation("Get the story so far of a chat", scope="read", answer=StoryAnswer)
def show(id: str) -> StoryAnswer:
    return _story_of(visible_chat(id))


@bp.put("")
@operation("Write or change the story so far", scope="chat", body=NewStory, answer=StoryAnswer, errors=(409,))
def update(id: str, body: NewStory) -> StoryAnswer:
    story_service.save(writable_chat(id), body.text, was=body.was)
    return _story_of(visible_chat(id))


@bp.post("")
@operation("Have the model write the story so far now", scope="chat", answer=StoryAnswer, errors=(402, 409, 429, 503))
def write_now(id: str) -> StoryAnswer:
    story_service.write_now(writable_chat(id), by=writer())
    return _story_of(visible_chat(id))


@bp.delete("")
@operation("Delete the story so far", scope="chat", status=204, errors=(409,))
def forget(id: str) -> None:
    story_service.forget(writable_chat(id))


def _story_of(chat: Chat) -> StoryAnswer:
    story = story_service.story_of(chat)
    return StoryAnswer.of(story, model_name=the_models().display_name(story.model)) if story else StoryAnswer()
