"""/api/v1/chats/<id>/follow-up: the queued messages, each sent when the answer before it is complete."""

from flask import Blueprint, Response

from webapp.api.native.begun import STARTS, Sent, begun
from webapp.api.native.chats import ChatAnswer, answer_of
from webapp.api.operations import operation
from webapp.api.schemas import Body, Model, Text
from webapp.chat.messages import follow_up
from webapp.chat.record.access import own_chat

bp = Blueprint("api_follow_ups", __name__, url_prefix="/api/v1/chats/<id>/follow-up")


class FollowUp(Body):
    message: Text
    model: Model = ""


class Reworded(Body):
    message: Text


@bp.put("")
@operation(
    "Queue a message, to be sent when the answers before it are complete",
    scope="chat",
    body=FollowUp,
    answer=ChatAnswer,
    errors=(409,),
)
def queue(id: str, body: FollowUp) -> ChatAnswer:
    follow_up.queue(own_chat(id), body.message, model=body.model)
    return answer_of(own_chat(id))


@bp.delete("")
@operation("Remove every queued message", scope="chat", status=204)
def remove(id: str) -> None:
    follow_up.remove_all(own_chat(id))


@bp.patch("/<waiting>")
@operation("Edit a queued message", scope="chat", body=Reworded, answer=ChatAnswer, errors=(409,))
def edit(id: str, waiting: str, body: Reworded) -> ChatAnswer:
    follow_up.edit(own_chat(id), waiting, body.message)
    return answer_of(own_chat(id))


@bp.delete("/<waiting>")
@operation("Remove a queued message", scope="chat", status=204, errors=(409,))
def remove_one(id: str, waiting: str) -> None:
    follow_up.remove(own_chat(id), waiting)


@bp.post("/send")
@operation("Send the next queued message now", **STARTS)
def send(id: str) -> Sent | Response:
    return begun(follow_up.send(own_chat(id)))
