"""/api/v1/messages/.../feedback: a person's rating of an answer."""

from typing import Annotated

from flask import Blueprint
from pydantic import Field, StringConstraints

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body
from webapp.chat.messages import feedback
from webapp.chat.messages.feedback import MOST_CHARS
from webapp.chat.record.access import own_message

bp = Blueprint("api_feedback", __name__, url_prefix="/api/v1/messages/<id>/feedback")


class FeedbackAnswer(Answer):
    is_good: bool | None = Field(description="Your rating; null if you haven't rated this answer.")
    reason: str


class NewFeedback(Body):
    is_good: bool
    reason: Annotated[str, StringConstraints(max_length=MOST_CHARS)] = ""


@bp.get("")
@operation("Show your rating of an answer", scope="read", answer=FeedbackAnswer)
def show(id: str) -> FeedbackAnswer:
    return _one(id)


@bp.put("")
@operation(
    "Rate an answer, instead of an earlier rating", scope="chat", body=NewFeedback, answer=FeedbackAnswer, errors=(409, 422)
)
def rate(id: str, body: NewFeedback) -> FeedbackAnswer:
    feedback.rate(caller().id, own_message(id), is_good=body.is_good, reason=body.reason)
    return _one(id)


@bp.delete("")
@operation("Delete your rating of an answer", scope="chat", status=204)
def take_back(id: str) -> None:
    feedback.take_back(caller().id, own_message(id))


def _one(id: str) -> FeedbackAnswer:
    found = feedback.by(caller().id, [own_message(id).id]).get(id)
    return FeedbackAnswer(is_good=found.is_good if found else None, reason=found.reason if found else "")
