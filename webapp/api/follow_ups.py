"""/api/v1/chats/<id>/follow-up: the one message that waits until the answer before it is complete."""

from flask import Blueprint, Response

from webapp.api import told
from webapp.api.messages import STARTS, begun
from webapp.api.operations import operation
from webapp.api.schemas.chats import ChatAnswer, FollowUp, Sent
from webapp.chat import follow_up
from webapp.chat.access import own_chat

bp = Blueprint("api_follow_ups", __name__, url_prefix="/api/v1/chats/<id>/follow-up")


@bp.put("")
@operation(
    "Queue a message: it is sent when the present answer is complete",
    scope="chat",
    body=FollowUp,
    answer=ChatAnswer,
    errors=(409,),
)
def queue(id: str, body: FollowUp) -> ChatAnswer:
    follow_up.queue(own_chat(id), body.message, model=body.model)
    return told.chat(own_chat(id))


@bp.delete("")
@operation("Take back what waits", scope="chat", status=204, errors=(409,))
def remove(id: str) -> None:
    follow_up.remove(own_chat(id))


@bp.post("/send")
@operation("Send what waits now", **STARTS)
def send(id: str) -> Sent | Response:
    return begun(follow_up.send(own_chat(id)))
